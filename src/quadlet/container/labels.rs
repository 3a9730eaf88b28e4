//! Labels and annotations: the file's own and those by which sculler and the journal know the container.

use super::Translation;
use crate::host::ApiVersion;

/// By this label the journal driver marks the container's lines as the unit's (systemd: `add_matches_for_unit()` in
/// src/shared/logs-show.c).
pub(super) const JOURNAL_LABEL: &str = "OBJECT_SYSTEMD_UNIT";
/// By this label the supervisor knows its own container.
pub(super) const UNIT_LABEL: &str = "sculler.unit";

impl Translation<'_> {
    pub(super) fn labels(&mut self) {
        for pair in self.values.pairs("Label") {
            let name = pair.name();
            if name == JOURNAL_LABEL || name.starts_with("sculler.") {
                let message = format!("the label '{name}' is set by sculler itself; use another name");
                self.values.findings.push(pair.value.error(message));
                continue;
            }
            self.create.labels.insert(name.into(), pair.assigned().unwrap_or_default().into());
        }
        if let Some(value) = self.values.scalar("AutoUpdate") {
            self.create.labels.insert("io.containers.autoupdate".into(), value.text.into());
        }
        let unit = self.service.as_str();
        self.create.labels.insert(JOURNAL_LABEL.into(), unit.into());
        self.create.labels.insert(UNIT_LABEL.into(), unit.into());
        self.annotations();
    }

    fn annotations(&mut self) {
        const OWN: [&str; 4] = ["StopPropagatedFrom", "PartOf", "Before", "TimeoutStopSec"];
        for pair in self.values.pairs("Annotation") {
            let (name, value) = (pair.name(), &pair.value);
            if !self.needs_api(value, "Annotation=", ApiVersion(1, 43), "24.0") {
                return;
            }
            if name.strip_prefix("org.systemd.property.").is_some_and(|property| OWN.contains(&property)) {
                let message = format!("the annotation '{name}' is set by sculler itself; remove it");
                self.values.findings.push(value.error(message));
                continue;
            }
            let text = pair.assigned().unwrap_or_default().to_owned();
            self.create.host_config.annotations.insert(name.to_owned().into(), text);
        }
    }
}
