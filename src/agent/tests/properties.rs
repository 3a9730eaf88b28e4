//! Whatever happens to files, units and agents: in the end the host is as the files say, and another pass does nothing.

use std::time::Duration;

use proptest::prelude::*;

use super::model::Model;
use super::{Order, Running, UnitOrder, Wish, name, paused, service};
use crate::render::TargetState;

const UNITS: [&str; 3] = ["a.service", "b.service", "c.service"];

#[derive(Debug, Clone)]
enum Step {
    Write(usize, u8),
    Comment(usize, u8),
    Remove(usize),
    StopByHand(usize),
    FinishJobs(usize),
    MakeSlow(usize),
    LoseCalls(usize),
    Order(usize, Wish),
    KillAgent,
    KillAfter(usize),
    LookAgain,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let unit = 0..UNITS.len();
    prop_oneof![
        4 => (unit.clone(), 0..5u8).prop_map(|(unit, version)| Step::Write(unit, version)),
        2 => (unit.clone(), 0..3u8).prop_map(|(unit, version)| Step::Comment(unit, version)),
        2 => unit.clone().prop_map(Step::Remove),
        1 => unit.clone().prop_map(Step::StopByHand),
        1 => unit.clone().prop_map(Step::FinishJobs),
        1 => unit.clone().prop_map(Step::MakeSlow),
        3 => (unit, wish()).prop_map(|(unit, wish)| Step::Order(unit, wish)),
        1 => (1..3usize).prop_map(Step::LoseCalls),
        2 => Just(Step::KillAgent),
        1 => (0..8usize).prop_map(Step::KillAfter),
        4 => Just(Step::LookAgain),
        1 => (1..5u64).prop_map(Step::Wait),
    ]
}

fn wish() -> impl Strategy<Value = Wish> {
    prop::sample::select(vec![
        Wish::Keep,
        Wish::Unload,
        Wish::Load,
        Wish::Stop,
        Wish::Start,
        Wish::Restart,
        Wish::Force,
        Wish::Rollback,
        Wish::Forget,
    ])
}

/// Two versions that stop differently, and one that does not; two that do not stay up.
fn text(version: u8) -> String {
    let command = match version {
        3 => "dies-1500-1".to_owned(),
        4 => "dies-0-0".to_owned(),
        version => version.to_string(),
    };
    format!("{}[Service]\nExecStop=/bin/stop{}\n", service(&command), version / 2)
}

fn is_bad(version: Option<u8>) -> bool {
    version.is_some_and(|version| version > 2)
}

async fn play(steps: Vec<Step>) {
    let model = Model::default();
    let mut agent = Running::start(&model);
    let mut stopped_by_hand = [false; UNITS.len()];
    let mut written: [Option<u8>; UNITS.len()] = [None; UNITS.len()];
    for step in steps {
        match step {
            Step::Write(unit, version) => {
                written[unit] = Some(version);
                model.write(UNITS[unit], &text(version));
            }
            Step::Comment(unit, version) => {
                written[unit] = Some(version);
                model.write(UNITS[unit], &format!("# {version}\n{}", text(version)));
            }
            Step::Remove(unit) => {
                written[unit] = None;
                model.remove(UNITS[unit]);
            }
            Step::StopByHand(unit) => {
                stopped_by_hand[unit] = true;
                model.stop_by_hand(&name(UNITS[unit]));
            }
            Step::FinishJobs(unit) => model.finish(UNITS[unit]),
            Step::MakeSlow(unit) => {
                let mut state = model.state();
                if state.dies_after.is_none() {
                    state.slow.push(name(UNITS[unit]));
                }
            }
            Step::LoseCalls(count) => model.state().silent_calls = count,
            Step::Order(unit, wish) => {
                if wish == Wish::Forget {
                    written[unit] = None;
                    model.remove(UNITS[unit]);
                }
                let order = UnitOrder { wish, source: format!("/units/{}", UNITS[unit]).into(), is_replaced: false };
                let units = [(UNITS[unit].to_owned(), order)].into();
                // No answer comes from an agent that was killed while it had none.
                let answer = async { agent.order(Order { units, ..Order::default() }).await.await };
                let answer = tokio::time::timeout(Duration::from_secs(1), answer).await;
                // Who gets none has to ask again.
                stopped_by_hand[unit] |= !matches!(answer, Ok(Ok(_)));
            }
            // In the middle of what it does; the next agent comes by KillAgent.
            Step::KillAfter(actions) => {
                // Whether a start that goes on meanwhile has read its text yet, nobody could tell.
                model.state().slow.clear();
                UNITS.iter().for_each(|unit| model.finish(unit));
                model.state().dies_after = Some(actions);
            }
            Step::KillAgent => {
                agent.task.abort();
                model.state().dies_after = None;
                agent = Running::start(&model);
            }
            Step::LookAgain => agent.change().await,
            Step::Wait(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        }
    }
    model.state().slow.clear();
    // It may have been killed.
    model.state().dies_after = None;
    agent.task.abort();
    agent = Running::start(&model);
    for _ in 0..4 {
        UNITS.iter().for_each(|unit| model.finish(unit));
        agent.change().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let done = model.state().done.len();
    agent.stop().await;
    let agent = Running::start(&model);
    agent.change().await;
    check(&model, done, written, stopped_by_hand);
    agent.stop().await;
}

fn check(model: &Model, done: usize, written: [Option<u8>; UNITS.len()], stopped_by_hand: [bool; UNITS.len()]) {
    let mut state = model.state();
    state.units.values_mut().for_each(super::model::RunningUnit::look);
    assert_eq!(state.done.len(), done, "a converged host is left alone: {:?}", state.done);
    for (index, unit) in UNITS.iter().enumerate() {
        let unit = name(unit);
        let installed = state.memory.installed.get(&unit);
        let record = state.memory.units.get(&unit).cloned().unwrap_or_default();
        let target = record.target;
        if let (Some(rejected), Some(installed)) = (&record.rejected, installed) {
            assert!(rejected.by_hand || is_bad(written[index]), "{unit}: {rejected:?} {:?}", state.done);
            assert_eq!(Some(installed.facts.run), record.good, "{unit} is rolled back: {:?}", state.done);
        }
        let is_wanted = written[index].is_some() && target != Some(TargetState::Inactive);
        assert_eq!(installed.is_some(), is_wanted, "{unit}: {:?}", state.done);
        let running = state.units.get(&unit).and_then(|unit| unit.runs);
        match installed {
            None => assert_eq!(running, None, "{unit} was removed: {:?}", state.done),
            // A manual stop may hold, also over a change that was taken back unseen; what runs must be what is installed.
            Some(_) if running.is_none() => {
                let is_loaded = target == Some(TargetState::Loaded);
                // One that had nothing better to go back to, or that somebody insisted on.
                let has_failed = String::from_utf8_lossy(state.written[&unit].text()).contains("dies-");
                assert!(stopped_by_hand[index] || is_loaded || has_failed, "{unit} is down: {:?}", state.done)
            }
            Some(installed) => assert_eq!(running, Some(installed.facts.run), "{unit}: {:?}", state.done),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn the_host_becomes_what_the_files_say(steps in prop::collection::vec(step(), 1..40)) {
        paused(play(steps));
    }
}
