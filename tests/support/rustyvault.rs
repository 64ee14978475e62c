//! A RustyVault server on loopback: a second implementation of the API, in the parts it has. Plain HTTP, file
//! storage. It differs from Vault and OpenBao, as `support_works` shows: no `sys/health`, `t` and `n` of the seal
//! status swapped, shares in hex alone, no reset, anybody may seal it, and errors are `{"error": "…"}`.

use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::json;

use super::guarded::Guarded;
use super::http::{Answer, Client};
use super::ports::Port;
use super::{PATIENCE, poll};

/// The `rvault` binary, built once into the cache by `tests/fetch-rustyvault`: minutes, the first time.
pub fn rvault() -> &'static Path {
    static RVAULT: OnceLock<PathBuf> = OnceLock::new();
    RVAULT.get_or_init(|| {
        let built = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fetch-rustyvault"))
            .stderr(Stdio::inherit())
            .output()
            .expect("tests/fetch-rustyvault runs");
        assert!(built.status.success(), "tests/fetch-rustyvault failed; see above");
        PathBuf::from(String::from_utf8(built.stdout).expect("a path").trim_end())
    })
}

/// One server. Killed and waited for when dropped.
pub struct RustyVault {
    directory: tempfile::TempDir,
    port: Port,
    process: Option<Guarded>,
}

/// What an initialised server handed out.
pub struct Init {
    pub keys_hex: Vec<String>,
    pub root_token: String,
    /// The text of its answer.
    pub api_json: String,
}

impl RustyVault {
    /// Starts one, and waits until it answers.
    pub fn start_plain() -> Self {
        let directory = super::directory::named("rustyvault-");
        for name in ["data", "work"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        let mut server =
            Self { directory, port: Port::reserve(IpAddr::V4(Ipv4Addr::LOCALHOST)), process: None };
        server.start();
        server
    }

    /// Starts it again with the same data, on the same port.
    pub fn start(&mut self) {
        assert!(self.process.is_none(), "it runs already");
        let home = self.directory.path().display();
        let config = self.directory.path().join("config.hcl");
        let address = self.address();
        let hcl = format!(
            r#"storage "file" {{
  path = "{home}/data"
}}
listener "tcp" {{
  address = "{address}"
  tls_disable = "true"
}}
api_addr = "http://{address}"
log_level = "info"
work_dir = "{home}/work"
pid_file = "{home}/pid"
daemon = false
"#
        );
        fs::write(&config, hcl).unwrap();
        let deadline = Instant::now() + PATIENCE;
        loop {
            let log = File::create(self.directory.path().join("log")).unwrap();
            self.port.release();
            let mut process = Guarded::spawn(
                Command::new(rvault())
                    .args(["server", "--config"])
                    .arg(&config)
                    .env_clear()
                    .stdin(Stdio::null())
                    .stdout(log.try_clone().unwrap())
                    .stderr(log),
            );
            // It answers once it is bound; who else sits on its port makes it end instead.
            let answers = poll(PATIENCE, || {
                let ended = process.ended().is_some();
                (ended || self.client().get("/v1/sys/init").is_ok()).then_some(!ended)
            });
            if answers == Some(true) {
                self.process = Some(process);
                return;
            }
            assert!(Instant::now() < deadline, "rvault does not start:\n{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Ends it as a power cut does.
    pub fn kill(&mut self) {
        self.process.as_mut().expect("it runs").signal(Signal::KILL);
        self.process = None;
    }

    /// Initialises it. It is sealed afterwards.
    pub fn init(&self, shares: usize, threshold: usize) -> Init {
        let answer =
            self.put("/v1/sys/init", &json!({"secret_shares": shares, "secret_threshold": threshold}));
        assert_eq!(answer.status, 200, "init: {}", answer.text());
        let body = answer.json();
        let keys = body["keys"].as_array().expect("shares");
        Init {
            keys_hex: keys.iter().map(|key| key.as_str().unwrap().to_owned()).collect(),
            root_token: body["root_token"].as_str().unwrap().to_owned(),
            api_json: answer.text(),
        }
    }

    /// Submits one share and returns the answer, whatever it is.
    pub fn submit(&self, key: &str) -> Answer {
        self.put("/v1/sys/unseal", &json!({"key": key}))
    }

    /// Any request.
    pub fn put(&self, path: &str, body: &serde_json::Value) -> Answer {
        self.client().put(path, body).unwrap_or_else(|error| panic!("PUT {path}: {error}\n{}", self.log()))
    }

    /// Any request.
    pub fn get(&self, path: &str) -> Answer {
        self.client().get(path).unwrap_or_else(|error| panic!("GET {path}: {error}\n{}", self.log()))
    }

    fn client(&self) -> Client {
        Client::plain(self.address())
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.port.address()
    }

    /// `http://127.0.0.1:20001`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// What it logged since it was last started.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}
