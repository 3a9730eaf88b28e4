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
    LookAgain,
    Wait(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let unit = 0..UNITS.len();
    prop_oneof![
        4 => (unit.clone(), 0..3u8).prop_map(|(unit, version)| Step::Write(unit, version)),
        2 => (unit.clone(), 0..3u8).prop_map(|(unit, version)| Step::Comment(unit, version)),
        2 => unit.clone().prop_map(Step::Remove),
        1 => unit.clone().prop_map(Step::StopByHand),
        1 => unit.clone().prop_map(Step::FinishJobs),
        1 => unit.clone().prop_map(Step::MakeSlow),
        3 => (unit, wish()).prop_map(|(unit, wish)| Step::Order(unit, wish)),
        1 => (1..3usize).prop_map(Step::LoseCalls),
        2 => Just(Step::KillAgent),
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
        Wish::Forget,
    ])
}

/// Two versions that stop differently, and one that does not.
fn text(version: u8) -> String {
    format!("{}[Service]\nExecStop=/bin/stop{}\n", service(&version.to_string()), version / 2)
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
            Step::MakeSlow(unit) => model.state().slow.push(name(UNITS[unit])),
            Step::LoseCalls(count) => model.state().silent_calls = count,
            Step::Order(unit, wish) => {
                if wish == Wish::Forget {
                    written[unit] = None;
                    model.remove(UNITS[unit]);
                }
                let order = UnitOrder { wish, source: format!("/units/{}", UNITS[unit]).into(), is_replaced: false };
                let units = [(UNITS[unit].to_owned(), order)].into();
                // No answer comes from an agent that was killed while it had none.
                let _ = agent.order(Order { units, ..Order::default() }).await.await;
            }
            Step::KillAgent => {
                agent.task.abort();
                agent = Running::start(&model);
            }
            Step::LookAgain => agent.change().await,
            Step::Wait(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        }
    }
    model.state().slow.clear();
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
    let state = model.state();
    assert_eq!(state.done.len(), done, "a converged host is left alone: {:?}", state.done);
    for (index, unit) in UNITS.iter().enumerate() {
        let unit = name(unit);
        let installed = state.memory.installed.get(&unit);
        let target = state.memory.units.get(&unit).and_then(|record| record.target);
        let is_wanted = written[index].is_some() && target != Some(TargetState::Inactive);
        assert_eq!(installed.is_some(), is_wanted, "{unit}: {:?}", state.done);
        let running = state.units.get(&unit).and_then(|unit| unit.runs);
        match installed {
            None => assert_eq!(running, None, "{unit} was removed: {:?}", state.done),
            // A manual stop may hold, also over a change that was taken back unseen; what runs must be what is installed.
            Some(_) if running.is_none() => {
                let is_loaded = target == Some(TargetState::Loaded);
                assert!(stopped_by_hand[index] || is_loaded, "{unit} is down: {:?}", state.done)
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
