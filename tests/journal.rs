//! What a real journal gets: fields, message ids, priorities.
//!
//! Runs systemd's own journald in a mount namespace of its own, so it needs root and systemd on the machine. It is
//! ignored in plain `cargo test` for that reason; `.ci/run` runs it.

mod support;

use serde_json::Value;
use std::fs;
use std::process::Command;
use support::server::Server;
use vault_unseal::report::message::Message;

/// Starts journald over an empty /run, runs the daemon with its standard error in the journal until `wait` says that
/// the server is unsealed, then a daemon whose configuration is missing, and prints the journal.
const INSIDE: &str = r#"
set -eu
daemon=
mount -t tmpfs tmpfs /run
mkdir -p /run/systemd/journal /run/log/journal
/lib/systemd/systemd-journald & journald=$!
trap 'kill $journald $daemon 2>/dev/null || true; wait' EXIT
until [ -S /run/systemd/journal/stdout ]; do kill -0 $journald; sleep 0.05; done
in_journal() { exec systemd-cat sh -c 'JOURNAL_STREAM=$(stat -L -c %d:%i /proc/self/fd/2) exec "$@"' sh "$@"; }
in_journal "$1" --config "$2" run & daemon=$!
"$1" --config "$2" wait --timeout 60s 2>/dev/null
kill $daemon; wait $daemon
(in_journal "$1" --config "$2.missing" run) || true
for turn in $(seq 100); do (in_journal "$1" --config "$2.gone" run) || true; done
kill -STOP $journald
(in_journal "$1" --config "$2.late" run) || true
kill -CONT $journald
journalctl --directory=/run/log/journal --sync
journalctl --directory=/run/log/journal --output=json
"#;

#[test]
#[ignore = "needs root and systemd-journald: .ci/run runs it"]
fn the_journal_knows_node_state_and_kind_of_every_message() {
    let mut server = Server::start_plain();
    let init = server.init(3, 2);
    server.stop();
    server.start();
    let directory = crate::support::directory::directory();
    let shares = directory.path().join("shares.json");
    fs::write(&shares, &init.json).unwrap();
    assert!(Command::new("chmod").arg("0600").arg(&shares).status().unwrap().success());
    let config = directory.path().join("config.toml");
    let text = format!("[[cluster]]\nnodes = [{:?}]\nshares = {{ file = {shares:?} }}\n", server.url());
    fs::write(&config, text).unwrap();

    let output = Command::new("unshare")
        .args(["--mount", "--propagation", "private", "sh", "-c", INSIDE, "sh"])
        .arg(env!("CARGO_BIN_EXE_vault-unseal"))
        .arg(&config)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let entries: Vec<Value> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let find = |message: Message| {
        entries
            .iter()
            .find(|entry| entry["MESSAGE_ID"] == message.id())
            .unwrap_or_else(|| panic!("no {message:?} in {entries:#?}"))
    };

    let unsealed = find(Message::Unsealed);
    assert_eq!(unsealed["VAULT_NODE"], server.url());
    assert_eq!(unsealed["VAULT_CLUSTER"], "default");
    assert_eq!(unsealed["VAULT_STATE"], "unsealed");
    assert_eq!(unsealed["VAULT_PREVIOUS_STATE"], "unsealing");
    assert_eq!(unsealed["PRIORITY"], "6");
    // The first message about a node has no earlier state to name.
    assert_eq!(find(Message::Sealed)["VAULT_PREVIOUS_STATE"], Value::Null);
    assert_eq!(find(Message::Notice)["PRIORITY"], "4", "a root token beside the shares is a warning");
    find(Message::Started);
    find(Message::Stopping);
    let refused = find(Message::Refused);
    assert_eq!(refused["PRIORITY"], "3");
    assert!(refused["MESSAGE"].as_str().unwrap().contains("config.toml.missing"), "{refused}");

    // The last words of a hundred processes: each once, and journald knew whose they are.
    let of = |file: &str| -> Vec<&Value> {
        let names = |entry: &&Value| entry["MESSAGE"].as_str().is_some_and(|text| text.contains(file));
        entries.iter().filter(names).collect()
    };
    let gone = of("config.toml.gone");
    assert_eq!(gone.len(), 100);
    assert!(gone.iter().all(|entry| entry["MESSAGE_ID"] == Message::Refused.id()), "{gone:#?}");
    assert!(gone.iter().all(|entry| entry["_COMM"] == "vault-unseal"), "{gone:#?}");
    // journald that is late has them from standard error, with their priority.
    let late = of("config.toml.late");
    let by_stream =
        late.iter().find(|entry| entry["_TRANSPORT"] == "stdout").expect("nothing on standard error");
    assert_eq!(by_stream["PRIORITY"], "3");
}
