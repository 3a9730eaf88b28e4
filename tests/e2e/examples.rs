//! The unit files that are shipped as examples run as they are.

use crate::agent::SOON;
use crate::host::Host;

#[test]
fn the_examples_run() {
    let host = Host::boot("examples").machine_id("df515c3682aa43b4ae2b7d2168e17d38").docker().up();
    host.sh("mkdir -p /etc/sculler/sculler.toml.d /srv/web/conf /srv/web/html");
    host.write("/etc/sculler/sculler.toml.d/role.toml", "[metadata]\nrole = \"app\"\n");
    let site = "server { listen 8080; root /srv/web/html; }\n";
    host.write("/srv/web/conf/site.conf", site);
    host.write("/srv/web/html/index.html", "a page\n");
    host.install_sculler();
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/units");
    for entry in std::fs::read_dir(examples).expect("the examples are here") {
        let path = entry.expect("the folder can be read").path();
        let text = std::fs::read_to_string(&path).expect("an example is text");
        host.put(path.file_name().and_then(|name| name.to_str()).expect("a name"), &text);
    }
    for unit in ["nginx.service", "web.service", "app.service", "clean.timer"] {
        host.wait_active(unit);
    }
    assert_eq!(host.sh("curl -fsS http://127.0.0.1:8080"), "a page\n");
    assert_eq!(host.sh("docker exec app wget -q -O - http://app:8000").trim(), "hello");
    assert_eq!(host.property("clean.service", "ActiveState"), "inactive", "its timer alone starts it");
    host.write("/srv/web/conf/site.conf", &format!("{site}server {{ listen 8081; return 200 \"new\\n\"; }}\n"));
    host.wait_until("the new configuration is live", SOON, || {
        host.try_sh("docker exec web /bin/busybox wget -q -O - http://127.0.0.1:8081").stdout == "new\n"
    });
    host.write("/srv/web/conf/site.conf", "nonsense\n");
    host.wait_until("the fault is shown", SOON, || host.try_sh("sculler status").stdout.contains("CheckCmd="));
    assert_eq!(host.sh("curl -fsS http://127.0.0.1:8080"), "a page\n");
}
