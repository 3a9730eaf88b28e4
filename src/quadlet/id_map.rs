//! `idmap=uids=…;gids=…`: which owners on disk are shown as whom (podman-run(1), `--mount`; podman:
//! `parseIDMapMountOption()` in pkg/util/mountOpts.go and `parseMountIDMapping()` of crun).

/// Consecutive owners, mapped to as many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Range {
    /// The first, on disk.
    pub from: u32,
    /// The first, as it is shown.
    pub to: u32,
    /// How many.
    pub length: u32,
}

impl Range {
    /// As whom an owner on disk is shown.
    pub fn shown(&self, owner: u32) -> Option<u32> {
        let place = owner.checked_sub(self.from)?;
        (place < self.length).then(|| self.to + place)
    }

    /// Which owner on disk is shown as that one.
    pub fn on_disk(&self, shown: u32) -> Option<u32> {
        let place = shown.checked_sub(self.to)?;
        (place < self.length).then(|| self.from + place)
    }
}

/// The kernel's limit (user_namespaces(7)).
const LONGEST: usize = 340;

/// Reads `FROM-TO-LENGTH`, several parted by `#`. A `@` says that what is shown is meant as the container counts, which is
/// as the host counts where the Engine remaps nobody.
pub fn parse(text: &str) -> Result<Vec<Range>, String> {
    let ranges = text.split('#').map(|part| {
        let numbers: Vec<u32> =
            part.trim_start_matches('@').split('-').filter_map(|number| number.parse().ok()).collect();
        match numbers[..] {
            [from, to, length] if part.matches('-').count() == 2 && !part.contains('+') && length > 0 => {
                let fits = |first: u32| first.checked_add(length).is_some();
                if fits(from) && fits(to) {
                    Ok(Range { from, to, length })
                } else {
                    Err(format!("'{part}' goes beyond the largest number"))
                }
            }
            _ => Err(format!("'{part}' is not FROM-TO-LENGTH")),
        }
    });
    let ranges: Vec<Range> = ranges.collect::<Result<_, _>>()?;
    if ranges.len() > LONGEST {
        return Err(format!("has more than {LONGEST} ranges"));
    }
    let overlap = |one: u32, other: u32, a: &Range, b: &Range| one < other + b.length && other < one + a.length;
    for (index, a) in ranges.iter().enumerate() {
        let mut later = ranges[index + 1..].iter();
        if later.any(|b| overlap(a.from, b.from, a, b) || overlap(a.to, b.to, a, b)) {
            return Err("names somebody twice".to_owned());
        }
    }
    Ok(ranges)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges() {
        let read = parse("0-1000-10#@5000-33-1").unwrap();
        assert_eq!(read, [Range { from: 0, to: 1000, length: 10 }, Range { from: 5000, to: 33, length: 1 }]);
        assert_eq!(
            (read[0].shown(9), read[0].shown(10), read[0].on_disk(1009), read[0].on_disk(5)),
            (Some(1009), None, Some(9), None)
        );
        for text in [
            "",
            "1-2",
            "1-2-0",
            "1-2-3-4",
            "a-b-c",
            "0-1-4294967295",
            "0-1-5#4-20-1",
            "0-1-5#9-5-1",
            "+0-1-2",
            "1--2-3",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
