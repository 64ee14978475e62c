//! The files behind the credentials that systemd hands to the service.

use std::fs;
use std::process::Command;

use crate::mode;
use crate::support::home::Home;
use crate::support::openbao::{Server, is_active};
use crate::support::private::{are_root, mounted};
use crate::support::process::{Daemon, Notify};

#[test]
fn source_that_others_can_read_is_told_in_journal_and_status() {
    if !are_root() {
        return;
    }
    let server = Server::start_plain();
    let init = server.init(1, 1);
    let home = Home::new();
    home.configure(&[&server.url()], "shares = { credential = \"shares\" }");
    let source = home.put("source.json", &init.json);
    mode(&source, 0o644);
    let credentials = home.path("vault-unseal-test.service");
    fs::create_dir(&credentials).unwrap();
    fs::copy(&source, credentials.join("shares")).unwrap();
    fs::create_dir(home.path("units")).unwrap();
    let unit = format!(
        "[Service]\nExecStart=/usr/bin/vault-unseal run\nLoadCredential=shares:{}\n",
        source.display()
    );
    home.put("units/vault-unseal-test.service", &unit);
    let mut notify = Notify::new();
    let command = home.command(&["run"]);
    let mut with_environment = Command::new("env");
    with_environment.arg(format!("CREDENTIALS_DIRECTORY={}", credentials.display()));
    with_environment.arg(format!("NOTIFY_SOCKET={}", notify.path().display()));
    with_environment.arg(command.get_program()).args(command.get_args()).current_dir(home.directory());
    let setup = format!(
        "mount -t tmpfs none /run; mkdir -p /run/systemd/system; mount --bind {} /run/systemd/system",
        home.path("units").display()
    );
    let mut daemon = Daemon::start(&mut mounted(&setup, &with_environment));
    server.wait_until(is_active);
    let told = format!("credential \"shares\" comes from {}: its mode is 0644", source.display());
    daemon.wait_for_line(&told);
    let status = notify.wait_for("STATUS=1 node: 1 unsealed; warning: credential");
    assert!(status.text.contains(&told), "{}", status.text);
    drop(daemon);

    mode(&source, 0o600);
    let mut daemon = Daemon::start(&mut mounted(&setup, &with_environment));
    daemon.wait_for_line(": unsealed (active)");
    assert!(!daemon.output().contains("comes from"), "{}", daemon.output());
}
