//! `"1s"`, `"2m 30s"`: durations as people write them.

use super::shown::shown;
use std::time::Duration;

/// Why a text is not a duration, or not one that this key takes.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum DurationError {
    /// A number alone.
    #[error("{0} has no unit")]
    NoUnit(String),
    /// A unit that is none.
    #[error("\"{0}\" is not a unit of time")]
    Unit(String),
    /// Anything else that cannot be read.
    #[error("\"{0}\" is not a duration")]
    Unreadable(String),
    /// Outside the bounds.
    #[error("{written} is {comparison} than {}", humantime::format_duration(*bound))]
    Bounds {
        /// What was written.
        written: String,
        /// "shorter" or "longer".
        comparison: &'static str,
        /// The bound that it passes.
        bound: Duration,
    },
}

impl DurationError {
    /// What to write instead.
    pub(super) fn advice(&self) -> String {
        match self {
            Self::NoUnit(number) => format!("Write \"{number}s\" for seconds; ms, m and h work too."),
            Self::Unit(_) | Self::Unreadable(_) => {
                "Write a number and its unit, ms, s, m or h, as in \"500ms\", \"30s\" or \"2m 30s\"."
                    .to_owned()
            }
            Self::Bounds { comparison, bound, .. } => {
                let side = if *comparison == "shorter" { "least" } else { "most" };
                format!("Write at {side} \"{}\".", humantime::format_duration(*bound))
            }
        }
    }
}

/// Reads a duration between `least` and `most`, both allowed.
pub(super) fn parse(text: &str, least: Duration, most: Duration) -> Result<Duration, DurationError> {
    let trimmed = text.trim();
    if !trimmed.is_empty() && trimmed.chars().all(|c| c.is_ascii_digit() || c == '.') {
        return Err(DurationError::NoUnit(shown(trimmed)));
    }
    let duration = humantime::parse_duration(trimmed).map_err(|error| match error {
        humantime::DurationError::UnknownUnit { unit, .. } if !unit.is_empty() => {
            DurationError::Unit(shown(&unit))
        }
        _ => DurationError::Unreadable(shown(text)),
    })?;
    let bounds = |comparison, bound| DurationError::Bounds { written: shown(trimmed), comparison, bound };
    if duration < least {
        return Err(bounds("shorter", least));
    }
    if duration > most {
        return Err(bounds("longer", most));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_the_lack_of_them() {
        let parse = |text| {
            parse(text, Duration::from_millis(100), Duration::from_secs(3600))
                .map(|duration| duration.as_millis())
                .map_err(|error| format!("{error}. {}", error.advice()))
        };
        assert_eq!(parse("100ms"), Ok(100));
        assert_eq!(parse(" 2m 30s "), Ok(150_000));
        assert_eq!(parse("1h"), Ok(3_600_000));
        assert_eq!(parse("1.5s"), Ok(1500));
        let refused = [
            ("30", "30 has no unit. Write \"30s\" for seconds"),
            ("1.5", "1.5 has no unit"),
            ("5 sekunden", "\"sekunden\" is not a unit of time"),
            ("", "\"\" is not a duration"),
            ("soon", "\"soon\" is not a duration"),
            ("-1s", "\"-1s\" is not a duration"),
            ("99ms", "99ms is shorter than 100ms. Write at least \"100ms\"."),
            ("61m", "61m is longer than 1h. Write at most \"1h\"."),
            ("99999999999999999999s", "\"…\" is not a duration"),
        ];
        for (text, expected) in refused {
            let error = parse(text).expect_err(text);
            assert!(error.starts_with(expected), "{text:?}: {error}");
        }
    }
}
