//! Called as `fleetctl`: its global flags are accepted, and what cannot exist here is named once.

use std::path::Path;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Command};

use super::UsageError;
use super::remote::Ssh;

/// Flags that take a value (`fleet: fleetctl/fleetctl.go`), and that nothing here could use.
const WITH_VALUE: [&str; 10] = [
    "driver",
    "endpoint",
    "etcd-key-prefix",
    "key-file",
    "cert-file",
    "ca-file",
    "request-timeout",
    "etcd-keyfile",
    "etcd-certfile",
    "etcd-cafile",
];

/// Flags that are on or off, also as `--flag=false`.
const SWITCHES: [&str; 2] = ["debug", "experimental-api"];

/// Flags that name another host to work on, and say how it is reached.
const TUNNEL: [&str; 5] = ["tunnel", "ssh-username", "ssh-port", "ssh-timeout", "known-hosts-file"];

/// On or off, as well; ssh has it too.
const HOST_KEYS: &str = "strict-host-key-checking";

/// fleetctl's default for `--ssh-username`.
const USER: &str = "core";

/// Whether this program was called by fleetctl's name.
pub fn is_called() -> bool {
    std::env::args_os().next().is_some_and(|program| Path::new(&program).file_name() == Some("fleetctl".as_ref()))
}

/// fleetctl's way to read the command line: its flags, and commands by their beginnings.
pub fn adapt(command: Command) -> Command {
    let hidden = |name: &'static str| Arg::new(name).long(name).global(true).hide(true);
    let with_value = WITH_VALUE.into_iter().chain(TUNNEL).map(|name| hidden(name).action(ArgAction::Set));
    let switches = SWITCHES.into_iter().chain([HOST_KEYS]).map(|name| {
        hidden(name).action(ArgAction::Set).num_args(0..=1).require_equals(true).default_missing_value("true")
    });
    command
        .name("fleetctl")
        .version(concat!("version ", env!("CARGO_PKG_VERSION")))
        .infer_subcommands(true)
        .args(with_value)
        .args(switches)
        .mut_subcommands(|command| command.mut_args(switch))
}

/// Go's flags take a value too: `--follow=true`.
fn switch(argument: Arg) -> Arg {
    if !matches!(argument.get_action(), ArgAction::SetTrue) {
        return argument;
    }
    let argument = argument.action(ArgAction::Set).num_args(0..=1).require_equals(true).hide_default_value(true);
    argument.default_value("false").default_missing_value("true").value_parser(BoolishValueParser::new())
}

/// Names what was given and has no meaning here, in one line.
pub fn warn(matches: &ArgMatches) {
    let is_given = |name: &&str| matches.value_source(name) == Some(ValueSource::CommandLine);
    let mut given: Vec<String> = WITH_VALUE
        .iter()
        .chain(&SWITCHES)
        .filter(|name| is_given(name) && **name != "debug")
        .map(|name| format!("--{name}"))
        .collect();
    let set = WITH_VALUE.iter().chain(&SWITCHES).map(|name| variable(name));
    given.extend(set.filter(|name| std::env::var_os(name).is_some()));
    if !given.is_empty() {
        eprintln!("fleetctl: ignored, since there is neither etcd nor a fleet API here: {}", given.join(", "));
    }
}

/// The host of `--tunnel` or `FLEETCTL_TUNNEL`.
pub fn tunnel(matches: &ArgMatches) -> Option<String> {
    let host = value(matches, "tunnel")?;
    match host.contains('@') {
        true => Some(host),
        false => Some(format!("{}@{host}", value(matches, "ssh-username").unwrap_or_else(|| USER.to_owned()))),
    }
}

/// What the flags say of how hosts are reached.
pub fn ssh(matches: &ArgMatches) -> anyhow::Result<Ssh> {
    let mut ssh = Ssh::default();
    let mut option = |text: String| ssh.options.extend(["-o".to_owned(), text]);
    if let Some(seconds) = value(matches, "ssh-timeout") {
        let Ok(seconds) = seconds.parse::<f64>() else {
            return Err(UsageError(format!("--ssh-timeout: '{seconds}' is no number of seconds")).into());
        };
        option(format!("ConnectTimeout={}", seconds.ceil().max(1.0)));
    }
    if let Some(file) = value(matches, "known-hosts-file") {
        option(format!("UserKnownHostsFile={file}"));
    }
    if let Some(word) = value(matches, HOST_KEYS) {
        let is_off = ["false", "f", "0"].contains(&word.to_lowercase().as_str());
        option(format!("StrictHostKeyChecking={}", if is_off { "no" } else { "yes" }));
    }
    if let Some(port) = value(matches, "ssh-port") {
        ssh.port = Some(super::remote::port(&port)?);
    }
    Ok(ssh)
}

/// What a flag or its variable says.
fn value(matches: &ArgMatches, name: &str) -> Option<String> {
    let given = matches.try_get_one::<String>(name).ok().flatten().cloned();
    given.or_else(|| std::env::var(variable(name)).ok()).filter(|value| !value.is_empty())
}

/// Whether `argument` is one of these flags, and whether the next argument is its value.
pub fn own_flag(argument: &str) -> Option<bool> {
    let name = argument.strip_prefix("--")?;
    let (name, has_value) = name.split_once('=').map_or((name, false), |(name, _)| (name, true));
    let takes_value = WITH_VALUE.contains(&name) || TUNNEL.contains(&name);
    (takes_value || SWITCHES.contains(&name) || name == HOST_KEYS).then_some(takes_value && !has_value)
}

/// `etcd-key-prefix` → `FLEETCTL_ETCD_KEY_PREFIX`
fn variable(flag: &str) -> String {
    format!("FLEETCTL_{}", flag.to_uppercase().replace('-', "_"))
}
