//! Reading a whole file into memory that wipes itself, up to a limit.

use std::fs::File;
use std::io::{self, Read};
use zeroize::Zeroizing;

/// Reads to the end; `None` when there are more than `limit` bytes, whatever size the file claimed to have.
///
/// The buffer has its final size before the first byte arrives; a file that grows meanwhile gets another.
/// `Read::read_to_end` would not do: it may grow the buffer, and probes for the end through a buffer on the stack.
/// A buffer of the largest size for every file would stay resident: it is wiped, and so touched, as a whole.
pub(crate) fn read(mut file: &File, limit: usize) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
    let claimed = usize::try_from(file.metadata()?.len()).map_or(limit, |size| size.min(limit));
    let mut buffer = Zeroizing::new(vec![0; claimed + 1]);
    let mut filled = 0;
    loop {
        let rest = buffer.get_mut(filled..).unwrap_or_default();
        if rest.is_empty() {
            if buffer.len() > limit {
                return Ok(None);
            }
            let mut largest = Zeroizing::new(vec![0; limit + 1]);
            largest.iter_mut().zip(buffer.iter()).for_each(|(to, from)| *to = *from);
            buffer = largest;
            continue;
        }
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const LIMIT: usize = 64 * 1024;

    #[test]
    fn a_size_that_is_not_true_loses_nothing_and_the_limit_holds() {
        // What proc(5) shows claims to be empty: a file that grew after it was looked at.
        let grown = read(&File::open("/proc/self/status").unwrap(), LIMIT).unwrap().expect("below the limit");
        assert!(grown.starts_with(b"Name:") && grown.ends_with(b"\n"), "{}", String::from_utf8_lossy(&grown));

        let directory = crate::testing::directory();
        let path = directory.path().join("shares");
        for (size, fits) in [(0, true), (1, true), (LIMIT, true), (LIMIT + 1, false)] {
            fs::write(&path, vec![b'x'; size]).unwrap();
            let got = read(&File::open(&path).unwrap(), LIMIT).unwrap();
            assert_eq!(got.map(|bytes| bytes.len()), fits.then_some(size));
        }
    }
}
