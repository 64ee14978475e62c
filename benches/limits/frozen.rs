//! The bare loops, the prober and the fleet stay as they are: a figure beside others is another figure.

use ring::digest::{SHA256, digest};

use super::support::home::hex;

/// Of [`FILES`], one after the other.
const CHECKSUM: &str = "8e241958b526cf1decb67f7aa1d0a2b76a2ec3086184b68c880b931b7b493c5d";

const FILES: [&[u8]; 7] = [
    include_bytes!("bare/mod.rs"),
    include_bytes!("bare/connection.rs"),
    include_bytes!("bare/one.rs"),
    include_bytes!("bare/many.rs"),
    include_bytes!("bare/poller.rs"),
    include_bytes!("prober.rs"),
    include_bytes!("../../tests/support/fleet.rs"),
];

/// Why nothing may be measured, if they changed.
pub(crate) fn check() -> Result<(), String> {
    let checksum = hex(digest(&SHA256, &FILES.concat()).as_ref());
    if checksum == CHECKSUM {
        return Ok(());
    }
    Err(format!(
        "the bare loops, the prober or the fleet changed, so that earlier figures cannot be compared.\n\
         Measure the daemon and the bare loop again, on one machine, before and after; the bare loop may not be slower\n\
         by more than 15 %. Then put this into benches/limits/frozen.rs: {checksum}"
    ))
}
