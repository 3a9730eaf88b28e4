//! A unit directory that is a Git work tree.

use std::time::{Duration, Instant};

use crate::agent::{SOON, sleeper, unit_path};
use crate::host::Host;

const GIT: &str = "git -C /etc/sculler/units -c user.name=x -c user.email=x@x";
const OTHER_HOST: &str = "23f81afecc6b4a7597c77776cf66a387";

#[test]
fn a_checkout_of_200_files_starts_and_stops_what_differs_and_nothing_else() {
    let host = Host::boot("git").with_agent();
    host.sh(&format!("{GIT} init -q -b main"));
    host.run_sleeper("common.service");
    host.sh(&format!("{GIT} add -A && {GIT} commit -qm main && {GIT} checkout -q -b many"));
    let here = sleeper();
    let elsewhere = here.replace("Global=true", &format!("MachineID={OTHER_HOST}"));
    host.sh(&format!(
        "cd /etc/sculler/units; for i in $(seq 180); do printf '%s' '{elsewhere}' > elsewhere$i.service; done; \
         mkdir team; for i in $(seq 20); do printf '%s' '{here}' > team/here$i.service; done"
    ));
    host.wait_active("here20.service");
    host.sh(&format!("{GIT} add -A && {GIT} commit -qm many"));
    host.settle();
    let common = host.invocation("common.service");
    let count = || host.sh("systemctl list-units --plain --no-legend 'here*' | wc -l").trim().to_owned();
    assert_eq!((count().as_str(), &host.status()["files"]), ("20", &201.into()));

    host.sh(&format!("{GIT} checkout -q main"));
    host.wait_until("the branch's units are gone", SOON, || count() == "0");
    host.settle();
    assert_eq!(host.status()["files"], 1);
    host.sh(&format!("{GIT} checkout -q many"));
    host.wait_until("the branch's units are back", SOON, || count() == "20");
    let here7 = host.invocation("here7.service");

    // To and fro faster than an absence counts
    host.sh(&format!("for i in 1 2 3; do {GIT} checkout -q main; {GIT} checkout -q many; done"));
    host.settle();
    assert_eq!(count(), "20");
    host.assert_untouched("common.service", &common);
    host.assert_untouched("here7.service", &here7);
    assert_eq!(host.settle(), Vec::<String>::new());
    assert!(host.told().contains("more files are not for this host"), "200 lines would hide what was done");
}

#[test]
fn nothing_counts_as_deleted_while_git_is_at_work() {
    let host = Host::boot("index-lock").with_agent();
    host.sh(&format!("{GIT} init -q"));
    host.run_sleeper("web.service");
    let invocation = host.invocation("web.service");
    host.write_in_place(&unit_path(".git/index.lock"), "");
    host.take_out("web.service");
    let gone = Instant::now();
    // Longer than an absence takes to count, and the agent looks all the while
    while gone.elapsed() < Duration::from_secs(3) {
        host.look();
    }
    host.assert_untouched("web.service", &invocation);
    host.remove(&unit_path(".git/index.lock"));
    host.wait_gone("web.service");
}
