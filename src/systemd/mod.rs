//! What we tell systemd and the journal.

pub mod journal;
pub mod notify;
