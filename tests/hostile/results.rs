//! What the daemon does about each answer to a share: one row an answer.

use serde_json::{Value, json};

use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, SEAL_STATUS, UNSEAL};
use crate::{health, sealed, unsealed};

/// One situation. The daemon holds five shares of three, numbered from 1.
struct Row {
    name: &'static str,
    health: Vec<Value>,
    seal_status: Vec<Value>,
    unseal: Vec<Behaviour>,
    /// What the log says, in this order.
    says: &'static [&'static str],
    /// Looks at the server after that, which must bring no further submission than these.
    looks: usize,
    /// Everything submitted, by number, `R` for a reset.
    sent: &'static str,
}

fn ok(body: &Value) -> Behaviour {
    Behaviour::json(200, body)
}

fn error(status: u16, text: &str) -> Behaviour {
    Behaviour::json(status, &json!({"errors": [text]}))
}

/// The first two of three shares are taken.
fn two_taken(rest: impl IntoIterator<Item = Behaviour>) -> Vec<Behaviour> {
    [ok(&sealed(3, 1, "n")), ok(&sealed(3, 2, "n"))].into_iter().chain(rest).collect()
}

/// Two are taken, the third ends the round with this, a reset is granted, and the same once more.
fn fails(answer: &Behaviour) -> Vec<Behaviour> {
    let round = || two_taken([answer.clone()]);
    round().into_iter().chain([ok(&sealed(3, 0, ""))]).chain(round()).collect()
}

/// Sealed for so many looks, unsealed from then on.
fn sealed_for(looks: usize) -> Vec<Value> {
    let mut steps = vec![health(true); looks];
    steps.push(health(false));
    steps
}

/// The health of a sealed server of this version.
fn of(version: &str) -> Value {
    let mut health = health(true);
    health["version"] = json!(version);
    health
}

/// A sealed server whose seal status differs from the usual in this.
fn odd(key: &str, value: Value) -> Vec<Value> {
    let mut status = sealed(3, 0, "");
    status[key] = value;
    vec![status]
}

impl Row {
    /// A server that stays sealed and answers shares like this.
    fn sealed(
        name: &'static str,
        unseal: Vec<Behaviour>,
        says: &'static [&'static str],
        sent: &'static str,
    ) -> Self {
        Self {
            name,
            health: vec![health(true)],
            seal_status: vec![sealed(3, 0, "")],
            unseal,
            says,
            looks: 3,
            sent,
        }
    }

    /// The same, but unsealed after so many looks.
    fn unsealed_after(self, looks: usize) -> Self {
        Self { health: sealed_for(looks), ..self }
    }

    /// A server that must not get a share.
    fn hands_off(name: &'static str, seal_status: Vec<Value>, says: &'static [&'static str]) -> Self {
        Self { seal_status, ..Self::sealed(name, vec![ok(&sealed(3, 1, "n"))], says, "") }
    }

    fn holds(&self) {
        let server = Hostile::http();
        server.on(HEALTH, self.health.iter().map(|body| Behaviour::json(299, body)));
        server.on(SEAL_STATUS, self.seal_status.iter().map(ok));
        server.on(UNSEAL, self.unseal.clone());
        let shares = shares_of_nobody(5, 3);
        let home = Home::of_hostile(&server, &lines(&shares));
        home.configure(&[&server.url()], "unseal_timeout = \"300ms\"");
        let mut daemon = home.run();
        for text in self.says {
            daemon.wait_for(crate::support::PATIENCE, self.name, |line| line.contains(text));
        }
        server.wait_for_more(HEALTH, self.looks);
        let sent: Vec<String> = server
            .submissions()
            .iter()
            .map(|sent| {
                shares
                    .iter()
                    .position(|share| share == sent)
                    .map_or("R".to_owned(), |at| (at + 1).to_string())
            })
            .collect();
        assert_eq!(sent.join(" "), self.sent, "{}:\n{}", self.name, daemon.output());
    }
}

const DECRYPT: &str = "unable to retrieve stored keys: invalid key: failed to decrypt keys from storage: cipher: \
                       message authentication failed";

