//! Target states and jobs that commands ask for.

use std::time::Duration;

use super::model::Model;
use super::{Running, Wish, name, paused, service};
use crate::render::TargetState;

#[test]
fn a_stopped_unit_stays_loaded_whoever_looks_and_a_start_launches_it() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("one"));
        agent.change().await;
        let answer = agent.wish("a.service", Wish::Stop).await;
        assert_eq!((answer.target, answer.is_installed), (TargetState::Loaded, true));
        model.write("a.service", &service("two"));
        agent.change().await;
        agent.stop().await;
        let agent = Running::start(&model);
        agent.change().await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert_eq!(model.state().done, ["start a.service", "stop a.service"]);
        assert_eq!(model.state().memory.units[&name("a.service")].linked, None);
        let answer = agent.wish("a.service", Wish::Start).await;
        assert_eq!((answer.target, answer.result.as_deref()), (TargetState::Launched, Some("done")));
        assert_eq!(model.state().done[2..], ["start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_start_mends_what_was_stopped_by_hand_or_failed() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("one"));
        agent.change().await;
        model.stop_by_hand(&name("a.service"));
        agent.change().await;
        agent.wish("a.service", Wish::Start).await;
        assert_eq!(model.state().done, ["start a.service", "start a.service"]);
        agent.wish("a.service", Wish::Start).await;
        assert_eq!(model.state().done.len(), 2, "it is up already");
        model.state().results.insert(name("a.service"), "failed");
        let answer = agent.wish("a.service", Wish::Restart).await;
        assert_eq!(answer.result.as_deref(), Some("failed"));
        assert!(answer.problem.unwrap().contains("did not start"));
        model.state().results.clear();
        assert_eq!(agent.wish("a.service", Wish::Start).await.result.as_deref(), Some("done"));
        agent.stop().await;
    });
}

#[test]
fn an_unloaded_unit_is_removed_and_comes_back_only_by_a_word() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("one"));
        agent.change().await;
        assert!(!agent.wish("a.service", Wish::Unload).await.is_installed);
        model.write("a.service", &service("two"));
        agent.change().await;
        agent.stop().await;
        let agent = Running::start(&model);
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert_eq!(model.state().done, ["start a.service", "stop a.service", "remove a.service"]);
        assert!(agent.wish("a.service", Wish::Load).await.is_installed);
        assert_eq!(model.state().done.len(), 3);
        agent.wish("a.service", Wish::Start).await;
        assert_eq!(model.state().done[3..], ["start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_target_state_goes_with_its_file() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("one"));
        agent.change().await;
        agent.wish("a.service", Wish::Stop).await;
        model.remove("a.service");
        assert!(!agent.wish("a.service", Wish::Forget).await.is_installed);
        assert!(model.state().memory.units.is_empty());
        model.write("a.service", &service("one"));
        agent.change().await;
        assert_eq!(model.state().done, ["start a.service", "stop a.service", "remove a.service", "start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_target_state_waits_for_the_file_that_is_about_to_come() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        for unit in ["a.service", "never.service"] {
            let order = super::UnitOrder { wish: Wish::Unload, source: "/units/x".into(), is_replaced: false };
            let units = [(unit.to_owned(), order)].into();
            agent.order(super::Order { units, ..super::Order::default() }).await.await.unwrap();
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        model.write("a.service", &service("one"));
        agent.change().await;
        tokio::time::sleep(Duration::from_secs(600)).await;
        assert!(model.state().done.is_empty());
        assert_eq!(model.state().memory.units.keys().map(ToString::to_string).collect::<Vec<_>>(), ["a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_broken_file_does_not_keep_a_unit_from_being_stopped_started_or_unloaded() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("one"));
        agent.change().await;
        model.write("a.service", "[Service\n");
        agent.change().await;
        agent.wish("a.service", Wish::Stop).await;
        agent.wish("a.service", Wish::Start).await;
        assert!(!agent.wish("a.service", Wish::Unload).await.is_installed);
        let expected = ["start a.service", "stop a.service", "start a.service", "stop a.service", "remove a.service"];
        assert_eq!(model.state().done, expected);
        agent.stop().await;
    });
}

#[test]
fn a_start_waits_for_a_stop_under_way_and_for_nobody_else() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("a"));
        model.write("b.service", &service("b"));
        agent.change().await;
        model.state().slow.extend([name("a.service"), name("b.service")]);
        let stop = agent.order(order("a.service", Wish::Stop)).await;
        let start = agent.order(order("a.service", Wish::Start)).await;
        agent.order(order("b.service", Wish::Restart)).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        model.state().slow.retain(|unit| *unit != name("a.service"));
        model.finish("a.service");
        assert_eq!(start.await.unwrap().units["a.service"].target, TargetState::Launched);
        stop.await.unwrap();
        assert_eq!(model.state().done[2..], ["stop a.service", "start a.service"]);
        agent.stop().await;
    });
}

fn order(unit: &str, wish: Wish) -> super::Order {
    let units =
        [(unit.to_owned(), super::UnitOrder { wish, source: format!("/units/{unit}").into(), is_replaced: false })]
            .into();
    super::Order { wait: true, units, ..super::Order::default() }
}
