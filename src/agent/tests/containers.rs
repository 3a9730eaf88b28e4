//! Quadlet files in the loop: what is rendered to two things may change in one of them.

use super::model::Model;
use super::{Running, name, paused};

fn container(lines: &str) -> String {
    format!("[Container]\nImage=nginx:1\n{lines}[X-Fleet]\nGlobal=true\n")
}

/// What was done since the last look.
fn done(model: &Model) -> (Vec<String>, usize) {
    let mut state = model.state();
    (std::mem::take(&mut state.done), std::mem::take(&mut state.reloads))
}

fn texts(lines: &[&str]) -> Vec<String> {
    lines.iter().map(ToString::to_string).collect()
}

#[test]
fn an_edit_of_the_container_restarts_without_a_reload() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("web.container", &container(""));
        agent.change().await;
        assert_eq!(done(&model), (texts(&["start web.service"]), 0));
        model.write("web.container", &container("Environment=A=1\n"));
        agent.change().await;
        assert_eq!(done(&model), (texts(&["restart web.service"]), 0));
        let (runs, wanted) = {
            let state = model.state();
            let web = name("web.service");
            (state.units[&web].runs, state.memory.installed[&web].facts.run)
        };
        assert_eq!(runs, Some(wanted));
        model.write("web.container", &container("Environment=A=1\nVolume=/srv:/srv\n"));
        agent.change().await;
        assert_eq!(done(&model), (texts(&["restart web.service"]), 1));
        agent.stop().await;
    });
}

#[test]
fn what_cannot_matter_to_a_container_restarts_nothing() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("web.container", &container(""));
        agent.change().await;
        done(&model);
        model.write("web.container", &format!("# a comment\n{}", container("")));
        agent.change().await;
        assert_eq!(done(&model), (Vec::new(), 0));
        // Limits are changed in what runs, by a reload.
        model.write("web.container", &container("[Service]\nMemoryMax=1G\n"));
        agent.change().await;
        assert_eq!(done(&model).0, Vec::<String>::new());
        agent.stop().await;
    });
}

#[test]
fn another_name_of_a_volume_restarts_the_containers_that_use_it() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("web.container", &container("Volume=data.volume:/data\n"));
        model.write("data.volume", "[Volume]\n[X-Fleet]\nGlobal=true\n");
        agent.change().await;
        assert_eq!(done(&model), (texts(&["start data-volume.service", "start web.service"]), 0));
        model.write("data.volume", "[Volume]\nVolumeName=other\n[X-Fleet]\nGlobal=true\n");
        agent.change().await;
        assert_eq!(done(&model), (texts(&["reload data-volume.service", "restart web.service"]), 0));
        agent.stop().await;
    });
}

#[test]
fn a_reference_that_breaks_keeps_what_runs() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("web.container", &container("Volume=data.volume:/data\n"));
        model.write("data.volume", "[Volume]\n[X-Fleet]\nGlobal=true\n");
        agent.change().await;
        done(&model);
        model.write("data.volume", "[Volume]\nVolumeNaem=other\n[X-Fleet]\nGlobal=true\n");
        agent.change().await;
        assert_eq!(done(&model), (Vec::new(), 0));
        model.remove("web.container");
        agent.change().await;
        assert_eq!(done(&model).0, ["stop web.service", "remove web.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_version_that_cannot_start_stops_nothing_until_it_can() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        model.write("web.container", &container(""));
        agent.change().await;
        assert_eq!(model.state().prepared, 0, "what does not run yet needs no preparation");
        model.state().faults.insert(name("web.service"), "The image is not here");
        model.write("web.container", &container("Environment=A=1\n"));
        // Others do not wait for it.
        model.write("other.container", &container(""));
        agent.change().await;
        assert_eq!(done(&model).0, ["start web.service", "start other.service"]);
        let answer = agent.wish("web.service", super::Wish::Keep).await;
        assert!(answer.problem.is_some_and(|problem| problem.contains("The image is not here")));
        // What was missing may come by itself.
        model.state().faults.clear();
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
        assert_eq!(done(&model).0, ["restart web.service"]);
        agent.stop().await;
    });
}

#[test]
fn a_preparation_is_given_up_when_the_file_changes_again() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        let web = name("web.service");
        model.write("web.container", &container(""));
        agent.change().await;
        done(&model);
        model.state().slow.push(web.clone());
        model.write("web.container", &container("Environment=A=1\n"));
        agent.change().await;
        model.write("web.container", &container(""));
        agent.change().await;
        model.finish("web.service");
        agent.change().await;
        assert_eq!(done(&model).0, Vec::<String>::new(), "nothing is left to do");
        model.write("web.container", &container("Environment=A=2\n"));
        agent.change().await;
        agent.task.abort();
        // Another agent begins anew.
        let agent = Running::start(&model);
        agent.change().await;
        assert_eq!(model.state().prepared, 3);
        model.finish("web.service");
        model.finish("web.service");
        agent.change().await;
        model.finish("web.service");
        agent.change().await;
        assert_eq!(done(&model).0, ["restart web.service"]);
        agent.stop().await;
    });
}

#[test]
fn an_edit_of_what_containers_require_stops_none_of_them() {
    paused(async {
        let model = Model::default();
        let agent = Running::start(&model);
        let network = |lines: &str| format!("[Network]\n{lines}[X-Fleet]\nGlobal=true\n");
        model.write("web.container", &container("Network=lan.network\n"));
        model.write("lan.network", &network(""));
        agent.change().await;
        done(&model);
        model.write("lan.network", &network("Internal=yes\n"));
        agent.change().await;
        assert_eq!(done(&model), (texts(&["reload lan-network.service"]), 0));
        // How it stops is another matter, and none for now.
        model.write("lan.network", &network("Internal=yes\n[Service]\nTimeoutStopSec=5\n"));
        agent.change().await;
        assert_eq!(done(&model), (texts(&["reload lan-network.service"]), 1));
        // What the file says now is recorded: another agent has nothing to do.
        agent.task.abort();
        let agent = Running::start(&model);
        agent.change().await;
        assert_eq!(done(&model).0, Vec::<String>::new());
        // Somebody who asks for a restart gets one.
        agent.wish("lan-network.service", super::Wish::Restart).await;
        assert_eq!(done(&model).0, ["restart lan-network.service"]);
        // One that is down is started.
        model.stop_by_hand(&name("lan-network.service"));
        model.write("lan.network", &network(""));
        agent.change().await;
        assert_eq!(done(&model).0, ["start lan-network.service"]);
        agent.stop().await;
    });
}
