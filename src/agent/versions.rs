//! Which version of a unit is wanted: its file's, or the last good one.

use super::Agent;
use super::world::World;
use crate::plan;
use crate::status::{Rejected, UnitRecord, seconds_now};
use crate::unit::UnitName;

impl<W: World> Agent<W> {
    /// Does what commands said about versions, and puts the last good ones in the place of those that were rejected.
    pub(super) async fn choose_versions(&mut self) {
        for unit in std::mem::take(&mut self.orders.forced) {
            let Some(run) = self.resolution.of_file(&unit).map(|own| own.run) else { continue };
            if let Err(failure) = self.world.accept(&unit, run) {
                tracing::warn!("{failure}");
            }
        }
        for unit in std::mem::take(&mut self.orders.going_back) {
            if let Err(reason) = self.go_back_by_hand(&unit).await {
                self.orders.refused.insert(unit, reason);
            }
        }
        plan::go_back(&mut self.resolution, self.world.memory());
    }

    async fn go_back_by_hand(&mut self, unit: &UnitName) -> Result<(), String> {
        let Some(run) = self.resolution.of_file(unit).map(|own| own.run) else {
            return Err(format!("there is no file of {unit} that this host runs"));
        };
        let memory = self.world.memory();
        let record = memory.units.get(unit).cloned().unwrap_or_default();
        if self.rolled_back(unit).is_some() {
            return Err(format!(
                "{unit} runs its last good version already; edit its file, or run 'sculler start --force {unit}'"
            ));
        }
        let running = memory.installed.get(unit).map(|installed| installed.facts.run);
        if record.good.is_none() || record.good == running {
            return Err(format!("there is no earlier version of {unit} to go back to"));
        }
        let reason = "somebody asked for it (sculler rollback)";
        let (time, by_hand) = (seconds_now(), true);
        let rejected = Rejected { run, reason: reason.to_owned(), time, by_hand, was_up: false };
        self.world.reject(unit, rejected).await.map_err(|failure| failure.to_string())?;
        self.chronicle.begin_rollback(unit, reason);
        Ok(())
    }

    /// Why the last good version of a unit runs in the place of what its file says, if it does.
    pub(super) fn rolled_back(&self, unit: &UnitName) -> Option<(&Rejected, String)> {
        let memory = self.world.memory();
        let UnitRecord { rejected, .. } = memory.units.get(unit)?;
        let rejected = rejected.as_ref()?;
        let own = self.resolution.of_file(unit).filter(|own| plan::is_rejected(own, rejected))?;
        let good = memory.good.get(unit)?;
        Some((rejected, rejected.explain(unit, &own.source, Some(good.time))))
    }

    /// A line for each of them that nobody asked for.
    pub(super) fn all_rolled_back(&self) -> Vec<String> {
        let units = self.world.memory().units.keys().filter_map(|unit| Some((unit, self.rolled_back(unit)?)));
        units
            .filter(|(_, (rejected, _))| !rejected.by_hand)
            .map(|(unit, (_, text))| format!("{unit}: {text}"))
            .collect()
    }
}
