//! The loop on a host in memory, with a paused clock.

mod containers;
mod model;
mod orders;
mod properties;
mod updates;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinHandle;

use super::inbox::{Inbox, Signal};
use super::request::{Answer, Order, Request, UnitAnswer, UnitOrder, Wish};
use super::{Agent, ReadSettings};
use crate::config::Settings;
use crate::host::{Host, MachineId};
use crate::unit::UnitName;
use model::{FakeWorld, Model};

/// An agent that runs beside the test.
struct Running {
    changed: Arc<Notify>,
    requests: mpsc::Sender<Request>,
    signals: mpsc::UnboundedSender<Signal>,
    task: JoinHandle<()>,
}

impl Running {
    fn start(model: &Model) -> Self {
        Self::start_with(model, Box::new(|| Ok(Settings::default())))
    }

    fn start_with(model: &Model, read_settings: ReadSettings) -> Self {
        let changed = Arc::new(Notify::new());
        let (requests, requests_in) = mpsc::channel(1);
        let (signals, signals_in) = mpsc::unbounded_channel();
        let inbox =
            Inbox { changed: changed.clone(), events: model.connect(), requests: requests_in, signals: signals_in };
        let host = Host {
            machine_id: MachineId::parse("df515c3682aa43b4ae2b7d2168e17d38").unwrap(),
            hostname: "coreos001".into(),
            metadata: BTreeMap::new(),
        };
        let agent = Agent::new(FakeWorld::new(model), host, Settings::default(), read_settings);
        let task = tokio::task::spawn_local(agent.run(inbox));
        Self { changed, requests, signals, task }
    }

    /// Says that something changed, and lets the agent do what it does about it at once.
    async fn change(&self) {
        self.changed.notify_one();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }

    async fn stop(self) {
        self.signals.send(Signal::Shutdown).unwrap();
        self.task.await.unwrap();
    }

    /// Asks for something of a unit and waits for what becomes of it.
    async fn wish(&self, unit: &str, wish: Wish) -> UnitAnswer {
        let order = UnitOrder { wish, source: PathBuf::from("/units").join(unit), is_replaced: false };
        let units = BTreeMap::from([(unit.to_owned(), order)]);
        let answer = self.order(Order { wait: true, units, ..Order::default() }).await.await.unwrap();
        answer.units[unit].clone()
    }

    async fn order(&self, order: Order) -> oneshot::Receiver<Answer> {
        let (reply, answer) = oneshot::channel();
        self.requests.send(Request { order, reply }).await.unwrap();
        answer
    }
}

/// Runs a test on a clock that only moves when everybody waits.
fn paused(test: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    tokio::task::LocalSet::new().block_on(&runtime, test);
}

fn service(command: &str) -> String {
    format!("[Service]\nExecStart=/bin/{command}\n[X-Fleet]\nGlobal=true\n")
}

fn name(text: &str) -> UnitName {
    UnitName::parse(text).unwrap()
}

#[test]
fn a_new_file_is_started_an_edit_restarted_and_a_deletion_stopped() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("one"));
        agent.change().await;
        model.write("a.service", &service("two"));
        agent.change().await;
        model.remove("a.service");
        agent.change().await;
        assert_eq!(model.state().done, ["start a.service", "restart a.service", "stop a.service", "remove a.service"]);
        agent.stop().await;
    });
}

