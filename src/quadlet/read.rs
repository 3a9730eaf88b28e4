//! A Quadlet file and its drop-ins → a [`Quadlet`], with what is wrong whatever the host.

use std::collections::BTreeSet;

use super::merged::{Assignment, Assignments, Merged};
use super::options::{self, Handling, Key, Kind};
use super::service_keys;
use super::values::is_yes;
use crate::unit::nearest::{nearest, suggestion};
use crate::unit::{Diagnostic, Finding, Policy, Unit, UnitName, UnitType};

/// A Quadlet file, read.
#[derive(Debug, Clone)]
pub struct Quadlet<'a> {
    /// The file's name: `web.container`.
    pub name: &'a UnitName,
    /// The file and its drop-ins.
    pub merged: Merged<'a>,
    /// `[X-Sculler]`.
    pub policy: &'a Policy,
    /// What is wrong or odd in it whatever the host; the unit's own findings are not repeated.
    pub findings: Vec<Finding>,
}

impl<'a> Quadlet<'a> {
    /// A unit that has been read before.
    pub fn of(unit: &'a Unit) -> Self {
        Self { name: &unit.name, merged: Merged::of(unit), policy: &unit.policy, findings: Vec::new() }
    }

    /// Reads a unit of one of Quadlet's types.
    pub fn read(unit: &'a Unit) -> Self {
        let Self { merged, mut findings, .. } = Self::of(unit);
        if let Some(section) = unit.name.unit_type().section() {
            check_section(merged.section(section), &mut findings);
            check_section(merged.section("Quadlet"), &mut findings);
            check_needed(unit, merged, section, &mut findings);
            service_keys::check(merged, unit.name.unit_type(), &mut findings);
        }
        sort(&mut findings);
        Self { merged, findings, ..Self::of(unit) }
    }
}

/// In the order in which a reader finds them.
pub(super) fn sort(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let place = |finding: &Finding| (finding.diagnostic.line, finding.diagnostic.column);
        a.path.cmp(&b.path).then_with(|| place(a).cmp(&place(b)))
    });
}

fn check_section(assignments: Assignments<'_>, findings: &mut Vec<Finding>) {
    let section = assignments.section;
    let mut told = BTreeSet::new();
    for assignment in assignments.iter() {
        let name = assignment.entry.key;
        let Some(key) = options::find(section, name) else {
            let near = nearest(name, options::keys(section).iter().map(|key| key.name));
            let message = match near {
                Some(_) => format!("unknown key '{name}' in [{section}]{}", suggestion(near)),
                None => format!("unknown key '{name}' in [{section}]; remove it ('sculler help keys' lists them)"),
            };
            findings.push(assignment.error(message));
            continue;
        };
        let tell: &dyn Fn(&Assignment<'_>) -> Finding = match key.handling {
            Handling::Field(_) | Handling::Own(_) => continue,
            Handling::Refused(reason) => {
                &move |found| found.error(format!("{name}= does not work with Docker: {reason}"))
            }
            Handling::Warned(what) => &move |found| found.warning(format!("{name}=: {what}")),
        };
        if told.insert(name) {
            findings.extend(in_force(assignments, key).iter().map(tell));
        }
    }
}

/// The assignments that count: one that a drop-in empties does no harm.
fn in_force<'a>(assignments: Assignments<'a>, key: &Key) -> Vec<Assignment<'a>> {
    match key.kind {
        Kind::Scalar | Kind::Boolean | Kind::Command => {
            let last = assignments.last(key.name).filter(|found| !found.entry.value.is_empty());
            // What says the default does no harm either.
            let is_asked = |found: &Assignment<'_>| {
                key.kind != Kind::Boolean || is_yes(found.entry.value) != (key.name == "TLSVerify")
            };
            last.filter(is_asked).into_iter().collect()
        }
        Kind::Lines | Kind::Words | Kind::Arguments | Kind::Assignments => assignments.list(key.name),
    }
}

/// What a file cannot be without.
fn check_needed(unit: &Unit, merged: Merged<'_>, section: &str, findings: &mut Vec<Finding>) {
    let unit_type = unit.name.unit_type();
    let (key, example) = match unit_type {
        UnitType::Container | UnitType::Image => ("Image", "Image=docker.io/library/nginx:1.29"),
        UnitType::Build => ("ImageTag", "ImageTag=localhost/web"),
        _ => return,
    };
    let Some((path, header)) = merged.sections().find(|(_, found)| found.name == section) else {
        let message = format!("there is no [{section}] section, so there is nothing to do; add one with {key}=");
        findings.push(unit.finding(&message));
        return;
    };
    let is_set = |key| merged.last(section, key).is_some_and(|found| !found.entry.value.is_empty());
    // Of Rootfs= it has been said already that an image is needed.
    let is_said = unit_type == UnitType::Container && is_set("Rootfs");
    if !is_set(key) && !is_said {
        let message = format!("[{section}] has no {key}=; add one, such as {example}");
        findings.push(Finding { path: path.to_owned(), diagnostic: Diagnostic::error(header.line, 1, message) });
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::unit;
    use super::*;

    fn messages(name: &str, text: &str) -> Vec<String> {
        let unit = unit(name, text);
        let quadlet = Quadlet::read(&unit);
        let show = |finding: &Finding| {
            let Diagnostic { line, column, message, .. } = &finding.diagnostic;
            format!("{line}:{column}: {message}")
        };
        quadlet.findings.iter().map(show).collect()
    }

    #[test]
    fn keys() {
        let found = messages("web.container", "[Container]\nImage=a\nImgae=b\nFoo=1\nPod=x.pod\n[Quadlet]\nX=1\n");
        assert_eq!(found.len(), 4, "{found:?}");
        assert_eq!(found[0], "3:1: unknown key 'Imgae' in [Container]; did you mean 'Image'?");
        assert!(found[1].starts_with("4:1: unknown key 'Foo' in [Container]; remove it"), "{found:?}");
        assert!(found[2].starts_with("5:1: Pod= does not work with Docker: Docker has no pods; "), "{found:?}");
        assert!(found[3].starts_with("7:1: unknown key 'X' in [Quadlet]"), "{found:?}");
    }

    #[test]
    fn what_is_reset_does_no_harm() {
        let text = "[Container]\nImage=a\nPod=x.pod\nPod=\nSecurityLabelNested=no\nUIDMap=0:1\nUIDMap=\n";
        assert!(messages("web.container", text).is_empty());
    }

    #[test]
    fn what_is_needed() {
        let cases = [
            (
                "a.container",
                "[Unit]\n",
                "0:0: there is no [Container] section, so there is nothing to do; add one with Image=",
            ),
            (
                "a.container",
                "\n[Container]\n",
                "2:1: [Container] has no Image=; add one, such as Image=docker.io/library/nginx:1.29",
            ),
            ("a.build", "[Build]\nFile=x\n", "1:1: [Build] has no ImageTag=; add one, such as ImageTag=localhost/web"),
        ];
        for (name, text, expected) in cases {
            assert_eq!(messages(name, text), [expected], "{text}");
        }
        assert!(messages("a.volume", "[Volume]\n").is_empty());
        assert!(messages("a.network", "").is_empty());
    }
}