/// Rounds.
fn rounds() -> Vec<Row> {
    vec![
        Row::sealed(
            "unsealed by the last needed share",
            two_taken([ok(&unsealed(3))]),
            &["unsealed (active)"],
            "1 2 3",
        )
        .unsealed_after(1),
        Row::sealed("unsealed by an earlier share", vec![ok(&unsealed(3))], &["unsealed (active)"], "1")
            .unsealed_after(1),
        Row::sealed(
            "progress 0 after the last share: a raft join",
            two_taken([ok(&sealed(3, 0, ""))]),
            &["joining", "unsealed (active)"],
            "1 2 3",
        )
        .unsealed_after(6),
        Row::sealed(
            "no answer to the last share: held by a raft join",
            two_taken([Behaviour::Stall]),
            &["joining", "unsealed (active)"],
            "1 2 3",
        )
        .unsealed_after(6),
        Row::sealed(
            "another nonce: somebody began another round",
            vec![ok(&sealed(3, 1, "a")), ok(&sealed(3, 1, "b")), ok(&sealed(3, 2, "b")), ok(&unsealed(3))],
            &["the unseal round was reset or restarted by somebody else", "unsealed (active)"],
            "1 2 1 3",
        )
        .unsealed_after(1),
        Row::sealed(
            "progress 0 without an error before our last share: others completed the round, which joins",
            vec![ok(&sealed(3, 1, "a")), ok(&sealed(3, 0, ""))],
            &["joining", "unsealed (active)"],
            "1 2",
        )
        .unsealed_after(1),
    ]
}

/// Rounds that fail.
fn failures() -> Vec<Row> {
    let both = "1 2 3 R 1 2 3";
    vec![
        Row::sealed(
            "wrong shares",
            fails(&error(400, DECRYPT)),
            &["shares-rejected (HTTP 400: the shares do not make this server's key)"],
            both,
        ),
        Row::sealed(
            "wrong shares, up to Vault 1.12",
            fails(&error(
                500,
                "failed to decrypt encrypted stored keys: cipher: message authentication failed",
            )),
            &["shares-rejected (HTTP 500: the shares do not make this server's key)"],
            both,
        ),
        Row {
            health: vec![of("1.2.4")],
            seal_status: odd("version", json!("1.2.4")),
            ..Row::sealed(
                "wrong shares, of old",
                fails(&error(500, "Unseal failed, invalid key")),
                &["shares-rejected (HTTP 500: the shares do not make this server's key)"],
                both,
            )
        },
        Row {
            health: vec![of("")],
            seal_status: odd("version", json!("")),
            ..Row::sealed(
                "either of them",
                fails(&error(500, "Unseal failed, invalid key")),
                &[
                    "shares-rejected (HTTP 500: the shares do not make this server's key, or its keyring is damaged)",
                ],
                both,
            )
        },
        Row::sealed(
            "shares that cannot be combined",
            fails(&error(400, "invalid key: failed to compute combined key: duplicate part detected")),
            &["shares-rejected (HTTP 400: the shares do not make this server's key)"],
            both,
        ),
        Row::sealed(
            "a share that the server cannot read",
            vec![error(400, "'key' must be a valid hex or base64 string")],
            &["shares-rejected (HTTP 400: the server cannot read the share)"],
            "1",
        ),
        Row::sealed(
            "one failure, then success",
            two_taken([
                error(400, DECRYPT),
                ok(&sealed(3, 0, "")),
                ok(&sealed(3, 1, "m")),
                ok(&sealed(3, 2, "m")),
                ok(&unsealed(3)),
            ]),
            &["the server refused a round of shares from here", "unsealed (active)"],
            both,
        )
        .unsealed_after(1),
        Row::sealed(
            "unsealed by somebody before our reset",
            two_taken([error(400, DECRYPT), error(400, "vault is unsealed")]),
            &["unsealed (active)"],
            "1 2 3 R",
        )
        .unsealed_after(1),
    ]
}

