//! Services that wait for each other: systemd would break such a circle somewhere, by not starting one of them.

use std::collections::{BTreeMap, BTreeSet};

use crate::quadlet::Order;

/// The services that wait for themselves, each with the way around: `a`, `b`, `a`.
pub fn find<'a>(order: &BTreeMap<&'a str, &'a Order>) -> BTreeMap<&'a str, Vec<&'a str>> {
    let waits_for = edges(order);
    let mut circles = BTreeMap::new();
    // Nothing waits for what is settled but what comes later, so that no way is walked twice.
    let mut settled: BTreeSet<&str> = BTreeSet::new();
    for start in waits_for.keys().copied() {
        let mut way: Vec<(&str, std::collections::btree_set::Iter<'_, &str>)> = Vec::new();
        let mut on_way: BTreeSet<&str> = BTreeSet::new();
        let mut next = (!settled.contains(start)).then_some(start);
        loop {
            if let Some(service) = next.take() {
                if let Some(targets) = waits_for.get(service) {
                    way.push((service, targets.iter()));
                    on_way.insert(service);
                } else {
                    settled.insert(service);
                }
            }
            let Some((service, targets)) = way.last_mut() else { break };
            match targets.next().copied() {
                None => {
                    settled.insert(service);
                    on_way.remove(service);
                    way.pop();
                }
                Some(target) if on_way.contains(target) => {
                    let circle: Vec<&str> =
                        way.iter().map(|(name, _)| *name).skip_while(|name| *name != target).collect();
                    for index in 0..circle.len() {
                        let around = (0..=circle.len()).map(|step| circle[(index + step) % circle.len()]);
                        circles.entry(circle[index]).or_insert_with(|| around.collect());
                    }
                }
                Some(target) if !settled.contains(target) => next = Some(target),
                Some(_) => {}
            }
        }
    }
    circles
}

/// Who waits for whom, among those that are known.
fn edges<'a>(order: &BTreeMap<&'a str, &'a Order>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut edges: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let known = |name: &String| order.get_key_value(name.as_str()).map(|(name, _)| *name);
    for (service, order) in order {
        for other in order.after.iter().filter_map(known) {
            edges.entry(service).or_default().insert(other);
        }
        for other in order.before.iter().filter_map(known) {
            edges.entry(other).or_default().insert(service);
        }
    }
    edges
}

#[cfg(test)]
mod tests {
    use super::*;

    fn circles(order: &[(&'static str, &[&str], &[&str])]) -> Vec<String> {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let order =
            order.iter().map(|(name, after, before)| (*name, Order { after: owned(after), before: owned(before) }));
        let order: Vec<_> = order.collect();
        let order = order.iter().map(|(name, order)| (*name, order)).collect();
        find(&order).into_values().map(|circle| circle.join(" ")).collect()
    }

    #[test]
    fn circles_are_found_and_nothing_else() {
        let none: &[&str] = &[];
        assert!(circles(&[("a", &["b", "c"], none), ("b", &["c"], none), ("c", none, none)]).is_empty());
        assert!(circles(&[("a", &["b", "elsewhere"], none), ("b", none, &["a"])]).is_empty());
        assert_eq!(circles(&[("a", &["a"], none)]), ["a a"]);
        assert!(circles(&[("a", &["b"], none), ("b", none, none), ("c", none, none)]).is_empty());
        assert_eq!(circles(&[("a", &["b"], none), ("b", &["a"], none), ("c", &["a"], none)]), ["a b a", "b a b"]);
        assert_eq!(circles(&[("a", none, &["b"]), ("b", none, &["c"]), ("c", none, &["a"])]).len(), 3);
    }
}
