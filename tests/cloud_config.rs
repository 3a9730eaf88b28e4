//! Walks `tests/cloud_config/NN-name/`: `user-data` in, `expected` out: what is wrong in it, or what has to be done and
//! what is said of it, then the document for cloud-init. `UPDATE=1` rewrites it.

mod support;

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use sculler::cloud_config::{Places, Values, emit, read, steps, substitute, text, unfilled};
use sculler::unit::Diagnostic;
use support::check;

#[test]
fn cases() {
    check(support::cases("cloud_config"), "expected", |case| report(&fs::read(case.join("user-data")).unwrap()));
}

fn report(bytes: &[u8]) -> String {
    match told(bytes) {
        Ok(report) => report,
        Err(errors) => {
            errors.iter().fold("refused\n".to_owned(), |report, error| report + &format!("{}\n", error.at("user-data")))
        }
    }
}

fn told(bytes: &[u8]) -> Result<String, Vec<Diagnostic>> {
    let places = Places {
        unit_dir: "/etc/sculler/units".into(),
        settings: "/etc/sculler/sculler.toml.d/50-cloud-config.toml".into(),
    };
    let text = text(bytes).map_err(|reason| vec![Diagnostic::error(0, 0, reason)])?;
    let (text, holes) = substitute(&text, &Values::from([("private_ipv4", "10.0.0.7".to_owned())]));
    let config = read(&text)?;
    let steps = steps(&config, &places)?;
    let errors = unfilled(&holes, steps.files.iter().map(|file| file.content.as_slice()));
    if !errors.is_empty() {
        return Err(errors);
    }
    let mut out = String::new();
    for file in &steps.files {
        let owner = file.owner.as_deref().unwrap_or("root");
        writeln!(out, "write {} {:04o} {owner}", file.path.display(), file.mode).unwrap();
        String::from_utf8_lossy(&file.content).lines().for_each(|line| writeln!(out, "  | {line}").unwrap());
    }
    steps.masks.iter().for_each(|path| writeln!(out, "mask {}", path.display()).unwrap());
    steps.unmasks.iter().for_each(|path| writeln!(out, "unmask {}", path.display()).unwrap());
    steps.enables.iter().for_each(|(name, runtime)| {
        writeln!(out, "enable {name}{}", if *runtime { " until the next boot" } else { "" }).unwrap();
    });
    steps.commands.iter().for_each(|command| writeln!(out, "{} {}", command.verb.word(), command.unit).unwrap());
    steps.notes.iter().for_each(|note| writeln!(out, "{}", note.at("user-data")).unwrap());
    if let Some(document) = emit(&config) {
        writeln!(out, "---\n{document}").unwrap();
    }
    Ok(out)
}

/// coreos-cloudinit's own list (config/config.go): each is read.
#[test]
fn every_key_is_known() {
    let text = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cloud_config"))
        .unwrap()
        .map(|case| fs::read_to_string(case.unwrap().path().join("user-data")).unwrap_or_default().replace('-', "_"))
        .collect::<String>();
    for key in [
        "ssh_authorized_keys",
        "hostname",
        "manage_etc_hosts",
        "write_files",
        "users",
        "etcd",
        "etcd2",
        "flannel",
        "fleet",
        "locksmith",
        "oem",
        "update",
        "units",
        "runtime",
        "enable",
        "mask",
        "command",
        "drop_ins",
        "content",
        "encoding",
        "owner",
        "permissions",
        "path",
        "agent_ttl",
        "authorized_keys_file",
        "disable_engine",
        "engine_reconcile_interval",
        "etcd_cafile",
        "metadata",
        "public_ip",
        "token_limit",
        "verbosity",
        "verify_units",
        "passwd",
        "gecos",
        "homedir",
        "no_create_home",
        "primary_group",
        "groups",
        "no_user_group",
        "system",
        "no_log_init",
        "shell",
        "coreos_ssh_import_github",
        "coreos_ssh_import_github_users",
        "coreos_ssh_import_url",
        "inactive",
        "lock_passwd",
        "sudo",
        "selinux_user",
        "ssh_import_id",
    ] {
        assert!(text.contains(&format!("{key}:")), "no case has {key}");
    }
}

proptest! {
    #![proptest_config(support::proptest_config())]

    #[test]
    fn nothing_panics(text in "#cloud-config\n((write_files|coreos|units|  - name|    content|  units|permissions|encoding|path|users|: |:\n|- |\\$private_ipv4|\n|  |gz|b64|/a|web.service|\\[X-Fleet\\]|\"){0,40})") {
        let _ = report(text.as_bytes());
    }
}
