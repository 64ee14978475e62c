//! What the tests ask of a server: initialise, unseal, seal, look.

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::{Flavour, Server};
use crate::support::http::Answer;
use crate::support::{PATIENCE, poll};

/// Longer than a server has to stay unsealed before whoever seals it is an operator, with a poll of the daemon's.
pub const LASTING_UNSEAL: Duration = Duration::from_millis(2300);

/// What an initialised server handed out.
#[derive(Debug, Clone)]
pub struct Init {
    pub threshold: usize,
    pub keys_hex: Vec<String>,
    pub keys_base64: Vec<String>,
    pub root_token: String,
    /// The text of `bao operator init -format=json`.
    pub json: String,
    /// The text of the API's answer to `PUT /v1/sys/init`.
    pub api_json: String,
}

impl Init {
    /// As many shares as unseal it.
    pub fn enough(&self) -> &[String] {
        &self.keys_hex[..self.threshold]
    }

    fn new(threshold: usize, answer: &Answer, kind: &str) -> Self {
        let api = answer.json();
        let texts = |list: &Value| -> Vec<String> {
            list.as_array()
                .unwrap_or_else(|| panic!("no shares in HTTP {}", answer.status))
                .iter()
                .map(|text| text.as_str().unwrap().to_owned())
                .collect()
        };
        let keys_hex = texts(&api[kind]);
        let keys_base64 = texts(&api[format!("{kind}_base64")]);
        let root_token = api["root_token"].as_str().unwrap().to_owned();
        let init = Self {
            threshold,
            keys_hex,
            keys_base64,
            root_token,
            json: String::new(),
            api_json: answer.text(),
        };
        Self { json: init.as_the_command_prints(kind == "recovery_keys"), ..init }
    }

    /// A server is initialised once, by the API or by the command; this is the other's text. `support_works`
    /// compares it with what the command really prints.
    fn as_the_command_prints(&self, recovery: bool) -> String {
        let list = |texts: &[String]| {
            if texts.is_empty() {
                "[]".to_owned()
            } else {
                format!("[\n    \"{}\"\n  ]", texts.join("\",\n    \""))
            }
        };
        let (base64, hex) = (list(&self.keys_base64), list(&self.keys_hex));
        let (shares, threshold) = (self.keys_hex.len(), self.threshold);
        let (unseal, recovery) = if recovery {
            (("[]".to_owned(), "[]".to_owned(), 1, 1), (base64, hex, shares, threshold))
        } else {
            // Nothing is null to OpenBao, and empty to Vault.
            let none = if Flavour::of_this_run().is_vault() { "[]" } else { "null" };
            ((base64, hex, shares, threshold), (none.to_owned(), none.to_owned(), 0, 0))
        };
        format!(
            r#"{{
  "unseal_keys_b64": {},
  "unseal_keys_hex": {},
  "unseal_shares": {},
  "unseal_threshold": {},
  "recovery_keys_b64": {},
  "recovery_keys_hex": {},
  "recovery_keys_shares": {},
  "recovery_keys_threshold": {},
  "root_token": "{}"
}}
"#,
            unseal.0,
            unseal.1,
            unseal.2,
            unseal.3,
            recovery.0,
            recovery.1,
            recovery.2,
            recovery.3,
            self.root_token
        )
    }
}

impl Server {
    /// Initialises it with Shamir shares. It is sealed afterwards.
    pub fn init(&self, shares: usize, threshold: usize) -> Init {
        let answer =
            self.put("/v1/sys/init", &json!({"secret_shares": shares, "secret_threshold": threshold}));
        assert_eq!(answer.status, 200, "init: {}", answer.text());
        Init::new(threshold, &answer, "keys")
    }

    /// Initialises a server that unseals itself: what it hands out are recovery shares, which unseal nothing.
    pub fn init_recovery(&self, shares: usize, threshold: usize) -> Init {
        let answer =
            self.put("/v1/sys/init", &json!({"recovery_shares": shares, "recovery_threshold": threshold}));
        assert_eq!(answer.status, 200, "init: {}", answer.text());
        Init::new(threshold, &answer, "recovery_keys")
    }

