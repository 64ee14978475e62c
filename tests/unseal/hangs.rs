//! A server that hangs: its connection stays, and nothing is answered.

use serde_json::Value;

use crate::support::home::{Home, lines};
use crate::support::hostile::{HEALTH, Hostile, Request};
use crate::support::process::{Daemon, Notify, run};
use crate::support::server::{Server, is_active};

#[test]
fn hanging_server_is_unreachable_until_it_answers_over_the_same_connection() {
    let mut server = Server::start_plain();
    let init = server.init(1, 1);
    let proxy = Hostile::http();
    proxy.forward(server.address());
    let home = Home::of_hostile(&proxy, &lines(&init.keys_hex));
    home.configure(&[&proxy.url()], "on_operator_seal = \"hold\"\nrequest_timeout = \"1m\"");
    home.make_run();
    let mut systemd = Notify::new();
    let mut command = home.command(&["run"]);
    command.env("RUNTIME_DIRECTORY", home.path("run")).env("NOTIFY_SOCKET", systemd.path());
    let mut daemon = Daemon::start(&mut command);
    daemon.wait_for_line(": unsealed (active)");
    server.wait_until(is_active);
    let last = |requests: &[Request]| requests.last().unwrap().connection;
    let connection = last(&proxy.wait_for(HEALTH, 3));

    server.pause();
    let said = daemon.wait_for_line(": unreachable (no answer within 2s), last confirmed ").text;
    assert!(said.contains("WARN ") && said.contains("s ago"), "{said}");
    systemd.wait_for(&format!("STATUS=1 node: 1 unreachable; {} last confirmed at 2", proxy.url()));
    // Whoever asks the server himself waits no longer than this.
    home.configure(&[&proxy.url()], "request_timeout = \"300ms\"");
    let status = |arguments: &[&str]| {
        let output = run(home.command(arguments).arg("--socket").arg(home.path("run/control.sock")));
        String::from_utf8(output.stdout).unwrap()
    };
    let json: Value = serde_json::from_str(&status(&["status", "--json"])).unwrap();
    let node = &json["nodes"][0];
    assert_eq!(node["state"], "unreachable", "{node}");
    let confirmed = node["last_confirmed"].as_str().unwrap();
    humantime::parse_rfc3339(confirmed).unwrap();
    let text = status(&["status"]);
    assert!(text.contains(&format!("; last confirmed at {confirmed}\n")), "{text}");

    server.resume();
    daemon.wait_for_line(": unsealed (active)");
    systemd.wait_for("STATUS=1 node: 1 unsealed");
    proxy.wait_for_more(HEALTH, 1);
    assert_eq!(last(&proxy.requests()), connection, "it was kept");
    // It did not restart, as far as is known: whoever seals it is an operator.
    server.seal_later(&init.root_token);
    daemon.wait_for_line(": held (an operator sealed it)");
    let said = daemon.output();
    assert_eq!(said.matches(": unreachable").count(), 1, "{said}");
}
