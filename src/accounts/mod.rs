//! The accounts of this machine: how they are named, and which of them are trusted.

mod trusted;
mod user;

pub use trusted::{DEFAULT_SERVER_USERS, ServerUser, Trusted};
pub use user::User;

/// The text of passwd(5). Directory services are not asked: they may take their time.
fn passwd() -> String {
    let text = crate::files::text(std::path::Path::new("/etc/passwd"));
    text.map(|text| text.to_string()).unwrap_or_default()
}

/// Name and number of each account in the text of passwd(5).
fn entries(passwd: &str) -> impl Iterator<Item = (&str, u32)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((name, fields.nth(1)?.parse().ok()?))
    })
}
