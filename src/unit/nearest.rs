//! "Did you mean": the known word nearest to a misspelt one.

/// The known word that `word` is most likely a misspelling of, if there is one near enough: the same but for
/// case, or at most a third of its letters away (three at most).
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let wanted = word.to_lowercase();
    let length = wanted.chars().count();
    let limit = (length / 3).clamp(1, 3);
    known
        .into_iter()
        // Every letter of difference in length is an edit: this spares most of the comparisons.
        .filter(|candidate| candidate.len().abs_diff(length) <= limit)
        .map(|candidate| (strsim::osa_distance(&wanted, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= limit)
        .min_by_key(|(distance, candidate)| (*distance, *candidate))
        .map(|(_, candidate)| candidate)
}

/// `; did you mean 'X'?`, or nothing.
pub(crate) fn suggestion(nearest: Option<&str>) -> String {
    nearest.map(|name| format!("; did you mean '{name}'?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_words_only() {
        let known = ["MachineID", "MachineOf", "Conflicts", "Global"];
        assert_eq!(nearest("Machineof", known), Some("MachineOf"));
        assert_eq!(nearest("machineid", known), Some("MachineID"));
        assert_eq!(nearest("Conflict", known), Some("Conflicts"));
        assert_eq!(nearest("Golbal", known), Some("Global"));
        assert_eq!(nearest("Peers", known), None);
        assert_eq!(nearest("", known), None);
    }
}