/// Answers that say nothing of the shares: back off, then try again.
fn back_offs() -> Vec<Row> {
    let then_well =
        |answer: Behaviour| vec![answer, ok(&sealed(3, 1, "n")), ok(&sealed(3, 2, "n")), ok(&unsealed(3))];
    let row = |name, answer, says| Row::sealed(name, then_well(answer), says, "1 1 2 3").unsealed_after(2);
    // After an error of its own it is looked at once more at once, over a new connection.
    vec![
        row(
            "no keyring",
            error(500, "failed to create cipher: crypto/aes: invalid key size 0"),
            &["sealed (HTTP 500: the server has no keyring", "unsealed (active)"],
        )
        .unsealed_after(3),
        row(
            "sealed, it says",
            error(503, "Vault is sealed"),
            &["sealed (HTTP 503: unknown text: see the server's log at 20", "unsealed (active)"],
        )
        .unsealed_after(3),
        row(
            "a proxy's page",
            Behaviour::proxy_503(),
            &["unreachable (HTTP 503, but not an answer", "unsealed (active)"],
        ),
        row(
            "a quota",
            error(429, "request path \"sys/unseal\": rate limit quota exceeded"),
            &["sealed (HTTP 429: a rate limit quota of the server", "unsealed (active)"],
        ),
        row(
            "no reason given",
            Behaviour::json(502, &json!({"errors": []})),
            &["sealed (HTTP 502: unknown text: see the server's log at 20", "unsealed (active)"],
        )
        .unsealed_after(3),
        row(
            "an agent's listener",
            error(412, "missing \"X-Vault-Request\" header"),
            &["sealed (HTTP 412: the X-Vault-Request header did not arrive", "unsealed (active)"],
        )
        .unsealed_after(3),
        row(
            "a closed connection",
            Behaviour::Close,
            &["unreachable (the connection was closed", "unsealed (active)"],
        ),
    ]
}

/// Servers that are none of our business.
fn hands_off() -> Vec<Row> {
    vec![
        Row {
            seal_status: vec![sealed(3, 0, ""), odd("migration", json!(true)).remove(0)],
            ..Row::sealed(
                "a migration begins under us",
                vec![error(500, "migrate option not provided and seal migration is pending")],
                &["migrating"],
                "1",
            )
        },
        Row {
            health: vec![json!({"initialized": false, "sealed": true})],
            ..Row::sealed(
                "keys are gone",
                vec![error(400, "Vault is not initialized")],
                &["damaged (its answers contradict each other"],
                "1",
            )
        },
        Row {
            health: vec![json!({"initialized": false, "sealed": true})],
            ..Row::hands_off(
                "a seal and no keys",
                odd("initialized", json!(false)),
                &["damaged (it says that it is not"],
            )
        },
        Row::hands_off("a migration", odd("migration", json!(true)), &["migrating"]),
        Row::hands_off("auto-unseal", odd("type", json!("awskms")), &["foreign-seal (awskms)"]),
        Row::hands_off(
            "recovery keys",
            odd("recovery_seal", json!(true)),
            &["foreign-seal. This server unseals itself"],
        ),
        Row::hands_off("removed from its cluster", odd("removed_from_cluster", json!(true)), &["removed"]),
        Row::hands_off("no keys", odd("initialized", json!(false)), &["damaged (its answers contradict"]),
        Row::hands_off("no threshold", odd("t", json!(0)), &["damaged (its answers contradict"]),
        Row::hands_off(
            "an impossible threshold",
            odd("t", json!(300)),
            &["sealed (the server asks for 300 shares"],
        ),
    ]
}

/// All at once: most of their time is waiting.
fn all_hold(rows: &[Row]) {
    std::thread::scope(|scope| {
        for row in rows {
            scope.spawn(|| row.holds());
        }
    });
}

#[test]
fn rounds_that_go_on() {
    all_hold(&rounds());
}

#[test]
fn rounds_that_fail() {
    all_hold(&failures());
}

#[test]
fn answers_that_only_time_can_mend() {
    all_hold(&back_offs());
}

#[test]
fn servers_that_are_left_alone() {
    all_hold(&hands_off());
}

#[test]
fn who_holds_too_few_shares_does_not_reset_a_round_that_failed() {
    let server = Hostile::http();
    server.on(HEALTH, [Behaviour::json(299, &health(true))]);
    // A peer's share is in; it was a wrong one. Then the peer comes back with nothing yet.
    server.on(SEAL_STATUS, [sealed(3, 1, "n"), sealed(3, 0, ""), sealed(3, 2, "m")].iter().map(ok));
    server.on(
        UNSEAL,
        [ok(&sealed(3, 2, "n")), error(400, DECRYPT), ok(&sealed(3, 1, "m")), ok(&sealed(3, 2, "m"))],
    );
    let shares = shares_of_nobody(2, 3);
    let home = Home::of_hostile(&server, &lines(&shares));
    let mut daemon = home.run();
    daemon.wait_for_line("an unseal round with others' shares in it failed: HTTP 400: the shares do not");
    daemon.wait_for_line("waiting-for-peers (2/3)");
    server.wait_for_more(SEAL_STATUS, 3);
    assert_eq!(server.submissions(), [shares.clone(), shares].concat(), "{}", daemon.output());
}
