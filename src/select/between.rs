//! What holds between units: `MachineOf=`, `Replaces=`, `Conflicts=`, in this order.
//!
//! - `MachineOf=`: a unit may be here if all those it names may; a circle is an error.
//! - `Replaces=`: what is named gives way if the one that names it may be here and does not give way itself. Units
//!   that replace each other, by two or in a longer circle, all stay (fleet: TestHasReplaces).
//! - `Conflicts=`: in name order, each unit is held against those accepted before it, in both directions.
//!
//! A unit that names another by `MachineOf=` and comes before it is accepted before that one's conflicts are known.
//! If the named one loses such a conflict, the earlier unit is in error: it takes no part, and the rest is evaluated
//! again without it. The same goes for a unit that others gave way to and that then lost a conflict. Each time fewer
//! units take part, so this ends.

use std::borrow::Cow;
use std::collections::HashMap;

use super::globs::Globs;
use super::own::Own;
use super::{Candidate, Reason, Verdict, graph};
use crate::host::Host;
use crate::unit::diagnostics::Diagnostic;
use crate::unit::fleet::Value;
use crate::unit::specifier::expand_host;

/// `candidates` are sorted by name, and a unit's number below is its place among them.
pub(super) fn decide(candidates: &[Candidate<'_>], own: Vec<Own>, host: &Host) -> Vec<Verdict> {
    let units = Units::new(candidates, &own, host);
    let mut settled: Vec<Option<Verdict>> = vec![None; candidates.len()];
    units.settle_circles(&mut settled);
    let refusals = loop {
        let round = Round::run(&units, &own, &settled);
        if round.settled.is_empty() {
            break round.refused;
        }
        for (unit, verdict) in round.settled {
            settled[unit] = Some(verdict);
        }
    };
    let follows = |unit: usize| {
        Reason::new(
            candidates[unit].placement.machine_of.first().map_or(0, |value| value.line),
            format!("MachineOf={}: taken here as well", units.named_list(unit)),
        )
    };
    let decided = settled.into_iter().zip(refusals).zip(own).enumerate();
    decided
        .map(|(unit, ((settled, refused), own))| match (settled, refused, own) {
            (Some(verdict), _, _) => verdict,
            (None, _, Own::NotTaken(reason)) | (None, Some(reason), _) => Verdict::NotTaken { reason },
            (None, None, Own::Taken(reason)) => Verdict::Taken { reason },
            (None, None, Own::Follows) => Verdict::Taken { reason: follows(unit) },
        })
        .collect()
}

/// What does not change from round to round.
struct Units<'a> {
    candidates: &'a [Candidate<'a>],
    /// By `MachineOf=`: each name with its unit, if there is one.
    named: Vec<Vec<(Cow<'a, str>, Option<usize>)>>,
    /// The same, units only.
    leads_to: Vec<Vec<usize>>,
    /// The other way round: the units that follow a unit.
    followers: Vec<Vec<usize>>,
    /// Every unit after those that it follows.
    parts: Vec<Vec<usize>>,
    /// The units that could be taken as far as they themselves are concerned, by name.
    order: Vec<usize>,
    globs: Globs<'a>,
    /// By unit: the globs of `Conflicts=`, of `Replaces=`, and those that match the unit's name.
    conflicts: Vec<Vec<usize>>,
    replaces: Vec<Vec<usize>>,
    matched_by: Vec<Vec<usize>>,
}

