//! `CheckCmd=` of a plain service: run as a service of its own, with the user and the sandbox of the one that it is for.

use std::fmt::Write as _;
use std::path::Path;

use super::complaint;
use crate::config;
use crate::files;
use crate::systemd::Systemd;
use crate::unit::UnitName;

/// Where its unit is for as long as it runs.
const FOLDER: &str = "/run/systemd/system.attached";

/// How much of its output is kept.
const OUTPUT: usize = 8 * 1024;

/// What a check complained of.
pub struct Complaint {
    /// In a line.
    pub sentence: String,
    /// All that it printed.
    pub output: String,
}

/// Runs the check of `unit`, whose `[Service]` has these lines.
pub async fn run(unit: &UnitName, check: &[String], service: &[(String, String)]) -> Result<(), Complaint> {
    let shown = check.join(" ");
    let complain = |sentence: String| Complaint { sentence, output: String::new() };
    let name = format!("sculler-check-{}.service", unit.stem());
    let path = Path::new(FOLDER).join(&name);
    let folder = Path::new(config::RUN_DIRECTORY).join("checks");
    let output = folder.join(unit.as_str());
    let text = text(unit, check, service, &output);
    std::fs::create_dir_all(&folder)
        .and_then(|()| std::fs::create_dir_all(FOLDER))
        .and_then(|()| files::replace_for(&path, text.as_bytes(), true))
        .map_err(|error| complain(format!("CheckCmd= cannot be run: {}: {error}", path.display())))?;
    let result = Systemd::finish(async |systemd| systemd.start(&name).await).await;
    let _ = files::remove(&path);
    let printed = std::fs::read(&output).unwrap_or_default();
    let _ = files::remove(&output);
    let printed = String::from_utf8_lossy(&printed[printed.len().saturating_sub(OUTPUT)..]).trim().to_owned();
    match result {
        Ok(result) if result == "done" => Ok(()),
        Ok(result) => {
            let how = if result == "timeout" { "did not end within 60 s" } else { "failed" };
            let line = complaint::line(&printed).map(|line| format!(": {line}")).unwrap_or_default();
            Err(Complaint { sentence: format!("CheckCmd= '{shown}' {how}{line}"), output: printed })
        }
        Err(error) => Err(complain(format!("CheckCmd= '{shown}' cannot be run: {error}"))),
    }
}

/// The unit of a check.
fn text(unit: &UnitName, check: &[String], service: &[(String, String)], output: &Path) -> String {
    let mut text = format!(
        "[Unit]\nDescription=Check before {unit} is reloaded\nCollectMode=inactive-or-failed\n\n[Service]\nType=oneshot\n\
         TimeoutStartSec=60\nStandardOutput=truncate:{}\nStandardError=inherit\n\
         # They are the service's, and stay when this ends.\nRuntimeDirectoryPreserve=yes\n",
        output.display()
    );
    let has = |key: &str| service.iter().any(|(known, value)| known == key && !value.is_empty());
    if has("DynamicUser") && !has("User") {
        // Its name would be made of this unit's, and own the service's folders.
        let _ = writeln!(text, "User={}", unit.prefix());
    }
    for (key, value) in service {
        let _ = writeln!(text, "{key}={}", of_unit(value, unit));
    }
    let words: Vec<String> = check.iter().map(|word| quoted(word)).collect();
    let _ = writeln!(text, "ExecStart={}", words.join(" "));
    text
}

/// Specifiers that name the unit, for the one that the text was written for.
fn of_unit(value: &str, unit: &UnitName) -> String {
    let mut out = String::with_capacity(value.len());
    let mut rest = value.chars();
    while let Some(c) = rest.next() {
        if c != '%' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push_str(unit.as_str()),
            Some('N') => out.push_str(unit.stem()),
            Some('p') => out.push_str(unit.prefix()),
            Some('i') => out.push_str(unit.instance().unwrap_or_default()),
            other => {
                out.push('%');
                out.extend(other);
            }
        }
    }
    out
}

/// A word of a command line in which systemd expands nothing.
fn quoted(word: &str) -> String {
    let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    format!("\"{word}\"")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_runs_as_its_service() {
        let unit = UnitName::parse("web@a.service").unwrap();
        let service = [("DynamicUser", "yes"), ("RuntimeDirectory", "%p-%i"), ("Environment", "A=100%%")];
        let service: Vec<(String, String)> = service.map(|(key, value)| (key.into(), value.into())).into();
        let check = ["/bin/test".to_owned(), "a \"b\" $c 5%".to_owned()];
        let text = text(&unit, &check, &service, Path::new("/run/out"));
        for line in [
            "StandardOutput=truncate:/run/out",
            "RuntimeDirectoryPreserve=yes",
            "User=web",
            "RuntimeDirectory=web-a",
            "Environment=A=100%%",
            r#"ExecStart="/bin/test" "a \"b\" $$c 5%%""#,
        ] {
            assert!(text.lines().any(|known| known == line), "{line}\n{text}");
        }
    }
}
