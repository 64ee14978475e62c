//! What makes two states the same: the text of everything in them, without what cannot decide anything, with times as
//! distances from now in buckets, and with rounds and connections named in the order in which they appear.

use std::fmt::Debug;
use std::hash::Hasher;
use vault_unseal::unseal::Moment;

/// A piece of a text that was taken apart.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Token {
    /// Words, marks and numbers, already hashed.
    Plain(u64),
    /// A moment, in microseconds.
    Time(u64),
    /// A round by its name; 0 is none.
    Round(u64),
    /// A connection.
    Epoch(u64),
}

/// Fields of the machine that are left out: its settings, its dice, what it shows (made of the rest), and names of rounds
/// that no single server returns to.
pub(crate) const OF_MACHINE: &[&str] = &["pace", "rng", "state", "events", "earlier", "next", "hint"];
/// Fields of the model: its own counters.
pub(crate) const OF_MODEL: &[&str] = &["rounds", "lives", "server", "disturbed_joins", "generation"];
/// Log hints of answers.
pub(crate) const OF_OTHERS: &[&str] = &["hint"];
/// Durations, not moments.
const LASTS: &[&str] = &["told", "at_most", "takes", "seals_after", "Timeout", "text"];
/// Counts from here on do the same.
const MANY: u64 = 8;
/// Numbers of shares and status codes begin here.
const NAMED: u64 = 100;
/// The shares of the third party: which is which does not matter.
pub(crate) const GARBAGE: usize = 10_000;

/// Takes the text of a value apart.
pub(crate) fn tokens(value: &dyn Debug, without: &[&str], into: &mut Vec<Token>) {
    let text = format!("{value:?}");
    Reader { text: text.as_bytes(), at: 0, hash: 7, lasts: false, without, into }.read();
}

struct Reader<'a> {
    text: &'a [u8],
    at: usize,
    hash: u64,
    lasts: bool,
    without: &'a [&'a str],
    into: &'a mut Vec<Token>,
}