impl<'a> Units<'a> {
    fn new(candidates: &'a [Candidate<'a>], own: &[Own], host: &'a Host) -> Self {
        let count = candidates.len();
        let mut named = vec![Vec::new(); count];
        let mut leads_to = vec![Vec::new(); count];
        let mut followers = vec![Vec::new(); count];
        if candidates.iter().any(|candidate| !candidate.placement.machine_of.is_empty()) {
            let numbers: HashMap<&str, usize> =
                candidates.iter().enumerate().rev().map(|(unit, candidate)| (candidate.name.as_str(), unit)).collect();
            for (unit, candidate) in candidates.iter().enumerate() {
                for value in &candidate.placement.machine_of {
                    let name = expand_host(&value.text, host);
                    let other = numbers.get(&*name).copied();
                    leads_to[unit].extend(other);
                    if let Some(other) = other {
                        followers[other].push(unit);
                    }
                    named[unit].push((name, other));
                }
            }
        }
        let order: Vec<usize> = (0..count).filter(|unit| !matches!(own[*unit], Own::NotTaken(_))).collect();
        let mut globs = Globs::default();
        let mut conflicts = vec![Vec::new(); count];
        let mut replaces = vec![Vec::new(); count];
        for &unit in &order {
            let placement = candidates[unit].placement;
            let mut numbers = |values: &'a [Value]| -> Vec<usize> {
                values.iter().map(|value| globs.number(expand_host(&value.text, host))).collect()
            };
            conflicts[unit] = numbers(&placement.conflicts);
            replaces[unit] = numbers(&placement.replaces);
        }
        let names: Vec<&str> = order.iter().map(|unit| candidates[*unit].name.as_str()).collect();
        let mut matched_by = vec![Vec::new(); count];
        for (unit, matched) in order.iter().zip(globs.match_all(&names)) {
            matched_by[*unit] = matched;
        }
        let parts = graph::parts(&leads_to);
        Self { candidates, named, leads_to, followers, parts, order, globs, conflicts, replaces, matched_by }
    }

    fn name(&self, unit: usize) -> &'a str {
        self.candidates[unit].name.as_str()
    }

    fn named_list(&self, unit: usize) -> String {
        self.named[unit].iter().map(|(name, _)| &**name).collect::<Vec<_>>().join(", ")
    }

    /// The line and column of the `MachineOf=` value by which `unit` names `other`.
    fn place_of_name(&self, unit: usize, other: usize) -> (u32, u32) {
        let index = self.named[unit].iter().position(|(_, named)| *named == Some(other));
        let value = index.and_then(|index| self.candidates[unit].placement.machine_of.get(index));
        value.map_or((0, 0), |value| (value.line, value.column))
    }

    fn error(&self, unit: usize, other: usize, message: String) -> Verdict {
        let (line, column) = self.place_of_name(unit, other);
        Verdict::Invalid { errors: vec![Diagnostic::error(line as usize, column as usize, message)] }
    }

    /// Every member of a circle of `MachineOf=` is in error, on whichever host.
    fn settle_circles(&self, settled: &mut [Option<Verdict>]) {
        const SHOWN: usize = 8;
        for part in &self.parts {
            let Some(&first) = part.iter().min() else { continue };
            let circle = if part.len() > 1 || self.leads_to[first].contains(&first) {
                graph::circle(&self.leads_to, first)
            } else {
                continue;
            };
            let mut shown: Vec<&str> = circle.iter().take(SHOWN).map(|unit| self.name(*unit)).collect();
            if circle.len() > SHOWN {
                shown.push("…");
            }
            shown.push(self.name(first));
            let message = format!("MachineOf goes in a circle: {}; remove one of them", shown.join(" → "));
            for &unit in part {
                let next = self.leads_to[unit].iter().find(|next| part.contains(next));
                settled[unit] = Some(self.error(unit, *next.unwrap_or(&first), message.clone()));
            }
        }
    }
}

/// One evaluation of all units that still take part.
struct Round<'a> {
    units: &'a Units<'a>,
    /// Why a unit is not taken, as far as others are concerned.
    refused: Vec<Option<Reason>>,
    may_be_here: Vec<bool>,
    /// Accepted so far, by `Conflicts=`' evaluation.
    accepted: Vec<bool>,
    /// Units that others gave way to.
    displaced_others: Vec<bool>,
    /// Units that take no part in the next round, with their verdict.
    settled: Vec<(usize, Verdict)>,
}

