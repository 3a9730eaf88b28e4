//! New versions on trial: what does not stay up gives way to what did, whatever happens to the agent meanwhile.

use std::time::Duration;

use super::model::Model;
use super::{Running, Wish, name, paused, service};
use crate::status::history::{Outcome, What};

/// What was done since the last look.
fn done(model: &Model) -> Vec<String> {
    std::mem::take(&mut model.state().done)
}

async fn seconds(count: u64) {
    tokio::time::sleep(Duration::from_secs(count)).await;
}

/// An agent with a.service at its first version.
async fn begin(model: &Model) -> Running {
    let agent = Running::start(model);
    model.write("a.service", &service("one"));
    agent.change().await;
    seconds(40).await;
    assert_eq!(done(model), ["start a.service"]);
    agent
}

fn runs(model: &Model) -> String {
    let mut state = model.state();
    let unit = name("a.service");
    let is_up = state.units.get_mut(&unit).is_some_and(|unit| {
        unit.look();
        unit.runs.is_some()
    });
    let text = String::from_utf8(state.written[&unit].text().to_vec()).unwrap();
    let command = text.split_once("/bin/").unwrap().1.lines().next().unwrap().to_owned();
    if is_up { command } else { format!("{command}, down") }
}

fn reason(model: &Model) -> Option<String> {
    model.state().memory.units.get(&name("a.service"))?.rejected.as_ref().map(|rejected| rejected.reason.clone())
}

#[test]
fn a_version_that_dies_gives_way_to_the_one_before_until_the_file_changes() {
    paused(async {
        for (command, after) in [("dies-0-1", 1), ("dies-2000-1", 4), ("dies-2000-0", 4), ("dies-29000-1", 33)] {
            let model = Model::default();
            let agent = begin(&model).await;
            model.write("a.service", &service(command));
            agent.change().await;
            seconds(after).await;
            assert_eq!(runs(&model), "one", "{command}");
            assert_eq!(done(&model), ["restart a.service", "start a.service"]);
            assert!(reason(&model).is_some());
            // Neither a look nor another agent changes anything about it.
            agent.stop().await;
            let agent = Running::start(&model);
            agent.change().await;
            seconds(100).await;
            assert_eq!(done(&model), Vec::<String>::new());
            let answer = agent.wish("a.service", Wish::Start).await;
            assert!(answer.problem.is_some_and(|problem| problem.contains("rolled back")), "{command}");
            model.write("a.service", &service("two"));
            agent.change().await;
            seconds(40).await;
            assert_eq!((runs(&model).as_str(), reason(&model)), ("two", None));
            agent.stop().await;
        }
    });
}

#[test]
fn what_has_stayed_up_is_good() {
    paused(async {
        let model = Model::default();
        let agent = begin(&model).await;
        model.write("a.service", &service("dies-31000-1"));
        agent.change().await;
        seconds(60).await;
        assert_eq!(runs(&model), "dies-31000-1, down");
        assert_eq!(reason(&model), None);
        agent.stop().await;
    });
}

#[test]
fn a_first_version_has_nothing_to_go_back_to() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("dies-2000-1"));
        agent.change().await;
        seconds(60).await;
        assert_eq!(done(&model), ["start a.service"]);
        let answer = agent.wish("a.service", Wish::Rollback).await;
        assert!(answer.problem.is_some_and(|problem| problem.contains("no earlier version")));
        agent.stop().await;
    });
}

