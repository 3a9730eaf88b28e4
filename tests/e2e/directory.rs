//! The unit directory itself: removed, replaced, mounted over, not there yet.

use std::time::{Duration, Instant};

use crate::agent::{SOON, UNITS, service, sleeper, unit_path};
use crate::host::Host;

const ANOTHER: &str = "/etc/sculler/units is another directory than before";

#[test]
fn a_directory_that_is_removed_and_made_again_stops_nothing() {
    let host = Host::boot("removed").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("app.service");
    host.settle();
    let (web, app) = (host.invocation("web.service"), host.invocation("app.service"));

    host.sh("rm -r /etc/sculler/units");
    host.wait_told("the unit directory /etc/sculler/units does not exist, so nothing is changed");
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        host.look();
    }
    host.assert_untouched("web.service", &web);
    host.sh("mkdir /etc/sculler/units");
    host.wait_told("the unit directory can be read again");
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        host.look();
    }
    host.assert_untouched("web.service", &web);
    host.assert_untouched("app.service", &app);

    // With the files back, all is as it was
    host.put("web.service", &sleeper());
    host.put("app.service", &sleeper());
    host.run_sleeper("probe.service");
    assert_eq!(host.settle(), Vec::<String>::new());
    host.assert_untouched("web.service", &web);
    host.assert_untouched("app.service", &app);
    // And followed as before
    host.take_out("app.service");
    host.wait_gone("app.service");
}

#[test]
fn a_directory_that_is_replaced_is_followed_and_its_removals_wait() {
    let host = Host::boot("replaced").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("app.service");
    host.settle();
    let (web, app) = (host.invocation("web.service"), host.invocation("app.service"));
    host.make_dir("/etc/sculler/next");
    host.write("/etc/sculler/next/web.service", &service("/bin/sleep 1000000"));
    host.sh("cd /etc/sculler && mv units previous && mv next units");
    let since = Instant::now();
    let web = host.wait_restarted("web.service", &web);
    host.wait_told(ANOTHER);
    host.run_sleeper("new.service");
    // A change starts the 30 s anew; after them the missing unit goes by itself
    host.assert_untouched("app.service", &app);
    host.wait_until("what is missing goes after 30 s", SOON * 3, || !host.is_active("app.service"));
    assert!(since.elapsed() >= Duration::from_secs(30), "after {:?}", since.elapsed());
    host.wait_gone("app.service");
    host.assert_untouched("web.service", &web);
    host.wait_until("all is well again", SOON, || host.settle().is_empty());
}

#[test]
fn an_empty_mount_over_the_directory_stops_nothing() {
    let host = Host::boot("mounted").with_agent();
    host.run_sleeper("web.service");
    host.settle();
    let web = host.invocation("web.service");
    host.sh("mount -t tmpfs -o mode=755 tmpfs /etc/sculler/units");
    host.wait_told(&format!("{ANOTHER} (replaced, or something is mounted or not mounted there): it is empty"));
    assert!(host.sh("systemctl status sculler --no-pager").contains("--accept-removal"));
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(3) {
        host.look();
    }
    host.assert_untouched("web.service", &web);
    host.sh("systemctl restart sculler");
    host.look();
    host.assert_untouched("web.service", &web);

    // Unmounting is noticed too: a unit below it is followed again
    host.sh("umount /etc/sculler/units");
    host.run_sleeper("probe.service");
    host.wait_until("all is well again", SOON, || host.settle().is_empty());
    host.assert_untouched("web.service", &web);
    host.take_out("web.service");
    host.wait_gone("web.service");
}

#[test]
fn units_on_a_mount_run_on_when_it_is_unmounted() {
    let host = Host::boot("unmounted").up();
    host.sh("mkdir -p /etc/sculler/units && mount -t tmpfs -o mode=755 tmpfs /etc/sculler/units");
    host.install_sculler();
    host.run_sleeper("web.service");
    host.settle();
    let web = host.invocation("web.service");
    host.sh("umount /etc/sculler/units");
    host.wait_told(ANOTHER);
    host.settle();
    host.assert_untouched("web.service", &web);
    host.accept_removal();
    host.wait_gone("web.service");
    host.run_sleeper("new.service");
    assert_eq!(host.settle(), Vec::<String>::new());
}

#[test]
fn units_on_a_mount_below_the_directory_run_on_when_it_is_unmounted() {
    let host = Host::boot("unmounted-below").with_agent();
    host.make_dir("/etc/sculler/units/team");
    host.run_sleeper("web.service");
    host.sh("mount -t tmpfs -o mode=755 tmpfs /etc/sculler/units/team");
    host.write("/etc/sculler/units/team/app.service", &sleeper());
    host.wait_active("app.service");
    host.settle();
    let app = host.invocation("app.service");
    let told = "/etc/sculler/units/team is another directory than before";
    host.sh("umount /etc/sculler/units/team");
    host.wait_told(told);
    host.sh("systemctl restart sculler");
    host.settle();
    host.assert_untouched("app.service", &app);
    assert!(host.sh("systemctl status sculler --no-pager").contains(told));
    // Back, all is well
    host.sh("mount -t tmpfs -o mode=755 tmpfs /etc/sculler/units/team");
    host.write("/etc/sculler/units/team/app.service", &sleeper());
    host.wait_until("all is well again", SOON, || host.settle().is_empty());
    host.assert_untouched("app.service", &app);
    host.sh("umount /etc/sculler/units/team");
    host.wait_told(told);
    host.accept_removal();
    host.wait_gone("app.service");
    host.wait_active("web.service");
}