#[test]
fn an_edit_that_cannot_matter_restarts_nothing() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("one"));
        agent.change().await;
        model.write("a.service", &format!("# a comment\n[Unit]\nDescription=x\n{}", service("one")));
        agent.change().await;
        assert_eq!(model.state().done, ["start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_unit_that_stops_differently_is_stopped_by_its_old_definition() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        let text = |stop: &str| format!("[Service]\nExecStart=/bin/a\nExecStop=/bin/{stop}\n[X-Fleet]\nGlobal=true\n");
        model.write("a.service", &text("one"));
        agent.change().await;
        model.write("a.service", &text("two"));
        agent.change().await;
        assert_eq!(model.state().done, ["start a.service", "stop a.service", "start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_slow_start_holds_up_nobody_and_its_file_can_be_mended_meanwhile() {
    paused(async {
        let model = Model::default();
        model.state().slow.push(name("slow.service"));
        let agent = Running::start(&model);
        model.write("slow.service", &service("wrong"));
        agent.change().await;
        model.write("quick.service", &service("quick"));
        agent.change().await;
        assert_eq!(model.state().done, ["start quick.service"]);
        model.write("slow.service", &service("right"));
        agent.change().await;
        model.finish("slow.service");
        agent.change().await;
        assert_eq!(model.state().done, ["start quick.service", "restart slow.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_timer_whose_service_comes_while_its_start_fails_is_tried_again() {
    paused(async {
        let model = Model::default();
        model.state().slow.push(name("a.timer"));
        model.state().results.insert(name("a.timer"), "refused");
        let agent = Running::start(&model);
        model.write("a.timer", "[Timer]\nOnCalendar=daily\n[X-Fleet]\nGlobal=true\n");
        agent.change().await;
        model.write("a.service", &service("a"));
        agent.change().await;
        model.finish("a.timer");
        agent.change().await;
        model.state().results.clear();
        model.state().slow.clear();
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(model.state().done, ["start a.timer", "start a.timer"]);
        agent.stop().await;
    });
}

#[test]
fn a_failed_start_waits_for_the_file_and_a_failed_dependency_is_tried_again() {
    paused(async {
        let model = Model::default();
        model.state().results.extend([(name("a.service"), "failed"), (name("b.service"), "dependency")]);
        let agent = Running::start(&model);
        model.write("a.service", &service("a"));
        model.write("b.service", &service("b"));
        agent.change().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        model.state().results.clear();
        tokio::time::sleep(Duration::from_secs(120)).await;
        let (done, units) = {
            let state = model.state();
            (state.done.clone(), state.units.clone())
        };
        assert_eq!(done.iter().filter(|line| line.contains("a.service")).count(), 1, "{:?}", done);
        assert!(units[&name("b.service")].runs.is_some());
        agent.stop().await;
    });
}

#[test]
fn a_socket_never_loses_to_its_service_and_the_service_comes_back() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        let socket = |path: &str| format!("[Socket]\nListenStream={path}\n[X-Fleet]\nGlobal=true\n");
        model.write("a.service", &service("a"));
        agent.change().await;
        model.write("a.socket", &socket("/run/a"));
        agent.change().await;
        let expected = ["start a.service", "stop a.service", "start a.socket", "start a.service"];
        assert_eq!(model.state().done, expected);
        model.write("a.socket", &socket("/run/b"));
        agent.change().await;
        let after = model.state().done.split_off(expected.len());
        assert_eq!(after, ["stop a.socket", "stop a.service", "start a.socket", "start a.service"]);
        // Both at once, and both started at boot
        model.write("b.service", &format!("{}[Install]\nWantedBy=multi-user.target\n", service("b")));
        model.write("b.socket", &socket("/run/c"));
        agent.change().await;
        let units = model.state().units.clone();
        for unit in ["a.service", "a.socket", "b.service", "b.socket"] {
            assert!(units[&name(unit)].runs.is_some(), "{unit}");
        }
        assert!(!model.state().done.contains(&"stop b.service".to_owned()));
        agent.stop().await;
    });
}

#[test]
fn a_call_without_an_answer_is_observed_again() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        agent.change().await;
        model.state().silent_calls = 1;
        model.write("a.service", &service("a"));
        agent.change().await;
        assert!(model.state().done.is_empty());
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(model.state().done, ["start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_directory_that_cannot_be_read_changes_nothing() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("a"));
        agent.change().await;
        model.state().directory_error = true;
        model.remove("a.service");
        agent.change().await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(model.state().done, ["start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn another_directory_removes_after_30_seconds_and_an_empty_one_on_demand() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("a"));
        model.write("b.service", &service("b"));
        agent.change().await;
        model.remove("b.service");
        model.state().directory = 2;
        agent.change().await;
        tokio::time::sleep(Duration::from_secs(29)).await;
        assert_eq!(model.state().done.len(), 2);
        tokio::time::sleep(Duration::from_secs(2)).await;
        assert_eq!(model.state().done[2..], ["stop b.service", "remove b.service"]);

        model.remove("a.service");
        model.state().directory = 3;
        agent.change().await;
        tokio::time::sleep(Duration::from_secs(3600)).await;
        assert_eq!(model.state().done.len(), 4);
        agent.stop().await;
    });
}

#[test]
fn a_manual_stop_is_respected_until_the_file_changes_also_by_the_next_agent() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("one"));
        agent.change().await;
        model.stop_by_hand(&name("a.service"));
        agent.change().await;
        agent.stop().await;
        let agent = Running::start(&model);
        agent.change().await;
        assert_eq!(model.state().done, ["start a.service"]);
        model.write("a.service", &service("two"));
        agent.change().await;
        assert_eq!(model.state().done, ["start a.service", "start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_request_that_waits_is_answered_when_the_jobs_are_over() {
    paused(async {
        let model = Model::default();
        model.state().slow.push(name("a.service"));
        let agent = Running::start(&model);
        model.write("a.service", &service("a"));
        let mut waiting = agent.order(Order { wait: true, ..Order::default() }).await;
        tokio::time::sleep(Duration::from_secs(60)).await;
        assert!(waiting.try_recv().is_err());
        let quick = agent.order(Order::default()).await.await.unwrap();
        assert!(quick.problems.is_empty());
        model.finish("a.service");
        let answer = waiting.await.unwrap();
        assert!(answer.done.iter().any(|line| line.starts_with("started a.service")), "{answer:?}");
        agent.stop().await;
    });
}

#[test]
fn broken_settings_keep_the_old_ones() {
    paused(async {
        let model = Model::default();
        let agent = Running::start_with(&model, Box::new(|| Err("sculler.toml:1:1: no".to_owned())));
        model.write("a.service", &service("a"));
        agent.change().await;
        assert_eq!(model.state().done, ["start a.service"]);
        agent.stop().await;
    });
}

#[test]
fn when_nothing_changes_systemd_is_not_asked() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("a.service", &service("a"));
        agent.change().await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let observed = model.state().observed;
        tokio::time::sleep(Duration::from_secs(200)).await;
        assert_eq!(model.state().observed, observed);
        agent.stop().await;
    });
}
