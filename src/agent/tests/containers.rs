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
        assert_eq!(done(&model), (texts(&["restart data-volume.service", "restart web.service"]), 0));
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
