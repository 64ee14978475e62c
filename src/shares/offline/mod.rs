//! Copies of shares that leave this machine, encrypted to those who will keep them.
//!
//! Shares exist so that several people hold one each: with several recipients they are dealt in turn, each share to
//! one recipient and in a file of its own, and nobody gets them all. One recipient gets all of them, in one file.

mod recipient;

pub use recipient::{EncryptError, Recipient, RecipientError};

use super::share::{Share, ShareSet};
use super::store::write::Reserved;
use super::store::{Existing, StoreError};
use crate::explain::Explain;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Characters of a share in hex, and its line's end.
const LINE: usize = 2 * 33 + 1;

/// Files for copies, each beside its place until there is something in it.
pub struct PreparedCopies {
    copies: Vec<ReservedCopy>,
}

/// One file that is to be.
struct ReservedCopy {
    reserved: Reserved,
    copy: OfflineCopy,
}

/// One copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OfflineCopy {
    /// The file.
    pub path: PathBuf,
    /// To whom it is encrypted.
    pub recipient: Recipient,
    /// Which shares are in it, counted from 1.
    pub shares: Vec<usize>,
}

/// Why there is no copy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OfflineError {
    /// Nothing can be encrypted to this recipient.
    #[error("cannot encrypt to {0}: {1}")]
    Recipient(Recipient, EncryptError),
    /// The file cannot be written.
    #[error("an encrypted copy cannot be made: {0}")]
    File(StoreError),
}

/// Who gets which of `count` shares: the recipient's index, the shares counted from 1.
pub fn deal(count: usize, recipients: usize) -> Vec<(usize, Vec<usize>)> {
    match recipients {
        0 => Vec::new(),
        1 => vec![(0, (1..=count).collect())],
        several => (1..=count).map(|share| ((share - 1) % several, vec![share])).collect(),
    }
}

/// Does everything that can fail with a text that is nobody's share: finds the programs, encrypts to every recipient,
/// writes beside every file. Disk space stays reserved.
///
/// Blocks. Errors: a program, a recipient, the directory or the disk.
pub fn prepare(
    recipients: &[Recipient],
    count: usize,
    directory: &Path,
    existing: Existing,
) -> Result<PreparedCopies, OfflineError> {
    let trial = vec![b'#'; LINE * count];
    let trials: Vec<Vec<u8>> =
        recipients.iter().map(|recipient| encrypted(recipient, &trial)).collect::<Result<_, _>>()?;
    let mut copies = Vec::new();
    for (index, shares) in deal(count, recipients.len()) {
        let (Some(recipient), Some(sealed)) = (recipients.get(index), trials.get(index)) else { continue };
        let path = directory.join(name(recipient, &shares));
        let reserved = Reserved::beside(&path, existing, None).map_err(OfflineError::File)?;
        reserved.write(sealed).and_then(|()| reserved.keep_room()).map_err(OfflineError::File)?;
        copies.push(ReservedCopy {
            reserved,
            copy: OfflineCopy { path, recipient: recipient.clone(), shares },
        });
    }
    Ok(PreparedCopies { copies })
}

impl PreparedCopies {
    /// Encrypts and writes every copy; `title` goes before the shares as a comment. When it fails some may be there.
    pub fn store(&mut self, shares: &ShareSet, title: &str) -> Result<Vec<OfflineCopy>, OfflineError> {
        let mut done = Vec::with_capacity(self.copies.len());
        for ReservedCopy { reserved, copy } in &mut self.copies {
            let chosen: Vec<&Share> =
                shares.iter().filter(|share| copy.shares.contains(&share.position())).collect();
            let sealed = encrypted(&copy.recipient, text(&chosen, title).as_bytes())?;
            reserved.write(&sealed).and_then(|()| reserved.take_place()).map_err(OfflineError::File)?;
            done.push(copy.clone());
        }
        Ok(done)
    }
}

fn encrypted(recipient: &Recipient, text: &[u8]) -> Result<Vec<u8>, OfflineError> {
    recipient.encrypt(text).map_err(|cause| OfflineError::Recipient(recipient.clone(), cause))
}

/// What is in a copy once it is decrypted: a share file of this program's, and easy to read for a person.
fn text(shares: &[&Share], title: &str) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(title.len() + shares.len() * (LINE + 16) + 8));
    text.push_str("# ");
    text.push_str(title);
    text.push('\n');
    for share in shares {
        text.push_str("# share ");
        text.push_str(&share.position().to_string());
        text.push('\n');
        text.push_str(&share.hex());
        text.push('\n');
    }
    text
}

/// `shares.age`, `share-2.asc`.
fn name(recipient: &Recipient, shares: &[usize]) -> String {
    match shares {
        [one] => format!("share-{one}.{}", recipient.extension()),
        _ => format!("shares.{}", recipient.extension()),
    }
}

impl Explain for OfflineError {
    fn kind(&self) -> &'static str {
        match self {
            Self::Recipient(_, EncryptError::Missing(_)) => "recipient-program-missing",
            Self::Recipient(..) => "recipient",
            Self::File(error) => error.kind(),
        }
    }

    fn advice(&self) -> Option<String> {
        let advice = match self {
            Self::Recipient(recipient, EncryptError::Missing(_)) => {
                return Some(format!("Install it: apt install {}", recipient.package()));
            }
            Self::Recipient(Recipient::Age(_), _) => {
                "A recipient is the line that `age-keygen` prints as public key."
            }
            Self::Recipient(Recipient::Pgp(_), _) => {
                "It must be the file of one public key that is not expired: gpg --export --armor NAME > FILE"
            }
            Self::File(StoreError::Occupied { .. }) => "Name another directory with --offline-dir.",
            Self::File(error) if error.is_denied() => {
                "Name a directory of your own with --offline-dir, or give the same command as root, with sudo."
            }
            Self::File(StoreError::NotAFile(_)) => "Name a directory with --offline-dir.",
            Self::File(error) => return error.advice(),
        };
        Some(advice.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gets_what() {
        assert_eq!(deal(3, 1), [(0, vec![1, 2, 3])]);
        assert_eq!(deal(3, 3), [(0, vec![1]), (1, vec![2]), (2, vec![3])]);
        assert_eq!(deal(5, 2), [(0, vec![1]), (1, vec![2]), (0, vec![3]), (1, vec![4]), (0, vec![5])]);
        assert_eq!(deal(5, 0), []);
    }

    #[test]
    fn a_decrypted_copy_is_a_share_file_and_its_text_never_grew() {
        let shares: Vec<Share> = (1..=5)
            .map(|position| {
                let mut bytes = vec![7; 32];
                bytes.push(u8::try_from(position).unwrap());
                Share::new(&bytes, position).unwrap()
            })
            .collect();
        let chosen: Vec<&Share> = shares.iter().collect();
        let text = text(&chosen, "5 shares of a server");
        let room = "5 shares of a server".len() + 5 * (LINE + 16) + 8;
        assert!(text.len() <= room && text.capacity() == room, "a text that grew left a copy behind");
        let read =
            super::super::format::parse(text.as_bytes(), &crate::cluster::ShareSource::File("-".into()))
                .unwrap();
        assert_eq!(read.shares.count(), 5);
    }
}
