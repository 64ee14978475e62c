//! Every form in which an operator may hold shares unseals a real server, from a file and from a credential.

use serde_json::json;

use crate::support::home::{Home, lines};
use crate::support::process::Daemon;
use crate::support::server::{Init, Server, is_active};

/// The forms by name.
fn forms(init: &Init) -> Vec<(&'static str, String)> {
    let upper: Vec<String> = init.keys_hex.iter().map(|share| share.to_uppercase()).collect();
    vec![
        ("the command's JSON", init.json.clone()),
        ("the API's JSON", init.api_json.clone()),
        ("an array of hex", json!(init.keys_hex).to_string()),
        ("an array of base64", json!(init.keys_base64).to_string()),
        ("lines of hex", lines(&init.keys_hex)),
        ("lines of upper-case hex", lines(&upper)),
        ("lines of base64", lines(&init.keys_base64)),
        ("commented lines", format!("# from the safe\n\n{}", lines(&init.keys_base64))),
        ("lines of Windows", lines(&init.keys_hex).replace('\n', "\r\n")),
        ("no newline at the end", init.keys_hex[..3].join("\n")),
    ]
}

fn unseals_with_each(server: &Server, init: &Init, daemon: &mut Daemon, replace: impl Fn(&str)) {
    server.wait_until(is_active);
    for (form, text) in forms(init) {
        replace(&text);
        server.seal(&init.root_token);
        daemon.wait_for(crate::support::PATIENCE, form, |line| line.contains(": unsealed (active)"));
        assert!(!daemon.output().contains("shares-unavailable"), "{form}:\n{}", daemon.output());
    }
}

#[test]
fn from_a_file() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::of(&server, &init.json);
    let mut daemon = home.run();
    daemon.wait_for_line(": unsealed (active)");
    unseals_with_each(&server, &init, &mut daemon, |text| drop(home.shares(text)));
}

#[test]
fn from_a_credential() {
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::new();
    home.configure(&[&server.url()], "shares = { credential = \"held\" }");
    std::fs::create_dir(home.path("credentials")).unwrap();
    home.put("credentials/held", &init.json);
    let mut command = home.command(&["run"]);
    let mut daemon = Daemon::start(command.env("CREDENTIALS_DIRECTORY", home.path("credentials")));
    daemon.wait_for_line(": unsealed (active)");
    unseals_with_each(&server, &init, &mut daemon, |text| drop(home.put("credentials/held", text)));
}
