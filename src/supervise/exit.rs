//! How a container's end becomes the supervisor's. Pure.

use crate::docker::ContainerState;

use super::OWN_ERROR;
use super::advice::with_advice;

/// The exit code of the supervisor and what the status line says of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub code: u8,
    pub text: String,
}

/// The code when SIGKILL ended the container.
const KILLED: i64 = 128 + 9;

/// Judges an end. `asked`: somebody asked for the stop, and the container was to end by `stop_signal`.
pub fn verdict(state: &ContainerState, asked: bool, stop_signal: Option<&str>) -> Verdict {
    let code = state.exit_code;
    let own = u8::try_from(code).unwrap_or(OWN_ERROR);
    if state.oom_killed {
        let text = "The kernel killed the container for want of memory (OOM); raise Memory= or find out what grows";
        return Verdict { code: own, text: text.to_owned() };
    }
    if asked {
        let signal = i64::from(signal_number(stop_signal.unwrap_or("SIGTERM")).unwrap_or(15));
        return match code {
            0 => Verdict { code: 0, text: "Stopped".to_owned() },
            code if code == 128 + signal => Verdict { code: 0, text: "Stopped by its stop signal".to_owned() },
            KILLED => Verdict {
                code: 0,
                text: "Killed, since it did not end within its stop timeout; raise StopTimeout=, or choose another \
                       StopSignal="
                    .to_owned(),
            },
            _ => Verdict { code: own, text: format!("Stopped; {}", ended(state)) },
        };
    }
    Verdict { code: own, text: format!("The container {}", ended(state)) }
}

fn ended(state: &ContainerState) -> String {
    let why = if state.error.is_empty() { String::new() } else { format!(": {}", with_advice(&state.error)) };
    match state.exit_code {
        code @ 129..=192 => format!("was ended by signal {} (exit code {code}){why}", signal_name(code - 128)),
        code => format!("ended with exit code {code}{why}"),
    }
}

/// `SIGTERM`, `TERM`, `15` or `SIGRTMIN+3` → its number, as the Engine reads it.
fn signal_number(name: &str) -> Option<i32> {
    if let Ok(number) = name.parse() {
        return Some(number);
    }
    let name = name.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    // moby/sys: signal/signal_linux.go counts from 34 and back from 64.
    if let Some(offset) = name.strip_prefix("RTMIN") {
        return offset.trim_start_matches('+').parse().ok().or(Some(0)).map(|offset: i32| 34 + offset);
    }
    if let Some(offset) = name.strip_prefix("RTMAX") {
        return offset.trim_start_matches('-').parse().ok().or(Some(0)).map(|offset: i32| 64 - offset);
    }
    format!("SIG{name}").parse::<nix::sys::signal::Signal>().ok().map(|signal| signal as i32)
}

fn signal_name(number: i64) -> String {
    let signal = i32::try_from(number).ok().and_then(|number| nix::sys::signal::Signal::try_from(number).ok());
    signal.map_or_else(|| number.to_string(), |signal| signal.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended_with(exit_code: i64) -> ContainerState {
        ContainerState { exit_code, ..ContainerState::default() }
    }

    #[test]
    fn an_end_nobody_asked_for_keeps_its_code() {
        for (code, text) in [
            (0, "The container ended with exit code 0"),
            (7, "The container ended with exit code 7"),
            (255, "The container ended with exit code 255"),
            (137, "The container was ended by signal SIGKILL (exit code 137)"),
            (143, "The container was ended by signal SIGTERM (exit code 143)"),
        ] {
            let verdict = verdict(&ended_with(code), false, None);
            assert_eq!((i64::from(verdict.code), verdict.text.as_str()), (code, text));
        }
        for code in 0..=u8::MAX {
            assert_eq!(verdict(&ended_with(code.into()), false, None).code, code);
        }
        assert_eq!(verdict(&ended_with(-1), false, None).code, OWN_ERROR);
    }

    #[test]
    fn a_stop_that_was_asked_for_is_no_failure() {
        for (code, signal, verdict_is) in [
            (0, None, 0),
            (143, None, 0),
            (137, None, 0),
            (131, Some("SIGQUIT"), 0),
            (131, Some("quit"), 0),
            (131, Some("3"), 0),
            (165, Some("SIGRTMIN+3"), 0),
            (143, Some("SIGQUIT"), 143),
            (1, None, 1),
            (130, None, 130),
        ] {
            assert_eq!(verdict(&ended_with(code), true, signal).code, verdict_is, "{code} after {signal:?}");
        }
    }

    #[test]
    fn want_of_memory_is_said() {
        let state = ContainerState { oom_killed: true, ..ended_with(137) };
        for asked in [false, true] {
            let verdict = verdict(&state, asked, None);
            assert_eq!(verdict.code, 137);
            assert!(verdict.text.contains("OOM"));
        }
    }
}
