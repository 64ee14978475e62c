//! What becomes of the root token.

use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::certs::Authority;
use crate::support::home::Home;
use crate::support::hostile::{Behaviour, HEALTH};
use crate::support::server::{Ability, Builder, Server, cannot, is_active};
use crate::{document, home_of, init, is_as_in, looked_up, on_a_terminal, run, says, succeeds, text};

const PLAIN: [&str; 3] = ["--plain", "--output", "shares.json"];

#[test]
fn shown_once_on_the_terminal_and_nowhere_else() {
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let command = init(&home, &[&PLAIN[..], &[">printed", "2>errors"]].concat());
    let output = succeeds(&mut on_a_terminal(&command));
    let terminal = String::from_utf8(output.stdout).unwrap();
    let token = terminal.lines().find_map(|line| line.strip_prefix("Root token: ")).expect(&terminal).trim();
    crate::daemon_unseals(&home, &server, "shares = { file = \"shares.json\" }");
    assert_eq!(looked_up(&server, token), 200);
    for name in ["printed", "errors"] {
        assert!(!std::fs::read_to_string(home.path(name)).unwrap().contains(token), "{name}");
    }
    let said = terminal.replace('\r', "").replace(token, "s.TOKEN");
    crate::is_as_in_for_openbao("terminal.txt", &home, &server, &said);
}

#[test]
fn without_a_terminal_it_is_refused_before() {
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let output = crate::run(&mut init(&home, &PLAIN));
    is_as_in("no-terminal.txt", &home, &[&server.url()], &text(&output));
    assert_eq!(server.health()["initialized"], false);
    assert!(crate::names(&home).is_empty());
}

#[test]
fn wrapped_it_is_given_out_once() {
    if cannot(Ability::Administration) {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let document = document(init(&home, &PLAIN).args(["--root-token", "wrap"]));
    assert!(is_active(&server.health()), "it had to be unsealed");
    let wrapping = document["root_token"]["wrapped"]["wrapping_token"].as_str().unwrap();
    let unwrap = || {
        let headers = [("X-Vault-Token", wrapping)];
        server.client().request("PUT", "/v1/sys/wrapping/unwrap", &headers, b"").unwrap()
    };
    let first = unwrap();
    assert_eq!(first.status, 200, "{}", first.text());
    let data: Value = first.json()["data"].clone();
    assert_eq!(looked_up(&server, data["token"].as_str().unwrap()), 200);
    assert_eq!(unwrap().status, 400, "once");
}

#[test]
fn wrapped_it_is_given_out_by_the_command_that_is_printed() {
    if cannot(Ability::Administration) {
        return;
    }
    let server = Builder::new().tls(&Authority::new("Private CA")).start();
    let home = Home::new();
    home.configure(&[&server.url()], &format!("tls = {{ ca_file = {:?} }}", server.ca_file()));
    let output = succeeds(init(&home, &PLAIN).args(["--root-token", "wrap"]));
    let said = String::from_utf8(output.stdout).unwrap();
    let line = said.lines().find(|line| line.contains(" unwrap ")).expect(&said);
    let command = line.split_once(": ").unwrap().1;
    // As it is printed, in a shell where nothing else says where the server is.
    let client = server.client_command();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", command]).env_clear().env("HOME", home.directory());
    shell.env("PATH", Path::new(client.get_program()).parent().unwrap());
    let unwrapped = succeeds(&mut shell);
    let unwrapped = String::from_utf8(unwrapped.stdout).unwrap();
    let token = unwrapped.lines().find_map(|line| line.strip_prefix("token ")).expect(&unwrapped).trim();
    assert_eq!(looked_up(&server, token), 200);
}

#[test]
fn revoked_it_is_dead_and_nothing_says_what_it_was() {
    let server = Server::start_plain();
    let proxy = crate::proxy(&server);
    let home = home_of(&proxy.url());
    let output = succeeds(init(&home, &PLAIN).args(["--root-token", "revoke"]));
    assert!(is_active(&server.health()), "it had to be unsealed");
    let revocations = proxy.wait_for("PUT /v1/auth/token/revoke-self", 1);
    let token = revocations[0].header("x-vault-token").unwrap();
    assert_eq!(looked_up(&server, token), 403);
    assert!(!text(&output).contains(token));
    assert_eq!(proxy.submissions().len(), 3, "no more than needed");
}

#[test]
fn server_that_repeats_the_token_in_its_refusal_is_not_quoted() {
    let proxy = says(false, "shamir");
    let keys = crate::support::home::shares_of_nobody(5, 3);
    proxy.on(
        crate::INIT,
        [Behaviour::json(200, &serde_json::json!({"keys": keys, "root_token": "s.canary"}))],
    );
    let health = |sealed: bool| {
        let known = serde_json::json!({"initialized": !sealed, "sealed": sealed, "standby": false});
        Behaviour::json(299, &known)
    };
    for (path, verb) in [("PUT /v1/auth/token/revoke-self", "revoke"), ("PUT /v1/sys/wrapping/wrap", "wrap")]
    {
        for answer in [
            Behaviour::json(500, &serde_json::json!({"errors": ["no such token: s.canary"]})),
            Behaviour::json(299, &serde_json::json!({"data": "s.canary"})),
            Behaviour::text(502, "text/html", "<html>s.canary</html>"),
            Behaviour::redirect(307, "https://s.canary/s.canary"),
            Behaviour::Raw(b"s.canary".to_vec()),
        ] {
            proxy.on(path, [answer]);
            // Twice looked at before it is asked, unsealed afterwards.
            proxy.on(HEALTH, [health(true), health(true), health(false)]);
            let home = home_of(&proxy.url());
            let document = [&PLAIN[..], &["--root-token", verb]].concat();
            let said = text(&run(&mut init(&home, &document)));
            assert!(said.starts_with("exit 1") && !said.contains("canary"), "{said}");
        }
    }
}
