use super::super::testing::{host, platform, unit};
use super::*;
use crate::unit::UnitName;

/// Reads `lines` of a `[Container]` and shows what `read` makes of it, with the messages.
fn read<T>(lines: &str, read: impl Fn(&mut Values<'_>) -> T) -> (T, Vec<String>) {
    let unit = unit("web.container", &format!("[Container]\n{lines}\n"));
    let merged = Merged::of(&unit);
    let (service, host, platform) = (UnitName::parse("web.service").unwrap(), host(), platform());
    let mut values = Values::new(merged, "Container", Expander::new(merged, &service, &host, &platform));
    let result = read(&mut values);
    let messages = values.findings.iter().map(|finding| {
        let diagnostic = &finding.diagnostic;
        format!("{}:{}: {}", diagnostic.line, diagnostic.column, diagnostic.message)
    });
    (result, messages.collect())
}

fn texts(values: Vec<Value<'_>>) -> Vec<String> {
    values.into_iter().map(|value| value.text.into_owned()).collect()
}

#[test]
fn scalars() {
    let cases = [
        ("", None),
        ("HostName=a\nHostName=b", Some("b")),
        ("HostName=a\nHostName=", None),
        ("HostName=\"a b\"", Some("a b")),
        ("HostName=\"a\" b", Some("\"a\" b")),
        ("HostName=\"", Some("\"")),
        ("HostName='a'", Some("'a'")),
        ("HostName=%p-1", Some("web-1")),
    ];
    for (lines, expected) in cases {
        let (found, _) = read(lines, |values| values.scalar("HostName").map(|value| value.text.into_owned()));
        assert_eq!(found.as_deref(), expected, "{lines}");
    }
}

#[test]
fn booleans() {
    let cases = [
        ("", None),
        ("ReadOnly=", None),
        ("ReadOnly=Yes", Some(true)),
        ("ReadOnly=\"on\"", Some(true)),
        ("ReadOnly=0", Some(false)),
        ("ReadOnly=maybe", Some(false)),
        ("ReadOnly=y", Some(false)),
    ];
    for (lines, expected) in cases {
        let (found, messages) = read(lines, |values| values.boolean("ReadOnly"));
        assert_eq!(found, expected, "{lines}");
        assert_eq!(messages.len(), usize::from(["ReadOnly=maybe", "ReadOnly=y"].contains(&lines)), "{messages:?}");
    }
}

#[test]
fn lists() {
    let (found, _) = read("DNS=a b\nDNS=\nDNS=\"c\" d", |values| texts(values.lines("DNS")));
    assert_eq!(found, ["\"c\" d"]);
    let (found, _) = read("Sysctl=a=1 'b=2 3'\nSysctl=c=\\n", |values| texts(values.words("Sysctl")));
    assert_eq!(found, ["a=1", "b=2 3", "c=\\n"]);
    let (found, messages) = read("Sysctl=a=1 'b=2\nSysctl=c=3", |values| texts(values.words("Sysctl")));
    assert_eq!(found, ["a=1", "c=3"]);
    assert_eq!(messages, ["2:12: Sysctl: this quote is not closed; close or escape it"]);
}

#[test]
fn arguments_and_assignments() {
    let (found, _) = read("Mask=/a \"/b c\"\nMask=/d\\te", |values| texts(values.arguments("Mask")));
    assert_eq!(found, ["/a", "/b c", "/d\te"]);
    let (found, messages) = read("Mask=/a /\\q\nMask=/b", |values| texts(values.arguments("Mask")));
    assert_eq!(found, ["/b"]);
    assert_eq!(
        messages,
        ["2:10: Mask: not a known escape sequence, so this line is left out; write '\\\\' for a '\\'"]
    );
    let (found, messages) = read("Label=a=1 \"b=x y\" c a=2\nLabel==3", |values| {
        let found = values.pairs("Label").into_iter();
        found.map(|pair| (pair.name().to_owned(), pair.assigned().map(str::to_owned))).collect::<Vec<_>>()
    });
    let expected = [("a", Some("2")), ("b", Some("x y")), ("c", None)];
    assert_eq!(found, expected.map(|(name, value)| (name.to_owned(), value.map(str::to_owned))));
    assert_eq!(messages, ["3:7: Label '=3' has no name before its '='"]);
}

#[test]
fn commands() {
    let (found, _) = read("Exec=a\nExec=sh -c \"echo $HOME\" \\x41", |values| values.command("Exec").map(|(c, _)| c));
    assert_eq!(found.unwrap(), ["sh", "-c", "echo $HOME", "A"]);
    let (found, _) = read("Exec=a\nExec=", |values| values.command("Exec").map(|(command, _)| command));
    assert_eq!(found, None);
}
