//! `make bench BENCH=owners`: checking that somebody may read a large tree, for the first time and again. Needs root.
//!
//!     QUICK=1 make bench BENCH=owners      a tenth of the files: whether it works, no figures to quote

#[allow(dead_code)]
#[path = "main_job/table.rs"]
mod table;

use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime};

use sculler::mounts::access::Who;
use sculler::mounts::check::{self, Wish};
use sculler::mounts::remember;
use table::{Row, Samples, Table};

const UID: u32 = 54_321;

/// Files of a folder.
const EACH: usize = 100;

fn main() {
    let is_quick = std::env::var_os("QUICK").is_some_and(|value| !value.is_empty());
    let (files, turns) = if is_quick { (10_000, 3) } else { (100_000, 9) };
    let folder = std::env::temp_dir().join(format!("sculler-bench-owners-{}", std::process::id()));
    let tree = folder.join("tree");
    fill(&tree, files);
    let mut table = Table::default();
    // Every file has another owner: its access control list is asked for as well.
    measure(&folder, &tree, &format!("{files} files of others, readable for all"), 1, turns, &mut table);
    own(&tree);
    measure(&folder, &tree, &format!("{files} files of the user's own"), 3, turns, &mut table);
    fs::remove_dir_all(&folder).expect("what was made can be removed");
    println!("\n{table}");
    println!("The peer asks the same, without the way down: find TREE ! -readable, as that user.");
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load average {}", load.trim_end());
}

fn fill(tree: &Path, files: usize) {
    for number in 0..files {
        let folder = tree.join((number / EACH).to_string());
        if number % EACH == 0 {
            fs::create_dir_all(&folder).expect("the disk can be written");
        }
        fs::write(folder.join(number.to_string()), "").expect("the disk can be written");
    }
}

fn own(tree: &Path) {
    let done = Command::new("chown").arg("-R").arg(format!("{UID}:{UID}")).arg(tree).status();
    assert!(done.is_ok_and(|status| status.success()), "chown needs root");
    chown(tree, Some(UID), Some(UID)).expect("root may");
}

fn measure(folder: &Path, tree: &Path, what: &str, part: u8, turns: usize, table: &mut Table) {
    let tree = check::canonical(tree).expect("it is there");
    let who = Who { uid: UID, gid: UID, groups: Vec::new() };
    let wish = Wish { who, is_writable: false, is_root: false, map: None };
    let (mut first, mut again, mut found) = (Vec::new(), Vec::new(), Vec::new());
    // In turns, so that whatever else the machine does falls on all; the first warms up
    for turn in 0..=turns {
        let known = remember::path(folder, &tree, &wish);
        let begin = Instant::now();
        let report = check::check(&tree, &wish, &AtomicU64::new(0)).expect("it can be read");
        // As if the tree had rested for a while
        remember::keep(&known, &report, SystemTime::now() + Duration::from_secs(60)).expect("the disk can be written");
        let took = begin.elapsed();
        assert!(report.is_fine(), "{:?}", report.first);
        let begin = Instant::now();
        assert!(remember::is_unchanged(&known));
        let took_again = begin.elapsed();
        let peer = find(&tree);
        if turn > 0 {
            first.push(took);
            again.push(took_again);
            found.push(peer);
        }
    }
    let peer = Samples::of(found).median();
    table.add(Row::beside(
        part,
        format!("first: {what}"),
        Samples::of(first).median(),
        peer,
        Some((Duration::from_secs(2), "seconds")),
    ));
    table.add(Row::beside(
        part + 1,
        format!("again: {what}"),
        Samples::of(again).median(),
        peer,
        Some((Duration::from_millis(20), "no delay")),
    ));
}

fn find(tree: &Path) -> Duration {
    let begin = Instant::now();
    let user = [format!("--reuid={UID}"), format!("--regid={UID}"), "--clear-groups".to_owned(), "find".to_owned()];
    let done =
        Command::new("setpriv").args(user).arg(tree).args(["!", "-readable"]).output().expect("setpriv is there");
    assert!(done.status.success() && done.stdout.is_empty(), "{done:?}");
    begin.elapsed()
}
