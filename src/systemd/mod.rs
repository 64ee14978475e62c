//! What we tell systemd and the journal, and what unit files tell us.

pub mod drop_in;
pub mod journal;
pub mod notify;
pub mod units;
