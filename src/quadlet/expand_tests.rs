use super::super::testing::{host, platform, unit};
use super::*;

fn expand(service: &str, section: &str, text: &str) -> (String, Vec<Note>) {
    let unit = unit("a.container", &format!("[Service]\n{section}\n"));
    let (service, host, platform) = (UnitName::parse(service).unwrap(), host(), platform());
    let mut notes = Vec::new();
    let text = Expander::new(Merged::of(&unit), &service, &host, &platform).value(text.into(), &mut notes);
    (text.into_owned(), notes)
}

#[test]
fn specifiers_of_the_service() {
    let cases = [
        ("web.service", "%n|%N|%p|%i|%f", "web.service|web|web||/web"),
        (r"a\x2db-c@x-y.service", "%n|%N|%p|%P", r"a\x2db-c@x-y.service|a\x2db-c@x-y|a\x2db-c|a-b/c"),
        (r"a\x2db-c@x-y.service", "%i|%I|%j|%J|%f", "x-y|x/y|c|c|/x/y"),
        (
            "web.service",
            "%m|%H|%l|%q",
            "df515c3682aa43b4ae2b7d2168e17d38|coreos001.example.com|coreos001|coreos001.example.com",
        ),
        ("web.service", "%v %a %b %o %w [%W%B%M%A] %s", "6.18.0 x86-64 b007 debian 13 [] /bin/bash"),
        ("web.service", "%t %S %C %L %E %D %T %V", "/run /var/lib /var/cache /var/log /etc /usr/share /tmp /var/tmp"),
        ("web.service", "%u %U %g %G %h", "root 0 root 0 /root"),
        ("web.service", "%d", "/run/credentials/web.service"),
        ("web.service", "%y %Y", "/etc/sculler/units/a.container /etc/sculler/units"),
        ("web.service", "50%% 100%", "50% 100%"),
    ];
    for (service, text, expected) in cases {
        assert_eq!(expand(service, "", text), (expected.to_owned(), Vec::new()), "{service} {text}");
    }
    let (text, notes) = expand("web.service", "", "%Z");
    assert_eq!(text, "%Z");
    assert!(notes[0].1.contains("'%Z' is no specifier"), "{notes:?}");
}

#[test]
fn facts_of_another_host_are_errors() {
    let unit = unit("a.container", "");
    let (service, host) = (UnitName::parse("a.service").unwrap(), host());
    let mut notes = Vec::new();
    Expander::new(Merged::of(&unit), &service, &host, &Platform::default()).value("%v %H".into(), &mut notes);
    assert_eq!(
        notes,
        [(Severity::Error, "what %v stands for is known on the host itself alone; run this there".to_owned())]
    );
}

#[test]
fn variables_of_the_service() {
    let section = "Environment=A=1 \"B=x y\" C=%p\nEnvironment=A=2\nUnsetEnvironment=D";
    let cases = [
        ("${A}/${B}/${C}", "2/x y/web"),
        ("$B", "x y"),
        ("a$B $$ $${A} ${A", "a$B $ ${A} ${A"),
        ("$", "$"),
        ("%p-${A}", "web-2"),
    ];
    for (text, expected) in cases {
        assert_eq!(expand("web.service", section, text), (expected.to_owned(), Vec::new()), "{text}");
    }
    let (text, notes) = expand("web.service", section, "[${D}]");
    assert_eq!(text, "[]");
    assert_eq!(notes[0].0, Severity::Warning);
    let (_, notes) = expand("web.service", "EnvironmentFile=/etc/default/web", "${D}");
    assert_eq!(notes[0].0, Severity::Error);
    assert!(notes[0].1.contains("EnvironmentFile="), "{notes:?}");
}

#[test]
fn words_of_a_command_line() {
    let unit = unit("a.container", "[Service]\nEnvironment=\"OPTIONS=-a 'b c'\" EMPTY=\n");
    let (service, host, platform) = (UnitName::parse("a.service").unwrap(), host(), platform());
    let expander = Expander::new(Merged::of(&unit), &service, &host, &platform);
    let words = |text: &str| {
        let mut words = Vec::new();
        expander.words(text, &mut words, &mut Vec::new());
        words
    };
    assert_eq!(words("$OPTIONS"), ["-a", "b c"]);
    assert_eq!(words("${OPTIONS}"), ["-a 'b c'"]);
    assert!(words("$EMPTY").is_empty());
    assert_eq!(words("${EMPTY}"), [""]);
}