#[test]
fn a_directory_that_is_emptied_on_purpose_is_followed() {
    let host = Host::boot("emptied").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("app.service");
    host.sh("rm /etc/sculler/units/*");
    host.wait_gone("web.service");
    host.wait_gone("app.service");
}

#[test]
fn the_agent_waits_for_a_directory_that_is_not_there_yet() {
    let host = Host::boot("absent").with_agent();
    host.sh("systemctl stop sculler");
    host.write("/etc/sculler/sculler.toml", "unit_dir = \"/srv/fleet/units\"\n");
    host.sh("systemctl start sculler");
    host.wait_told("the unit directory /srv/fleet/units does not exist");
    assert!(host.told().contains("mkdir -p /srv/fleet/units"));
    assert!(host.sh("systemctl status sculler --no-pager").contains("/srv/fleet/units does not exist"));
    host.sh(&format!("mkdir -p /srv/fleet/units && printf '%s' '{}' > /srv/fleet/units/web.service", sleeper()));
    host.wait_active("web.service");
    host.wait_told("the unit directory can be read again");
}

#[test]
fn a_directory_behind_a_symbolic_link_is_followed_through_every_swap() {
    let host = Host::boot("symlink").with_agent();
    host.sh(
        "rmdir /etc/sculler/units && mkdir -p /srv/releases/1 /srv/releases/2 && ln -s /srv/releases/1 /srv/current",
    );
    host.sh("ln -s /srv/current /etc/sculler/units");
    let put = |release: u32, text: &str| host.write(&format!("/srv/releases/{release}/web.service"), text);
    put(1, &service("/bin/sleep 1000001"));
    host.wait_active("web.service");
    let invocation = host.invocation("web.service");
    put(1, &service("/bin/sleep 1000011"));
    let invocation = host.wait_restarted("web.service", &invocation);
    put(2, &service("/bin/sleep 1000002"));
    host.settle();
    host.assert_untouched("web.service", &invocation);
    host.sh("ln -s /srv/releases/2 /srv/next && mv -T /srv/next /srv/current");
    let invocation = host.wait_restarted("web.service", &invocation);
    assert!(host.property("web.service", "ExecStart").contains("1000002"));
    put(2, &service("/bin/sleep 1000022"));
    host.wait_restarted("web.service", &invocation);
}

#[test]
fn symbolic_links_to_files_and_folders_are_followed() {
    let host = Host::boot("links").with_agent();
    host.sh("mkdir -p /srv/team /srv/v1 /srv/v2; ln -s /srv/v1 /etc/sculler/units/..data");
    for version in [1, 2] {
        host.write(&format!("/srv/v{version}/web.service"), &service(&format!("/bin/sleep 100000{version}")));
    }
    host.write("/srv/team/app.service", &sleeper());
    host.sh("ln -s ..data/web.service /etc/sculler/units/web.service; ln -s /srv/team /etc/sculler/units/team");
    host.wait_active("web.service");
    host.wait_active("app.service");
    let (web, app) = (host.invocation("web.service"), host.invocation("app.service"));
    // As Kubernetes swaps a mounted configuration
    host.sh("cd /etc/sculler/units && ln -s /srv/v2 ..next && mv -T ..next ..data");
    host.wait_restarted("web.service", &web);
    host.write("/srv/team/app.service", &service("/bin/sleep 1000000"));
    host.wait_restarted("app.service", &app);
    host.sh("rm /srv/team/app.service");
    host.wait_gone("app.service");
}

#[test]
fn nothing_is_missed_when_the_event_queue_overflows() {
    let host = Host::boot("overflow").with_agent();
    host.run_sleeper("web.service");
    host.run_sleeper("gone.service");
    let invocation = host.invocation("web.service");
    let agent = host.property("sculler.service", "MainPID");
    // While it is stopped, more happens than the kernel keeps events for; what matters comes last
    host.sh(&format!("kill -STOP {agent}"));
    let queue: u32 = host.sh("cat /proc/sys/fs/inotify/max_queued_events").trim().parse().expect("a number");
    let file = host.path(&unit_path(".burst"));
    for round in 0..queue / 2 {
        // Each differs from the one before, else the kernel keeps one event for both
        std::fs::write(&file, round.to_string()).expect("the unit directory can be written");
        std::fs::remove_file(&file).expect("the file is there");
    }
    host.put("web.service", &service("/bin/sleep 1000000"));
    host.put("new.service", &sleeper());
    host.take_out("gone.service");
    host.sh(&format!("kill -CONT {agent}"));
    host.wait_restarted("web.service", &invocation);
    host.wait_active("new.service");
    host.wait_gone("gone.service");
    // And it watches as before
    host.run_sleeper("later.service");
    assert_eq!(host.property("sculler.service", "MainPID"), agent);
    let listed = host.sh(&format!("ls {UNITS}"));
    assert_eq!(listed, "later.service\nnew.service\nweb.service\n");
}
