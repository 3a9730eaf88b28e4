//! Selection between units that conflict: the release code in this process.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use sculler::host::{Host, MachineId};
use sculler::select::{Candidate, Unplaced, select};
use sculler::unit::{Placement, UnitName, parse, placement};

use crate::table::{Row, Samples, Table};

/// Of so many units one has a glob.
const PER_GLOB: usize = 10;

const GOAL: Duration = Duration::from_millis(200);

/// Makes a glob from a unit's number.
type MakeGlob = fn(usize) -> String;

/// Globs as people write them, and as nobody should.
const KINDS: [(&str, MakeGlob); 9] = [
    ("a name", |number| format!("web-{:05}.service", number + 1)),
    ("NAME-*", |number| format!("web-{:04}*", number / 10 + 1)),
    ("*-NAME", |number| format!("*-{:05}.service", number + 1)),
    ("*NAME*", |number| format!("*{:04}*", number / 7)),
    ("web@*, for no unit", |number| format!("app-{number}@*.service")),
    ("[classes]", |number| format!("web-[0-4]{:03}[1-3].service", number % 1000)),
    ("?s alone", |number| format!("{}{}", "?".repeat(17 + number % 2), "*".repeat(number % 3))),
    ("*?e?*, in all names", |number| format!("*?e?*{:05}*", number)),
    ("all of them in turn", |number| KINDS[number / PER_GLOB % 8].1(number)),
];

pub fn measure(units: usize, samples: usize, table: &mut Table) {
    let machine_id = MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").expect("it is one");
    let host = Host { machine_id, hostname: "coreos001".to_owned(), metadata: BTreeMap::new() };
    for (kind, glob) in KINDS {
        let parsed: Vec<(UnitName, Placement)> = (0..units).map(|number| unit(number, glob)).collect();
        let candidates: Vec<Candidate<'_>> =
            parsed.iter().map(|(name, placement)| Candidate { name, placement }).collect();
        let once = |_| {
            let since = Instant::now();
            let verdicts = std::hint::black_box(select(&candidates, &host, Unplaced::Skip));
            assert_eq!(verdicts.len(), units);
            since.elapsed()
        };
        once(0);
        let samples = Samples::of((0..samples).map(once).collect());
        eprintln!("selection, {kind}: {samples}");
        let figure = |word: &str| format!("selection, {units} units, {} Conflicts: {kind}, {word}", units / PER_GLOB);
        table.add(Row::within(1, figure("median"), samples.median(), GOAL));
        table.add(Row::within(1, figure("p95"), samples.p95(), GOAL));
    }
}

fn unit(number: usize, glob: MakeGlob) -> (UnitName, Placement) {
    let name = UnitName::parse(&format!("web-{number:05}.service")).expect("it is one");
    let conflicts =
        if number.is_multiple_of(PER_GLOB) { format!("Conflicts={}\n", glob(number)) } else { String::new() };
    let (file, _) = parse(format!("[X-Fleet]\nGlobal=true\n{conflicts}").as_bytes());
    let (placement, diagnostics) = placement(&file, &name);
    assert!(diagnostics.is_empty(), "{diagnostics:?}");
    (name, placement)
}
