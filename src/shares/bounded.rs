//! Reading a whole source into memory that wipes itself, up to a limit.

use std::fs::File;
use std::io::{self, Read};
use zeroize::Zeroizing;

/// The largest source that is read, in bytes: 255 shares in hex and base64 are below 32 KiB.
pub(super) const LIMIT: usize = 64 * 1024;

/// Reads to the end; `None` when there is more than [`LIMIT`], whatever size the file claimed to have.
///
/// The buffer has its final size before the first byte arrives. `Read::read_to_end` would not do: it may
/// grow the buffer, and probes for the end through a buffer on the stack.
pub(super) fn read(mut file: &File) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let mut buffer = Zeroizing::new(vec![0; LIMIT + 1]);
    let mut filled = 0;
    while let Some(rest) = buffer.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match file.read(rest) {
            Ok(0) => {
                buffer.truncate(filled);
                return Ok(Some(buffer));
            }
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(None)
}