#[test]
fn two_bad_edits_in_a_row_go_back_to_what_was_good() {
    paused(async {
        let model = Model::default();
        let agent = begin(&model).await;
        model.write("a.service", &service("dies-3000-1"));
        agent.change().await;
        model.write("a.service", &service("dies-1000-1"));
        agent.change().await;
        seconds(5).await;
        assert_eq!(runs(&model), "one");
        // The file as it was: nothing to do, and what was rejected may be tried again.
        model.write("a.service", &service("one"));
        agent.change().await;
        assert_eq!(reason(&model), None);
        done(&model);
        model.write("a.service", &service("dies-1000-1"));
        agent.change().await;
        seconds(5).await;
        assert_eq!(done(&model), ["restart a.service", "start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_stop_by_hand_is_no_verdict() {
    paused(async {
        let model = Model::default();
        let agent = begin(&model).await;
        model.write("a.service", &service("two"));
        agent.change().await;
        model.stop_by_hand(&name("a.service"));
        seconds(100).await;
        assert_eq!(runs(&model), "two, down");
        let has_trial = |model: &Model| model.state().memory.units[&name("a.service")].trial.is_some();
        assert!(has_trial(&model));
        agent.wish("a.service", Wish::Start).await;
        seconds(40).await;
        assert_eq!(runs(&model), "two");
        assert!(!has_trial(&model));
        agent.stop().await;
    });
}

#[test]
fn a_stop_and_a_start_on_demand_are_no_verdict() {
    paused(async {
        let model = Model::default();
        let agent = begin(&model).await;
        model.write("a.service", &service("two"));
        agent.change().await;
        seconds(2).await;
        agent.wish("a.service", Wish::Stop).await;
        seconds(2).await;
        let answer = agent.wish("a.service", Wish::Start).await;
        assert_eq!(answer.problem, None);
        seconds(40).await;
        assert_eq!((runs(&model).as_str(), reason(&model)), ("two", None));
        agent.stop().await;
    });
}

#[test]
fn rollback_no_and_force_leave_the_new_version() {
    paused(async {
        let model = Model::default();
        let agent = begin(&model).await;
        let bad = format!("{}[X-Sculler]\nRollback=no\n", service("dies-1000-1"));
        model.write("a.service", &bad);
        agent.change().await;
        seconds(40).await;
        assert_eq!(runs(&model), "dies-1000-1, down");
        // By hand it goes back all the same.
        let answer = agent.wish("a.service", Wish::Rollback).await;
        assert_eq!(answer.problem, None);
        assert_eq!(runs(&model), "one");
        let answer = agent.wish("a.service", Wish::Rollback).await;
        assert!(answer.problem.is_some_and(|problem| problem.contains("already")));
        agent.stop().await;

        let model = Model::default();
        let agent = begin(&model).await;
        model.write("a.service", &service("dies-2000-1"));
        agent.change().await;
        seconds(5).await;
        assert_eq!(runs(&model), "one");
        agent.wish("a.service", Wish::Force).await;
        assert_eq!(runs(&model), "dies-2000-1");
        seconds(40).await;
        assert_eq!(runs(&model), "dies-2000-1, down");
        agent.stop().await;
    });
}

#[test]
fn a_version_that_is_good_can_be_taken_back_by_hand() {
    paused(async {
        let model = Model::default();
        let agent = begin(&model).await;
        model.write("a.service", &service("two"));
        agent.change().await;
        seconds(100).await;
        agent.wish("a.service", Wish::Rollback).await;
        assert_eq!(runs(&model), "one");
        // A comment is no other version, and another one is.
        model.write("a.service", &format!("# comment\n{}", service("two")));
        agent.change().await;
        assert_eq!(runs(&model), "one");
        model.write("a.service", &service("dies-1000-1"));
        agent.change().await;
        seconds(5).await;
        assert_eq!(runs(&model), "one");
        agent.stop().await;
    });
}

#[test]
fn an_edit_can_be_held_until_somebody_asks_for_it() {
    paused(async {
        let model = Model::default();
        let agent = begin(&model).await;
        let held = |command: &str| format!("{}[X-Sculler]\nOnUpdate=hold\n", service(command));
        model.write("a.service", &held("two"));
        agent.change().await;
        seconds(60).await;
        assert_eq!(runs(&model), "one");
        // What cannot matter to what runs is not held.
        model.write("a.service", &held("one"));
        agent.change().await;
        assert_eq!(done(&model), Vec::<String>::new());
        model.write("a.service", &held("dies-3000-1"));
        agent.change().await;
        let answer = agent.wish("a.service", Wish::Restart).await;
        assert_eq!(answer.problem, None);
        assert_eq!(runs(&model), "dies-3000-1");
        seconds(6).await;
        assert_eq!(runs(&model), "one");
        agent.stop().await;
    });
}

#[test]
fn a_start_that_was_not_even_tried_brings_the_old_version_back() {
    paused(async {
        for result in ["dependency", "skipped"] {
            let model = Model::default();
            let agent = begin(&model).await;
            let unit = name("a.service");
            model.state().slow.push(unit.clone());
            model.write("a.service", &service("two"));
            agent.change().await;
            model.state().results.insert(unit, result);
            model.state().slow.clear();
            model.finish("a.service");
            model.state().results.clear();
            seconds(5).await;
            assert_eq!(runs(&model), "one", "{result}");
            assert!(reason(&model).is_some());
            agent.stop().await;
        }
    });
}

#[test]
fn an_agent_that_is_killed_at_any_step_is_no_matter() {
    paused(async {
        // An edit and its rollback take nine steps at most.
        for steps in 0..12 {
            for stop in ["", "ExecStop=/bin/other\n"] {
                let model = Model::default();
                let agent = begin(&model).await;
                model.state().dies_after = Some(steps);
                model.write("a.service", &format!("{}[Service]\n{stop}", service("dies-1000-1")));
                agent.change().await;
                seconds(5).await;
                agent.task.abort();
                model.state().dies_after = None;
                let agent = Running::start(&model);
                agent.change().await;
                seconds(10).await;
                assert_eq!(runs(&model), "one", "killed after {steps} steps: {:?}", done(&model));
                let reason = reason(&model);
                assert!(reason.is_some(), "killed after {steps} steps");
                agent.stop().await;
            }
        }
    });
}

#[test]
fn what_happened_is_written_down() {
    paused(async {
        let model = Model::default();
        let agent = begin(&model).await;
        model.write("a.service", &format!("# comment\n{}", service("one")));
        agent.change().await;
        model.write("a.service.d/10-x.conf", "[Service]\nNice=5\n");
        agent.change().await;
        model.write("a.service", &service("dies-1000-1"));
        agent.change().await;
        seconds(5).await;
        let history = model.state().history.clone();
        let told: Vec<_> = history
            .iter()
            .map(|(unit, event)| {
                let files: Vec<_> = event.files.iter().map(|file| file.to_str().unwrap().to_owned()).collect();
                (unit.to_string(), event.what, files.join(" "), event.result)
            })
            .collect();
        let of = |what: What, file: &str| {
            let file = format!("/units/{file}");
            ("a.service".to_owned(), what, file, Outcome::Done)
        };
        let expected = [
            of(What::Start, "a.service"),
            of(What::Edit, "a.service"),
            of(What::Edit, "a.service.d/10-x.conf"),
            of(What::Edit, "a.service"),
            of(What::Rollback, "a.service"),
        ];
        assert_eq!(told, expected);
        assert!(history[4].1.took >= 0.0 && !history[4].1.reason.is_empty());
        agent.stop().await;
    });
}

#[test]
fn a_held_edit_of_a_container_is_prepared_once() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        let text = |lines: &str| {
            format!("[Container]\nImage=nginx:1\n{lines}[X-Fleet]\nGlobal=true\n[X-Sculler]\nOnUpdate=hold\n")
        };
        model.write("web.container", &text(""));
        agent.change().await;
        seconds(40).await;
        model.write("web.container", &text("Environment=A=1\n"));
        agent.change().await;
        agent.change().await;
        assert_eq!(done(&model), ["start web.service"]);
        assert_eq!(model.state().prepared, 1);
        agent.wish("web.service", Wish::Start).await;
        assert_eq!(done(&model), ["restart web.service"]);
        assert_eq!(model.state().prepared, 1);
        agent.stop().await;
    });
}