impl<'a> Round<'a> {
    fn run(units: &'a Units<'a>, own: &[Own], settled: &[Option<Verdict>]) -> Self {
        let count = units.candidates.len();
        let mut round = Self {
            units,
            refused: vec![None; count],
            may_be_here: vec![false; count],
            accepted: vec![false; count],
            displaced_others: vec![false; count],
            settled: Vec::new(),
        };
        round.follow(own, settled);
        round.give_way();
        if round.settled.is_empty() {
            round.keep_apart();
        }
        round
    }

    /// `MachineOf=`.
    fn follow(&mut self, own: &[Own], settled: &[Option<Verdict>]) {
        for &unit in self.units.parts.iter().flatten() {
            let by_itself = !matches!(own[unit], Own::NotTaken(_));
            if settled[unit].is_some() || !by_itself {
                continue;
            }
            let lacking =
                self.units.named[unit].iter().position(|(_, other)| other.is_none_or(|o| !self.may_be_here[o]));
            let Some(index) = lacking else {
                self.may_be_here[unit] = true;
                continue;
            };
            let (name, other) = &self.units.named[unit][index];
            let what = match other {
                None => "there is no valid unit of that name in the unit directory",
                Some(o) if matches!(settled[*o], Some(Verdict::Invalid { .. })) => "that unit is invalid",
                Some(_) => "that unit is not taken here",
            };
            let line = self.units.candidates[unit].placement.machine_of.get(index).map_or(0, |value| value.line);
            self.refused[unit] = Some(Reason::new(line, format!("MachineOf={name}: {what}")));
        }
    }

    /// `Replaces=`.
    fn give_way(&mut self) {
        let units = self.units;
        let present = || units.order.iter().copied().filter(|unit| self.may_be_here[*unit]);
        if present().all(|unit| units.replaces[unit].is_empty()) {
            return;
        }
        let mut matched = vec![Vec::new(); units.globs.len()];
        for unit in present() {
            for &glob in &units.matched_by[unit] {
                matched[glob].push(unit);
            }
        }
        let mut edges = vec![Vec::new(); units.candidates.len()];
        for unit in present() {
            let others = units.replaces[unit].iter().flat_map(|glob| &matched[*glob]);
            edges[unit] = others.copied().filter(|other| *other != unit).collect();
        }
        let parts = graph::parts(&edges);
        let mut part_of = vec![0; units.candidates.len()];
        for (number, part) in parts.iter().enumerate() {
            part.iter().for_each(|unit| part_of[*unit] = number);
        }
        let mut gives_way_to: Vec<Option<usize>> = vec![None; units.candidates.len()];
        // Parts come after those that they lead to: from the end, whoever replaces is decided before who is replaced.
        for &unit in parts.iter().rev().flatten() {
            if gives_way_to[unit].is_some() {
                continue;
            }
            for &other in edges[unit].iter().filter(|other| part_of[**other] != part_of[unit]) {
                gives_way_to[other] = Some(gives_way_to[other].map_or(unit, |rival| rival.min(unit)));
                self.displaced_others[unit] = true;
            }
        }
        for (unit, winner) in gives_way_to.into_iter().enumerate() {
            let Some(winner) = winner else { continue };
            let (glob, line) = self.naming(&units.replaces[winner], |p| &p.replaces, winner, unit);
            let name = units.name(winner);
            let text = format!("gives way to {name}, whose Replaces={glob} (line {line}) names it");
            let was_refused = self.refused[winner].is_some();
            self.refuse(unit, Reason::new(0, text));
            if !was_refused && self.refused[winner].is_some() {
                self.settled.push((winner, self.replaces_what_it_follows(winner, unit)));
            }
        }
        self.settle_displacers();
    }

    fn replaces_what_it_follows(&self, unit: usize, replaced: usize) -> Verdict {
        let (glob, line) = self.naming(&self.units.replaces[unit], |p| &p.replaces, unit, replaced);
        let message = format!(
            "MachineOf={} and Replaces={glob} (line {line}) cannot both hold: without {} the former is not taken; \
             remove one of them",
            self.units.named_list(unit),
            self.units.name(replaced)
        );
        let place = self.units.candidates[unit].placement.machine_of.first().map_or((0, 0), |v| (v.line, v.column));
        Verdict::Invalid { errors: vec![Diagnostic::error(place.0 as usize, place.1 as usize, message)] }
    }

