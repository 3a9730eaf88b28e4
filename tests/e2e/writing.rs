//! Files that are not there completely, or not there for a moment.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::time::{Duration, Instant};

use crate::agent::{ATTACHED, SOON, service, sleeper, unit_path};
use crate::host::Host;

/// Opens a file of the unit directory for writing, as a shell's `exec 3>file` does.
fn open(host: &Host, file: &str) -> File {
    let path = host.path(&unit_path(file));
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(path);
    file.unwrap_or_else(|error| host.fail(&format!("cannot write: {error}")))
}

fn write(file: &mut File, text: &str) {
    file.write_all(text.as_bytes()).expect("an open file can be written");
}

#[test]
fn a_file_counts_when_its_writer_closes_it() {
    let host = Host::boot("writing").with_agent();
    host.run_sleeper("web.service");
    let invocation = host.invocation("web.service");
    let mut web = open(&host, "web.service");
    let mut new = open(&host, "new.service");
    // Each half is a valid unit, but not the one that is meant
    write(&mut web, "[Service]\nExecStart=/bin/sleep 1000");
    write(&mut new, &service("/bin/sleep 1000"));
    host.look();
    host.run_sleeper("probe.service");
    host.assert_untouched("web.service", &invocation);
    assert_eq!(host.read(&format!("{ATTACHED}/web.service")), sleeper());
    assert_eq!(host.property("new.service", "LoadState"), "not-found");
    write(&mut web, "001\n\n[X-Fleet]\nGlobal=true\n");
    drop(web);
    drop(new);
    host.wait_restarted("web.service", &invocation);
    assert!(host.property("web.service", "ExecStart").contains("1000001"));
    host.wait_active("new.service");
}

#[test]
fn a_file_that_is_held_open_counts_after_ten_seconds() {
    let host = Host::boot("held-open").with_agent();
    host.run_sleeper("web.service");
    let invocation = host.invocation("web.service");
    let since = Instant::now();
    let mut web = open(&host, "web.service");
    write(&mut web, &service("/bin/sleep 1000001"));
    host.wait_restarted("web.service", &invocation);
    assert!(since.elapsed() >= Duration::from_secs(10), "after {:?}", since.elapsed());
    drop(web);
}

#[test]
fn a_save_that_looks_like_a_deletion_stops_nothing() {
    let host = Host::boot("save").with_agent();
    host.run_sleeper("web.service");
    host.settle();
    let invocation = host.invocation("web.service");
    for _ in 0..3 {
        host.rename(&unit_path("web.service"), "/etc/sculler/web.service.saved");
        // The agent sees that it is gone
        host.look();
        host.rename("/etc/sculler/web.service.saved", &unit_path("web.service"));
        host.settle();
        host.assert_untouched("web.service", &invocation);
    }
}

#[test]
fn a_deletion_counts_after_two_seconds() {
    let host = Host::boot("deletion").with_agent();
    host.run_sleeper("web.service");
    let since = Instant::now();
    host.take_out("web.service");
    host.look();
    host.wait_gone("web.service");
    assert!(since.elapsed() >= Duration::from_secs(2), "after {:?}", since.elapsed());
    // What comes back is new
    host.run_sleeper("web.service");
}

#[test]
fn a_unit_whose_file_is_replaced_a_hundred_times_ends_with_the_last_text() {
    let host = Host::boot("storm").with_agent();
    host.run_sleeper("other.service");
    let other = host.invocation("other.service");
    for round in 1..=100 {
        host.put("web.service", &service(&format!("/bin/sleep {}", 1_000_000 + round)));
    }
    host.wait_until("the last text runs", SOON, || {
        host.is_active("web.service") && host.property("web.service", "ExecStart").contains("sleep 1000100")
    });
    host.settle();
    let pid = host.property("web.service", "MainPID");
    assert_eq!(host.sh(&format!("tr '\\0' ' ' < /proc/{pid}/cmdline")).trim(), "/bin/sleep 1000100");
    host.assert_untouched("other.service", &other);
}