    /// Submits one share and returns the answer, whatever it is.
    pub fn submit(&self, key: &str) -> Answer {
        self.put("/v1/sys/unseal", &json!({"key": key}))
    }

    /// Forgets the shares of the running round.
    pub fn reset(&self) -> Answer {
        self.put("/v1/sys/unseal", &json!({"reset": true}))
    }

    /// Submits as many shares as it takes, and waits until the server is active.
    pub fn unseal(&self, init: &Init) {
        for key in init.enough() {
            let answer = self.submit(key);
            assert_eq!(answer.status, 200, "unseal: {}", answer.text());
        }
        self.wait_until(is_active);
    }

    /// Seals it, as an operator does.
    pub fn seal(&self, token: &str) {
        let answer = self.client().request("PUT", "/v1/sys/seal", &[("X-Vault-Token", token)], b"");
        let answer = answer.unwrap_or_else(|error| panic!("seal: {error}\n{}", self.log_tail()));
        assert_eq!(answer.status, 204, "seal: {}", answer.text());
    }

    /// The same once its unsealing has lasted for the daemon: what seals it before, sealed itself.
    pub fn seal_later(&self, token: &str) {
        sleep(LASTING_UNSEAL);
        self.seal(token);
    }

    /// Overwrites a lease in its storage ([`super::Builder::raw_storage`]): from its next unsealing on it seals itself as soon as
    /// it has become active.
    pub fn damage_lease(&self, token: &str) {
        self.ask(token, "PUT", "/v1/auth/token/create", &json!({"ttl": "1h"}));
        let leases = "/v1/sys/raw/sys/expire/id/auth/token/create/";
        let lease = self.ask(token, "LIST", leases, &Value::Null).json()["data"]["keys"][0].clone();
        let path = format!("{leases}{}", lease.as_str().unwrap());
        self.ask(token, "PUT", &path, &json!({"value": "garbage"}));
    }

    /// Asks for something with a token, which must be granted.
    pub fn ask(&self, token: &str, method: &str, path: &str, body: &Value) -> Answer {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let answer = self.client().request(method, path, &[("X-Vault-Token", token)], body.as_bytes());
        let answer = answer.unwrap_or_else(|error| panic!("{path}: {error}\n{}", self.log_tail()));
        assert!(answer.status < 300, "{path}: {}", answer.text());
        answer
    }

    /// The body of `/v1/sys/health`, whatever the status code.
    pub fn health(&self) -> Value {
        self.try_health().unwrap_or_else(|error| panic!("health: {error}\n{}", self.log_tail()))
    }

    /// As [`Server::health`], for a server that may not answer.
    pub fn try_health(&self) -> io::Result<Value> {
        let answer = self.client().get("/v1/sys/health")?;
        serde_json::from_slice(&answer.body).map_err(io::Error::other)
    }

    /// The body of `/v1/sys/seal-status`.
    pub fn seal_status(&self) -> Value {
        self.get("/v1/sys/seal-status").json()
    }

    /// Asks for its health until it is as wanted, and returns that health. No answer counts as not yet.
    pub fn wait_until(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let (started, mut last) = (Instant::now(), None);
        poll(PATIENCE, || {
            last = Some(self.try_health());
            last.as_ref()?.as_ref().ok().filter(|health| wanted(health)).cloned()
        })
        .unwrap_or_else(|| {
            panic!(
                "not within {:?}; its health was {last:?}; its log:\n{}",
                started.elapsed(),
                self.log_tail()
            )
        })
    }

    fn get(&self, path: &str) -> Answer {
        self.client().get(path).unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.log_tail()))
    }

    fn put(&self, path: &str, body: &Value) -> Answer {
        self.client()
            .put(path, body)
            .unwrap_or_else(|error| panic!("PUT {path}: {error}\n{}", self.log_tail()))
    }
}

/// Unsealed and serving, not standing by.
pub fn is_active(health: &Value) -> bool {
    health["initialized"] == true && health["sealed"] == false && health["standby"] == false
}

/// Initialised and sealed.
pub fn is_sealed(health: &Value) -> bool {
    health["initialized"] == true && health["sealed"] == true
}