    /// `Conflicts=`.
    fn keep_apart(&mut self) {
        let units = self.units;
        let mut first_owner: Vec<Option<usize>> = vec![None; units.globs.len()];
        let mut first_match: Vec<Option<usize>> = vec![None; units.globs.len()];
        for &unit in &units.order {
            if !self.may_be_here[unit] || self.refused[unit].is_some() {
                continue;
            }
            let rivals = units.matched_by[unit].iter().filter_map(|glob| first_owner[*glob]);
            let rivals = rivals.chain(units.conflicts[unit].iter().filter_map(|glob| first_match[*glob]));
            if let Some(winner) = rivals.min() {
                let reason = self.conflict(unit, winner);
                self.refuse(unit, reason);
                continue;
            }
            self.accepted[unit] = true;
            for &glob in &units.conflicts[unit] {
                first_owner[glob].get_or_insert(unit);
            }
            for &glob in &units.matched_by[unit] {
                first_match[glob].get_or_insert(unit);
            }
        }
        self.settle_displacers();
    }

    fn conflict(&self, unit: usize, winner: usize) -> Reason {
        let (name, winner_name) = (self.units.name(unit), self.units.name(winner));
        let start = format!("conflicts with {winner_name}, which is taken here and comes first by name");
        let own_globs = &self.units.conflicts[unit];
        if own_globs.iter().any(|glob| self.units.matched_by[winner].contains(glob)) {
            let (glob, line) = self.naming(own_globs, |p| &p.conflicts, unit, winner);
            return Reason::new(line, format!("{start}: Conflicts={glob} names it"));
        }
        let (glob, line) = self.naming(&self.units.conflicts[winner], |p| &p.conflicts, winner, unit);
        Reason::new(0, format!("{start}: its Conflicts={glob} (line {line}) names {name}"))
    }

    /// The glob of `owner` that matches `unit`, and its line.
    fn naming(
        &self,
        globs: &[usize],
        values: fn(&crate::unit::fleet::Placement) -> &[Value],
        owner: usize,
        unit: usize,
    ) -> (&str, u32) {
        let index = globs.iter().position(|glob| self.units.matched_by[unit].contains(glob)).unwrap_or_default();
        let line = values(self.units.candidates[owner].placement).get(index).map_or(0, |value| value.line);
        (globs.get(index).map_or("", |glob| self.units.globs.text(*glob)), line)
    }

    /// Refuses a unit, and with it those that follow it. Those already accepted are in error.
    fn refuse(&mut self, unit: usize, reason: Reason) {
        let units = self.units;
        let mut queue = Vec::new();
        if self.refused[unit].is_none() {
            self.refused[unit] = Some(reason.clone());
            queue.push(unit);
        }
        while let Some(lost) = queue.pop() {
            for &follower in &units.followers[lost] {
                if !self.may_be_here[follower] || self.refused[follower].is_some() {
                    continue;
                }
                let (line, _) = units.place_of_name(follower, lost);
                let text = format!("MachineOf={}: that unit is not taken here", units.name(lost));
                self.refused[follower] = Some(Reason::new(line, text));
                queue.push(follower);
                if self.accepted[follower] {
                    let message = format!(
                        "MachineOf={} cannot hold here, for {} {}; follow another unit, or end that conflict",
                        units.name(lost),
                        units.name(unit),
                        reason.text
                    );
                    self.settled.push((follower, units.error(follower, lost, message)));
                }
            }
        }
    }

    /// Units that others gave way to but that are not taken themselves: the others are evaluated again without them.
    fn settle_displacers(&mut self) {
        let mut settled = Vec::new();
        for (unit, reason) in self.refused.iter().enumerate() {
            let Some(reason) = reason.as_ref().filter(|_| self.displaced_others[unit]) else { continue };
            if !self.settled.iter().any(|(other, _)| *other == unit) {
                settled.push((unit, Verdict::NotTaken { reason: reason.clone() }));
            }
        }
        self.settled.extend(settled);
    }
}
