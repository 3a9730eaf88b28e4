//! `sculler render` of many files, beside `systemd-analyze verify`.

use std::time::Duration;

use crate::host::Host;
use crate::table::{Row, Samples, Table};

const ALL: &str = "/root/all";

/// The first of them, of all kinds; systemd-analyze takes longer for all than anybody wants to wait.
const PART: &str = "/root/part";
const PART_OF_ALL: usize = 10;

/// Of so many units one is for another host: what is not taken is not printed.
const PER_FOREIGN: usize = 10;

/// What a command printed, where it costs no disk.
const OUTPUT: &str = "/run/bench-output";

pub fn measure(host: &Host, files: usize, samples: usize, table: &mut Table) {
    host.make_dir(ALL);
    host.make_dir(PART);
    host.write("/etc/sculler/sculler.toml", "[metadata]\nrole = \"web\"\nzone = \"a\"\n");
    let machine_id = host.read("/etc/machine-id").trim().to_owned();
    let part = files / PART_OF_ALL;
    for number in 0..files {
        let text = unit(number, &machine_id);
        let folders = if number < part { &[ALL, PART][..] } else { &[ALL] };
        for folder in folders {
            std::fs::write(host.path(folder).join(name(number)), &text).expect("the disk can be written");
        }
    }
    let verify = format!("systemd-analyze verify --man=no {PART}/*.service");
    assert_verified(host, &verify, part);
    let sculler = times(host, &format!("sculler render {ALL}"), samples, |output| assert_rendered(output, files));
    let of_part = times(host, &format!("sculler render {PART}"), samples, |output| assert_rendered(output, part));
    let peer = times(host, &verify, samples.min(3), |output| assert_eq!(output, "", "systemd-analyze has complaints"));
    for (what, samples) in
        [("sculler, all", &sculler), ("sculler, the part", &of_part), ("systemd-analyze, the part", &peer)]
    {
        eprintln!("{what}: {samples}");
    }
    let rate = |files: usize, samples: &Samples| files as f64 / samples.median().as_secs_f64();
    table.add(Row::rate(2, &format!("render of {files} files"), "files/s", rate(files, &sculler), None));
    let beside = Some(rate(part, &peer));
    table.add(Row::rate(3, &format!("render, verify of {part} files"), "files/s", rate(part, &of_part), beside));
}

/// A verdict for each file, and the text of each that is taken.
fn assert_rendered(output: &str, files: usize) {
    let taken = files - files / PER_FOREIGN;
    let count = |found: fn(&str) -> bool| output.lines().filter(|line| found(line)).count();
    assert_eq!(count(|line| line.contains(".service: taken: ")), taken, "{}", head(output));
    assert_eq!(count(|line| line.contains(".service: not-taken: ")), files - taken, "{}", head(output));
    assert_eq!(count(|line| line.starts_with("ExecStart=")), taken, "{}", head(output));
}

/// systemd-analyze says nothing of a file that is right; with debug messages it names each.
fn assert_verified(host: &Host, verify: &str, files: usize) {
    host.sh(&format!("SYSTEMD_LOG_LEVEL=debug {verify} >{OUTPUT} 2>&1"));
    let output = output(host);
    let is_loaded = |number: &usize| output.contains(&format!("Installed new job {}/start", name(*number)));
    let loaded = (0..files).filter(is_loaded).count();
    assert_eq!(loaded, files, "systemd-analyze did not read them all: {}", head(&output));
}

/// systemd-analyze cuts its messages anywhere, in the middle of a letter too.
fn output(host: &Host) -> String {
    let bytes = std::fs::read(host.path(OUTPUT)).expect("the output is there");
    String::from_utf8_lossy(&bytes).into_owned()
}

fn head(output: &str) -> String {
    output.lines().take(20).collect::<Vec<_>>().join("\n")
}

fn name(number: usize) -> String {
    format!("web-{number:05}.service")
}

/// What people write, for many hosts.
fn unit(number: usize, machine_id: &str) -> String {
    let section = match number % 5 {
        0 if number.is_multiple_of(PER_FOREIGN) => format!("MachineID={:032x}", number + 1),
        0 => format!("MachineID={machine_id}"),
        1 => "MachineMetadata=role=web\nMachineMetadata=zone=a".to_owned(),
        2 => format!("Global=true\nConflicts=db-{number}-*.service"),
        3 => format!("MachineOf={}", name(number - 1)),
        _ => "Global=true".to_owned(),
    };
    format!(
        "[Unit]\nDescription=Web server {number}\nAfter=network.target\nWants=network.target\n\n\
         [Service]\n# the user\nUser=core\nRestart=on-failure\nRestartSec=5\n\
         ExecStartPre=-/usr/bin/test -e /run/web-{number}\nExecStart=/bin/sleep infinity\nExecStop=/bin/true {number}\n\n\
         [X-Fleet]\n{section}\n"
    )
}

/// Measured in the host, where entering it does not count. A run that fails, or whose output is not `right`, is no figure.
fn times(host: &Host, command: &str, samples: usize, right: impl Fn(&str)) -> Samples {
    let once = |_| {
        let line = format!(
            "since=$(date +%s%N); {command} >{OUTPUT} 2>&1; code=$?; echo $(($(date +%s%N) - since)); \
             [ $code = 0 ] || {{ head -n 20 {OUTPUT} >&2; exit $code; }}"
        );
        let took = Duration::from_nanos(host.sh(&line).trim().parse().expect("date prints a number"));
        right(&output(host));
        took
    };
    Samples::of((0..samples).map(once).collect())
}
