//! The shares in a document of JSON or YAML, by the names of its members.

use super::document::Value;
use super::encoding;
use super::found::{FoundShares, List, MOST_SHARES, Spot, Stray};
use super::found::{Label, NameMeaning, says};
use super::refusal::ContentRefusal;
use crate::cluster::Scheme;

/// Members of the HTTP API's answers, and of the configuration of lrstanley's program of our name, which say shares at the
/// top of a document and nothing anywhere else.
const API: [&str; 3] = ["keys", "keys_base64", "unseal_tokens"];
/// Members that say of how many shares the server needs how many: of the command line.
const THRESHOLD: &str = "unseal_threshold";
const TOTAL: &str = "unseal_shares";
/// Of a rekey whose shares wait for `-verify`.
const VERIFICATION: &str = "verification_nonce";
const FINGERPRINTS: &str = "pgp_fingerprints";

/// Finds the strings that should be shares.
pub(super) fn find<'a>(text: &'a str, document: &Value<'a>) -> Result<FoundShares<'a>, ContentRefusal> {
    let mut walk = Walk { text, path: Vec::new(), lists: Vec::new(), found: FoundShares::default() };
    walk.found.json = true;
    if let Value::Object(members) = document {
        let filled = |value: &Value<'_>| matches!(value, Value::List(items) if !items.is_empty());
        if members.iter().any(|(name, value)| *name == FINGERPRINTS && filled(value)) {
            return Err(ContentRefusal::Pgp);
        }
        walk.found.scheme = scheme(members);
    }
    match document {
        Value::List(items) => walk.list(items, NameMeaning::default(), true)?,
        Value::Object(members) => walk.object(members, NameMeaning::default(), false)?,
        other => return Err(walk.wrong(None, other)),
    }
    let mut lists = walk.lists.into_iter().map(|(_, list)| list);
    let mut found = walk.found;
    found.list = lists.next().unwrap_or_default();
    found.again = lists.collect();
    Ok(found)
}

