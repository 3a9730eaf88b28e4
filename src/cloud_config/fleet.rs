//! `coreos.fleet:`

use std::path::Path;

use super::fields::Fields;
use crate::config::{Fragment, Settings};
use crate::unit::Diagnostic;
use crate::yaml::Node;

const NO_ETCD: &str = "sculler needs no etcd";

/// Keys without a counterpart (fleetd's settings that coreos-cloudinit passed on), and why.
const OVER: &[(&str, &str)] = &[
    ("agent_ttl", "no host is waited for: each takes its own part"),
    ("authorized_keys_file", "users and keys are the host's"),
    ("disable_engine", "there is no engine: each host decides for itself"),
    ("engine_reconcile_interval", "changes are seen at once; resync_sec is how often the agent looks without a cause"),
    ("etcd_cafile", NO_ETCD),
    ("etcd_certfile", NO_ETCD),
    ("etcd_keyfile", NO_ETCD),
    ("etcd_key_prefix", NO_ETCD),
    ("etcd_request_timeout", NO_ETCD),
    ("etcd_servers", NO_ETCD),
    ("etcd_username", NO_ETCD),
    ("etcd_password", NO_ETCD),
    ("public_ip", "list-machines shows the host's first address"),
    ("token_limit", "there is no API over the network"),
    ("verbosity", "'systemctl edit sculler' and Environment=SCULLER_LOG=debug make the agent say more"),
    ("verify_units", "whoever may write into the unit directory is trusted; sync.toml can require signed commits"),
];

/// The metadata, as fleet wrote it.
pub fn read(node: &Node, errors: &mut Vec<Diagnostic>, notes: &mut Vec<Diagnostic>) -> Option<String> {
    let mut fields = Fields::of(node, errors);
    let metadata = fields.text("metadata", errors);
    for (key, reason) in OVER {
        if let Some(entry) = fields.entry(key) {
            notes.push(entry.warning(format!("not applied: fleet's {key}: {reason}")));
        }
    }
    fields.rest(notes);
    let metadata = metadata?;
    let text = metadata.text()?;
    let merged = Fragment::parse(Path::new("metadata"), &settings(text)).and_then(|one| Settings::merge([one]));
    if merged.is_err() {
        errors.push(metadata.error(format!("metadata '{text}' must be key=value,key=value")));
        return None;
    }
    Some(text.to_owned())
}

/// The file of sculler.toml.d/.
pub fn settings(metadata: &str) -> String {
    // Strings of JSON are strings of TOML.
    let text = serde_json::Value::from(metadata);
    format!("# From the cloud-config that 'sculler bootstrap' applied.\nmetadata = {text}\n")
}
