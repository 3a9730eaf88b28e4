//! `sculler render` of many files, beside `systemd-analyze verify`.

use std::time::Duration;

use crate::host::Host;
use crate::table::{Row, Samples, Table};

const FOLDER: &str = "/root/units";

/// systemd-analyze gets a tenth: it takes longer than anybody wants to wait.
const PEERS_PART: usize = 10;

pub fn measure(host: &Host, files: usize, samples: usize, table: &mut Table) {
    host.make_dir(FOLDER);
    host.make_dir("/root/part");
    for number in 0..files {
        let text = unit(number);
        std::fs::write(host.path(FOLDER).join(name(number)), &text).expect("the disk can be written");
        if number.is_multiple_of(PEERS_PART) {
            std::fs::write(host.path("/root/part").join(name(number)), &text).expect("the disk can be written");
        }
    }
    let part = files.div_ceil(PEERS_PART);
    let sculler = times(host, &format!("sculler render {FOLDER}"), samples);
    let of_part = times(host, "sculler render /root/part", samples);
    let peer = times(host, "systemd-analyze verify --man=no /root/part/*.service", samples.min(3));
    for (what, samples) in
        [("sculler, all", &sculler), ("sculler, a tenth", &of_part), ("systemd-analyze, a tenth", &peer)]
    {
        eprintln!("{what}: {samples}");
    }
    let rate = |files: usize, samples: &Samples| files as f64 / samples.median().as_secs_f64();
    table.add(Row::rate(2, &format!("render of {files} files"), "files/s", rate(files, &sculler), None));
    let beside = Some(rate(part, &peer));
    table.add(Row::rate(3, &format!("render, verify of {part} files"), "files/s", rate(part, &of_part), beside));
}

fn name(number: usize) -> String {
    format!("web-{number:05}.service")
}

/// What people write, for many hosts.
fn unit(number: usize) -> String {
    let section = match number % 5 {
        0 => format!("MachineID={number:032x}"),
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

/// Measured in the host, where entering it does not count.
fn times(host: &Host, command: &str, samples: usize) -> Samples {
    let once = |_| {
        let line = format!("since=$(date +%s%N); {command} >/dev/null 2>&1; echo $(($(date +%s%N) - since))");
        Duration::from_nanos(host.sh(&line).trim().parse().expect("date prints a number"))
    };
    Samples::of((0..samples).map(once).collect())
}