/// One without the other, or what no server can have, says nothing.
fn scheme(members: &[(&str, Value<'_>)]) -> Option<Scheme> {
    let number = |wanted: &str| match members.iter().find(|(name, _)| *name == wanted) {
        Some((_, Value::Number(Some(number)))) => Some(*number).filter(|n| (1..=MOST_SHARES).contains(n)),
        _ => None,
    };
    let (threshold, total) = (number(THRESHOLD)?, number(TOTAL)?);
    (threshold <= total).then_some(Scheme { threshold, total })
}

/// A step from the top of the document to a value.
#[derive(Clone, Copy)]
enum Step<'a> {
    Name(&'a str),
    Item,
}

struct Walk<'a> {
    text: &'a str,
    path: Vec<Step<'a>>,
    /// Each list of shares, and what tells it from the others.
    lists: Vec<(String, List<'a>)>,
    found: FoundShares<'a>,
}

impl<'a> Walk<'a> {
    /// `shares` says that what is in here should be shares: the names above say so, or it is a bare list.
    fn value(&mut self, value: &Value<'a>, said: NameMeaning, shares: bool) -> Result<(), ContentRefusal> {
        match value {
            Value::List(items) => self.list(items, said, shares),
            // Where a bare list holds objects, their own names say what is in them.
            Value::Object(members) => self.object(members, said, shares && self.depth() > 0),
            Value::Text(text) => {
                self.string(text, said, shares);
                Ok(())
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Lines => Ok(()),
        }
    }

    fn list(&mut self, items: &[Value<'a>], said: NameMeaning, shares: bool) -> Result<(), ContentRefusal> {
        for (index, item) in items.iter().enumerate() {
            let before = self.count();
            self.path.push(Step::Item);
            self.value(item, said, shares)?;
            self.path.pop();
            // A share that is not there must not be missed: what stands in a list of shares is one, or holds one.
            if shares && self.count() == before {
                return Err(self.wrong(Some(index + 1), item));
            }
        }
        Ok(())
    }

    fn object(
        &mut self,
        members: &[(&'a str, Value<'a>)],
        said: NameMeaning,
        shares: bool,
    ) -> Result<(), ContentRefusal> {
        let top = self.path.is_empty();
        let item = matches!(self.path.last(), Some(Step::Item));
        let named = members.iter().any(|(name, value)| {
            NameMeaning::of(name).is_value() && matches!(value, Value::Text(text) if !text.is_empty())
        });
        for (index, (name, value)) in members.iter().enumerate() {
            let api = top && API.contains(name);
            let below = said.below(name);
            // In `{"keys": [{"key": "…"}]}` it is the list that says it.
            let inside = (shares && !below.is_recovery() && !below.is_foreign()) || below.is_share() || api;
            if inside && members.iter().take(index).any(|(before, _)| before == name) {
                let (name, spot) = (Label::of(name), Spot::of_part(self.text, name));
                return Err(ContentRefusal::JsonTwice(name, spot));
            }
            // The name of a share's keeper stands beside it.
            let beside = match value {
                Value::Text(text) if shares && (item || named) => {
                    !NameMeaning::of(name).is_value() && !encoding::looks_like_share(text)
                }
                _ => false,
            };
            if beside {
                continue;
            }
            self.path.push(Step::Name(name));
            if top && is_list(name) && matches!(value, Value::Bool(_) | Value::Number(_)) {
                return Err(self.wrong(None, value));
            }
            if inside && matches!(value, Value::Lines) {
                return Err(self.wrong(None, value));
            }
            if let (true, Value::Text(text)) = (below.is_root_token(), value) {
                self.found.root_token |= !text.is_empty();
            }
            if let (VERIFICATION, Value::Text(text)) = (*name, value) {
                self.found.unverified |= !text.is_empty();
            }
            self.value(value, below, inside)?;
            self.path.pop();
        }
        Ok(())
    }

    fn string(&mut self, text: &'a str, said: NameMeaning, shares: bool) {
        if said.is_recovery() {
            self.found.recovery |= !text.is_empty();
        } else if shares {
            let key = self.key();
            let known = self.lists.iter().position(|(known, _)| *known == key);
            let index = known.unwrap_or(self.lists.len());
            if known.is_none() {
                let steps = self.path.get(..self.depth()).unwrap_or_default();
                self.lists.push((key, List { label: Self::label(steps), entries: Vec::new() }));
            }
            let Some((_, list)) = self.lists.get_mut(index) else { return };
            list.take(self.text, text, None);
        } else if encoding::looks_like_share(text) {
            let list = usize::from(matches!(self.path.last(), Some(Step::Item)));
            let steps = self.path.get(..self.path.len() - list).unwrap_or_default();
            let spot = Spot::of_part(self.text, text);
            self.found.strays.push(Stray { text, label: Self::label(steps), spot });
        }
    }

    fn count(&self) -> usize {
        self.lists.iter().map(|(_, list)| list.entries.len()).sum::<usize>() + self.found.strays.len()
    }

    /// What strings of one list have in common: the names down to the one that says shares, without their digits, and
    /// what further names say of the encoding.
    fn key(&self) -> String {
        let (list, below) = self.path.split_at(self.depth());
        let mut key = list.iter().fold(String::new(), |key, step| match step {
            Step::Name(name) => {
                key + "." + &Label::of(name).to_string().replace(|c: char| c.is_ascii_digit(), "")
            }
            Step::Item => key + "[]",
        });
        for step in below {
            let Step::Name(name) = step else { continue };
            key.push_str(if says(name, "64") { " base64" } else { "" });
            key.push_str(if says(name, "hex") { " hex" } else { "" });
        }
        key
    }

    /// How many steps it takes to the name that says shares.
    fn depth(&self) -> usize {
        let mut said = NameMeaning::default();
        for (index, step) in self.path.iter().enumerate() {
            if let Step::Name(name) = step {
                said = said.below(name);
                if said.is_share() || index == 0 && API.contains(name) {
                    return index + 1;
                }
            }
        }
        0
    }

    /// The names on the way, as a person writes them: `data.unseal_keys[].key`; `None` where there are none.
    fn label(steps: &[Step<'_>]) -> Option<Label> {
        let mut names = String::new();
        for step in steps {
            match step {
                Step::Name(name) => {
                    if !names.is_empty() {
                        names.push('.');
                    }
                    names.push_str(Label::of(name).to_string().trim_matches('"'));
                }
                Step::Item => names.push_str("[]"),
            }
        }
        (!steps.is_empty()).then(|| Label::of(&names))
    }

    fn wrong(&self, entry: Option<usize>, found: &Value<'_>) -> ContentRefusal {
        let name = self.path.iter().rev().find_map(|step| match step {
            Step::Name(name) => Some(*name),
            Step::Item => None,
        });
        let list = name.map(|name| (Label::of(name), Spot::of_part(self.text, name)));
        ContentRefusal::JsonType { list, entry, found: found.name() }
    }
}

/// Members of the servers' own that are lists, and nothing else.
fn is_list(name: &str) -> bool {
    API.contains(&name) || ["unseal_keys_b64", "unseal_keys_hex"].contains(&name)
}
