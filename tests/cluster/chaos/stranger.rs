//! Somebody in the network who is no daemon of ours: `sys/unseal` is open to everybody.

use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::accounts::{Stamp, now};
use crate::support::home::shares_of_nobody;
use crate::support::http::Client;

/// How long he lies in wait for a round to disturb.
const PATIENCE: Duration = Duration::from_secs(3);

/// What somebody does to a server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Mischief {
    /// Seals it: an operator, with a token.
    Seal,
    /// While it is sealed: resets the round, this often, with this pause before each.
    Resets { times: usize, pause: Duration },
    /// While it is sealed: puts in random bytes of a share's length.
    Poison { times: usize, pause: Duration },
}

/// What he did.
#[derive(Debug, Default)]
pub(crate) struct Traces {
    /// From when to when each share of his was under way.
    pub(crate) shares: Vec<(Stamp, Stamp)>,
    pub(crate) resets: Vec<Stamp>,
    pub(crate) ended: Option<Instant>,
}

/// Sets him to work.
pub(crate) fn set_to_work(client: Client, mischief: Mischief, token: &str) -> JoinHandle<Traces> {
    let (client, token) = (client.timeout(Duration::from_secs(2)), token.to_owned());
    thread::spawn(move || work(&client, mischief, &token))
}

fn work(client: &Client, mischief: Mischief, token: &str) -> Traces {
    let mut traces = Traces::default();
    let deadline = Instant::now() + PATIENCE;
    let (times, pause) = match mischief {
        Mischief::Seal => {
            // A server that cannot look the token up refuses.
            drop(client.request("PUT", "/v1/sys/seal", &[("X-Vault-Token", token)], b""));
            return Traces { ended: Some(Instant::now()), ..traces };
        }
        Mischief::Resets { times, pause } | Mischief::Poison { times, pause } => (times, pause),
    };
    let mut done = 0;
    while done < times && Instant::now() < deadline {
        let sealed = client.get("/v1/sys/seal-status").is_ok_and(|answer| {
            serde_json::from_slice::<serde_json::Value>(&answer.body)
                .is_ok_and(|status| status["sealed"] == true)
        });
        if !sealed {
            thread::sleep(Duration::from_millis(5));
            continue;
        }
        thread::sleep(pause);
        match mischief {
            Mischief::Seal => {}
            Mischief::Resets { .. } => {
                traces.resets.push(now());
                // Whatever is answered: it may be too late.
                drop(client.put("/v1/sys/unseal", &json!({"reset": true})));
            }
            Mischief::Poison { .. } => {
                let began = now();
                drop(client.put("/v1/sys/unseal", &json!({"key": shares_of_nobody(1, 3)[0]})));
                traces.shares.push((began, now()));
            }
        }
        traces.ended = Some(Instant::now());
        done += 1;
    }
    traces
}
