//! What is known of a name that stands for nodes, in words.

use crate::discovery::Roll;

/// What is odd about it, for the one line that systemd shows; `None` while all is well.
pub fn brief(roll: &Roll) -> Option<String> {
    let missing = roll.missing();
    let refused = roll.refused().count();
    if let Some(trouble) = roll.trouble() {
        return Some(trouble.to_string());
    }
    if !roll.was_answered() {
        return Some("not looked up yet".to_owned());
    }
    let mut parts = Vec::new();
    if missing > 0 {
        parts.push(format!("{missing} no longer in DNS"));
    }
    if refused > 0 {
        parts.push(format!("{refused} refused"));
    }
    if parts.is_empty() && roll.count() == 0 {
        parts.push("no nodes".to_owned());
    }
    if parts.is_empty() { None } else { Some(parts.join(", ")) }
}
