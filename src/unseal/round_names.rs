//! The names of the rounds that a server has shown: they tell one server from several behind one address.

use crate::api::Nonce;

/// The last few names. One server never returns to a round that something else followed: a new round gets a new name.
#[derive(Debug, Default)]
pub(super) struct RoundNames {
    latest: Nonce,
    earlier: [Nonce; 8],
    next: usize,
}

impl RoundNames {
    /// The server shows this round, or none. True when it is an earlier one: it is another server's.
    pub(super) fn returns_to(&mut self, name: Nonce) -> bool {
        if name == self.latest {
            return false;
        }
        let known = !name.is_empty() && self.earlier.contains(&name);
        if let Some(slot) = self.earlier.get_mut(self.next).filter(|_| !self.latest.is_empty()) {
            *slot = self.latest;
            self.next = (self.next + 1) % self.earlier.len();
        }
        self.latest = name;
        known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn returns(names: &[&str]) -> Vec<bool> {
        let mut seen = RoundNames::default();
        names.iter().map(|name| seen.returns_to(Nonce::of(name))).collect()
    }

    #[test]
    fn rounds_of_one_server_never_return() {
        assert_eq!(returns(&["", "a", "a", "", "b", "b", "c", ""]), [false; 8]);
        assert_eq!(returns(&["", "", ""]), [false; 3]);
    }

    #[test]
    fn rounds_of_two_servers_return() {
        assert_eq!(returns(&["a", "b", "a"]), [false, false, true]);
        assert_eq!(returns(&["a", "", "a"]), [false, false, true]);
    }
}
