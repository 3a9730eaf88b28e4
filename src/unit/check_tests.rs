use super::*;
use crate::unit::diagnostics::Severity;
use crate::unit::syntax::parse;

fn findings(name: &str, text: &str) -> Vec<Diagnostic> {
    let (file, errors) = parse(text.as_bytes());
    assert_eq!(errors, [], "{text}");
    check(&file, &UnitName::parse(name).unwrap())
}

/// One finding each: severity, line, column, words of the message.
fn assert_one(name: &str, text: &str, severity: Severity, line: usize, column: usize, words: &str) {
    let found = findings(name, text);
    assert_eq!(found.len(), 1, "{name} {text:?}: {found:?}");
    let place = (found[0].severity, found[0].line, found[0].column);
    assert_eq!(place, (severity, line, column), "{text:?}: {}", found[0].message);
    assert!(found[0].message.contains(words), "{text:?}: {}", found[0].message);
}

#[test]
fn what_is_right() {
    for (name, text) in [
        ("a.service", "[Service]\nExecStart=/bin/true\n"),
        (
            "a.service",
            "[Service]\nExecStart=-@!sleep sleep 5\nRestartSec=5\nKillSignal=SIGTERM\nX-Mine=1\n[X-Mine]\nfoo=1\n",
        ),
        ("a.service", "[Service]\nType=oneshot\nExecStart=/a\nExecStart=/b ; /c \"d e\"\n"),
        ("a.service", "[Service]\nExecStart=/a\nExecStart=\nExecStart=/b\n"),
        ("a.service", "[Service]\nType=oneshot\nRemainAfterExit=yes\nExecStop=/a\n"),
        ("a.service", "[Unit]\nSuccessAction=exit\n[Service]\n"),
        ("a.service", "[Unit]\nSuccessAction=exit\n"),
        ("a.service", "[Service]\nBusName=org.x\nExecStart=%h/bin/x\nTimeoutStopSec=infinity\n"),
        ("a@.service", "[Unit]\nAfter=%i.service dev-sda.device\n[Service]\nExecStart=/bin/x %i\nUMask=0077\n"),
        ("a.socket", "[Socket]\nListenStream=80\n"),
        ("a.timer", "[Timer]\nOnCalendar=daily\n"),
        ("a.timer", "[Timer]\nOnClockChange=yes\n"),
        ("a.path", "[Path]\nPathExists=/x\n"),
        (r"srv-my\x20data.mount", "[Mount]\nWhat=/dev/sda\nWhere=/srv/my data\n"),
        ("srv.automount", "[Automount]\nWhere=/srv\n"),
        ("a.target", ""),
        ("a-b.slice", "[Slice]\nMemoryMax=1G\n"),
        ("a.container", "[Container]\nImage=x\n[Service]\nRestart=always\n"),
    ] {
        assert_eq!(findings(name, text), [], "{name} {text}");
    }
}

#[test]
fn what_systemd_refuses_or_ignores_in_a_service() {
    for (text, line, column, words) in [
        ("Type=simpel\nExecStart=/a", 2, 6, "did you mean 'simple'"),
        ("Restart=sometimes\nExecStart=/a", 2, 9, "it can be no, on-success"),
        ("KillMode=group\nExecStart=/a", 2, 10, "control-group"),
        ("NotifyAccess=any\nExecStart=/a", 2, 14, "main"),
        ("RestartSec=5x\nExecStart=/a", 2, 12, "no time span"),
        ("TimeoutStopSec=soon\nExecStart=/a", 2, 16, "no time span"),
        ("KillSignal=SIGTREM\nExecStart=/a", 2, 12, "no signal"),
        ("RemainAfterExit=maybe\nExecStart=/a", 2, 17, "no boolean"),
        ("UMask=999\nExecStart=/a", 2, 7, "octal"),
        ("ExecStart=bin/a", 2, 11, "neither an absolute path"),
        ("ExecStart=/a/", 2, 11, "is a folder"),
        ("ExecStart=/a \"b c", 2, 14, "not closed"),
        ("ExecStart=/a ; ./b\nType=oneshot", 2, 16, "neither an absolute path"),
        ("ExecStart=-", 2, 11, "no program"),
        ("Environment=\"A=b\nExecStart=/a", 2, 13, "a quote in it is not closed"),
        ("ExecStart=/a\nExecStart=/b", 3, 1, "more than one ExecStart="),
        ("Restart=no", 1, 1, "no ExecStart="),
        ("ExecStop=/a\nType=simple", 1, 1, "Type=oneshot only"),
        ("ExecStop=/a", 1, 1, "RemainAfterExit=yes"),
        ("Type=dbus\nExecStart=/a", 1, 1, "BusName="),
        ("Type=oneshot\nRestart=always\nExecStart=/a", 3, 9, "not allowed for Type=oneshot"),
    ] {
        let severity = if text == "ExecStart=-" { Severity::Warning } else { Severity::Error };
        assert_one("a.service", &format!("[Service]\n{text}\n"), severity, line, column, words);
    }
}

#[test]
fn what_other_types_need() {
    for (name, text, line, words) in [
        ("a.service", "[Unit]\n", 0, "no [Service] section"),
        ("a.service", "", 0, "no [Service] section"),
        ("a.socket", "[Socket]\nAccept=no\n", 1, "ListenStream="),
        ("a.timer", "[Timer]\nPersistent=yes\n", 1, "OnCalendar="),
        ("a.path", "[Path]\nUnit=b.service\n", 1, "PathExists="),
        ("a.mount", "[Mount]\nWhere=/a\n", 1, "no What="),
        ("a.mount", "[Mount]\nWhat=/dev/sda\nWhere=/b\n", 3, "'b.mount'"),
        ("a.automount", "[Automount]\nWhere=b\n", 2, "no absolute path"),
        ("a--b.slice", "[Slice]\n", 0, "a slice's name"),
        ("a@b.slice", "[Slice]\n", 0, "template"),
    ] {
        let column = match line {
            0 => 0,
            1 => 1,
            _ => 7,
        };
        assert_one(name, text, Severity::Error, line, column, words);
    }
}

#[test]
fn a_mount_point_may_be_left_to_the_name() {
    assert_one("a.mount", "[Mount]\nWhat=/dev/sda\n", Severity::Warning, 1, 1, "no Where=");
}

#[test]
fn sections_and_keys_that_are_not_known() {
    let start = "[Service]\nExecStart=/a\n";
    for (text, severity, line, column, words) in [
        ("[Servce]\nExecStart=/a\n", Severity::Error, 1, 1, "did you mean 'Service'?"),
        ("[service]\nExecStart=/a\n", Severity::Error, 1, 1, "did you mean 'Service'?"),
        (&format!("{start}[X-Flet]\n"), Severity::Error, 3, 1, "did you mean 'X-Fleet'?"),
        (&format!("{start}[Foo]\n"), Severity::Warning, 3, 1, "begin with 'X-'"),
        (&format!("{start}[Timer]\n"), Severity::Warning, 3, 1, "no place in a .service file"),
        (&format!("{start}Restrat=no\n"), Severity::Warning, 3, 1, "did you mean 'Restart'?"),
        (&format!("{start}After=b.service\n"), Severity::Warning, 3, 1, "belongs into [Unit]"),
        (
            &format!("{start}[Unit]\nAfter=docker x.service\n"),
            Severity::Warning,
            4,
            7,
            "did you mean 'docker.service'?",
        ),
    ] {
        assert_one("a.service", text, severity, line, column, words);
    }
}
