//! Which PCRs shares are bound to.

use crate::ordered;
use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

/// The highest number of a PCR: TPMs for PCs have 24 (TCG PC Client Platform TPM Profile).
const HIGHEST: u8 = 23;

/// A bank: which hash the TPM extends its PCRs with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PcrBank {
    /// Every TPM 2.0 has it.
    Sha256,
    /// Some firmware extends it too, or it alone.
    Sha384,
}

impl PcrBank {
    /// The bank as tpm2-tools write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
        }
    }

    /// Bytes of one of its values.
    pub fn digest_length(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
        }
    }

    /// The bank of this name.
    pub fn of_word(word: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha384].into_iter().find(|bank| bank.word() == word)
    }
}

/// At least one PCR of one bank, written `7+11` for the bank sha256, or `sha384:7+11`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PcrSelection {
    bank: PcrBank,
    numbers: BTreeSet<u8>,
}

/// Why a text selects no PCRs.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PcrSelectionError {
    /// Nothing before the colon that a TPM is asked for.
    #[error("{0:?} is not a bank of PCRs: sha256 and sha384 are")]
    Bank(String),
    /// Not a number, or not of a PCR.
    #[error("{0:?} is not the number of a PCR: 0 to {HIGHEST} are, joined by +, as in 7+11")]
    Number(String),
    /// One number more than once.
    #[error("PCR {0} is named twice")]
    Twice(u8),
}

impl PcrSelection {
    /// These PCRs; `None` when there are none, or none of that number.
    pub fn of(bank: PcrBank, numbers: impl IntoIterator<Item = u8>) -> Option<Self> {
        let numbers = ordered::set(numbers);
        let fits = !numbers.is_empty() && numbers.iter().all(|number| *number <= HIGHEST);
        fits.then_some(Self { bank, numbers })
    }

    /// The bank.
    pub fn bank(&self) -> PcrBank {
        self.bank
    }

    /// The numbers, ascending.
    pub fn numbers(&self) -> impl Iterator<Item = u8> + '_ {
        self.numbers.iter().copied()
    }
}

impl FromStr for PcrSelection {
    type Err = PcrSelectionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (bank, list) = match text.split_once(':') {
            None => (PcrBank::Sha256, text),
            Some((word, list)) => match PcrBank::of_word(word) {
                Some(bank) => (bank, list),
                None => return Err(PcrSelectionError::Bank(word.to_owned())),
            },
        };
        let mut numbers = BTreeSet::new();
        for word in list.split('+') {
            let digits = !word.is_empty() && word.chars().all(|c| c.is_ascii_digit());
            let number = word.parse().ok().filter(|number| digits && *number <= HIGHEST);
            let number: u8 = number.ok_or_else(|| PcrSelectionError::Number(word.to_owned()))?;
            if !numbers.insert(number) {
                return Err(PcrSelectionError::Twice(number));
            }
        }
        Ok(Self { bank, numbers })
    }
}

/// As it is read, always with the bank: `sha256:7+11`.
impl fmt::Display for PcrSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.numbers.iter().map(ToString::to_string).collect();
        write!(f, "{}:{}", self.bank.word(), numbers.join("+"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selection_is_read_and_shown_with_its_bank() {
        for (written, shown) in [
            ("7", "sha256:7"),
            ("11+7", "sha256:7+11"),
            ("sha256:0+23", "sha256:0+23"),
            ("sha384:7+11", "sha384:7+11"),
            ("07", "sha256:7"),
        ] {
            let selection: PcrSelection = written.parse().unwrap();
            assert_eq!(selection.to_string(), shown);
            assert_eq!(shown.parse(), Ok(selection));
        }
    }

    #[test]
    fn what_is_no_selection_is_named() {
        for (written, message) in [
            ("", "\"\" is not the number of a PCR: 0 to 23 are, joined by +, as in 7+11"),
            ("sha256:", "\"\" is not the number of a PCR: 0 to 23 are, joined by +, as in 7+11"),
            ("7,11", "\"7,11\" is not the number of a PCR: 0 to 23 are, joined by +, as in 7+11"),
            ("7+24", "\"24\" is not the number of a PCR: 0 to 23 are, joined by +, as in 7+11"),
            ("7++11", "\"\" is not the number of a PCR: 0 to 23 are, joined by +, as in 7+11"),
            ("+7", "\"\" is not the number of a PCR: 0 to 23 are, joined by +, as in 7+11"),
            ("300", "\"300\" is not the number of a PCR: 0 to 23 are, joined by +, as in 7+11"),
            ("7+7", "PCR 7 is named twice"),
            ("sha1:7", "\"sha1\" is not a bank of PCRs: sha256 and sha384 are"),
            (":7", "\"\" is not a bank of PCRs: sha256 and sha384 are"),
        ] {
            let error = written.parse::<PcrSelection>().unwrap_err();
            assert_eq!(error.to_string(), message, "{written}");
        }
    }
}