impl Reader<'_> {
    fn read(mut self) {
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'"' => self.string(),
                b'0'..=b'9' => self.number(),
                b'a'..=b'z' | b'A'..=b'Z' | b'_' => self.word(),
                _ => {
                    self.mix(u64::from(byte));
                    self.at += 1;
                }
            }
        }
        self.into.push(Token::Plain(self.hash));
    }

    fn mix(&mut self, what: u64) {
        self.hash = mix(self.hash, what);
    }

    fn push(&mut self, token: Token) {
        self.into.push(Token::Plain(self.hash));
        self.hash = 7;
        self.into.push(token);
    }

    /// The figures in a text are for people.
    fn string(&mut self) {
        self.at += 1;
        while let Some(&byte) = self.text.get(self.at) {
            self.at += 1;
            match byte {
                b'"' => break,
                b'0'..=b'9' | b'.' => {}
                _ => self.mix(u64::from(byte)),
            }
        }
    }

    fn digits(&mut self) -> u64 {
        let mut number = 0_u64;
        while let Some(digit @ b'0'..=b'9') = self.text.get(self.at) {
            number = number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        number
    }

    fn number(&mut self) {
        let whole = self.digits();
        let mut millionths = 0;
        if self.text.get(self.at) == Some(&b'.') && self.text.get(self.at + 1).is_some_and(u8::is_ascii_digit)
        {
            self.at += 1;
            let from = self.at;
            let part = self.digits();
            let places = u32::try_from(self.at - from).unwrap_or(9);
            millionths = part.saturating_mul(1_000_000) / 10_u64.saturating_pow(places);
        }
        let rest = &self.text[self.at..];
        let (length, micros) = match rest {
            [b's', ..] => (1, 1_000_000),
            [b'm', b's', ..] => (2, 1_000),
            [0xc2, 0xb5, b's', ..] => (3, 1),
            [b'n', b's', ..] => (2, 0),
            _ => {
                self.mix(match whole {
                    0..NAMED => whole.min(MANY),
                    _ if whole >= GARBAGE as u64 => GARBAGE as u64,
                    _ => whole,
                });
                return;
            }
        };
        self.at += length;
        let time = whole.saturating_mul(micros).saturating_add(micros.saturating_mul(millionths) / 1_000_000);
        if self.lasts { self.mix(time) } else { self.push(Token::Time(time)) }
    }

    fn word(&mut self) {
        let from = self.at;
        while self.text.get(self.at).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_') {
            self.at += 1;
        }
        let word = std::str::from_utf8(&self.text[from..self.at]).unwrap_or_default();
        let field = self.text.get(self.at) == Some(&b':');
        if field && self.without.contains(&word) {
            self.skip();
            return;
        }
        match word {
            "Nonce" => self.round(),
            "ConnectionEpoch" => {
                self.at += 1;
                let number = self.digits();
                self.push(Token::Epoch(number));
            }
            _ => {
                if field || word == "Timeout" {
                    self.lasts = LASTS.contains(&word);
                }
                for byte in word.bytes() {
                    self.mix(u64::from(byte));
                }
            }
        }
    }

    /// `Nonce(None)`, or `Nonce(Some([1, 2, …]))`.
    fn round(&mut self) {
        let mut name = 0;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b'0'..=b'9' => {
                    let number = self.digits();
                    name = mix(name, number + 1);
                }
                b')' => break,
                _ => self.at += 1,
            }
        }
        self.push(Token::Round(name));
    }

    /// Leaves out the value of a field.
    fn skip(&mut self) {
        let mut depth = 0_u32;
        while let Some(&byte) = self.text.get(self.at) {
            match byte {
                b')' | b']' | b'}' | b',' if depth == 0 => return,
                b'(' | b'[' | b'{' => depth += 1,
                b')' | b']' | b'}' => depth -= 1,
                b'"' => {
                    self.string();
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }
}

fn mix(hash: u64, what: u64) -> u64 {
    (hash.rotate_left(5) ^ what).wrapping_mul(0x517c_c1b7_2722_0a95)
}

/// The hash of a whole state.
#[derive(Default)]
pub(crate) struct Canon {
    hash: u64,
    rounds: Vec<u64>,
    epochs: Vec<u64>,
}

impl Canon {
    pub(crate) fn add(&mut self, number: u64) {
        self.hash = mix(self.hash, number);
    }

    /// The connections of one daemon follow.
    pub(crate) fn begin(&mut self) {
        self.epochs.clear();
    }

    pub(crate) fn tokens(&mut self, tokens: &[Token], now: Moment) {
        let now = u64::try_from(now.as_micros()).unwrap_or(u64::MAX);
        for token in tokens {
            let number = match *token {
                Token::Plain(hash) => hash,
                Token::Time(at) => bucket(at, now),
                Token::Round(0) => 1,
                Token::Round(name) => 2 + place(&mut self.rounds, name),
                Token::Epoch(number) => place(&mut self.epochs, number),
            };
            self.add(number);
        }
    }

    pub(crate) fn finish(self) -> u64 {
        // The low bits, which tables use, have seen little of the text.
        let mut hasher = std::hash::DefaultHasher::new();
        hasher.write_u64(self.hash);
        hasher.finish()
    }
}

fn place(list: &mut Vec<u64>, name: u64) -> u64 {
    let known = list.iter().position(|other| *other == name);
    let place = known.unwrap_or_else(|| {
        list.push(name);
        list.len() - 1
    });
    place as u64
}

/// Seconds after which something of the past has another meaning: the core's own limits.
const PAST: [u64; 7] = [0, 2, 10, 15, 60, 90, 300];

/// Moments that are told apart: those to come by powers of two milliseconds, those gone by the core's limits.
fn bucket(at: u64, now: u64) -> u64 {
    match at.checked_sub(now) {
        Some(0) => 100,
        Some(ahead) => 101 + u64::from((ahead / 1000 + 1).ilog2()),
        None => PAST.iter().take_while(|limit| now - at > **limit * 1_000_000).count() as u64,
    }
}
