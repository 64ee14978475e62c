//! The files behind the credentials that systemd hands to the service.

use std::fs;
use std::os::unix::fs::chown;
use std::process::Command;

use crate::mode;
use crate::support::certs::Authority;
use crate::support::home::{Home, cluster, shares_of_nobody};
use crate::support::private::{are_root, mounted};
use crate::support::process::{Daemon, Notify};
use crate::support::server::{Server, is_active};

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

#[test]
fn credential_that_is_empty_is_refused_with_the_file_it_is_made_from() {
    if !are_root() {
        return;
    }
    let home = Home::new();
    home.configure(&["http://127.0.0.1:1"], "shares = { credential = \"shares\" }");
    let credentials = home.path("vault-unseal-test.service");
    fs::create_dir(&credentials).unwrap();
    fs::create_dir(home.path("units")).unwrap();
    // As the unit's SetCredential= has it where there is no file.
    fs::write(credentials.join("shares"), "\n").unwrap();
    home.put(
        "units/vault-unseal-test.service",
        "[Service]\nLoadCredential=shares:/etc/vault/the keys.json\n",
    );
    let run = home.command(&["run"]);
    let mut command = Command::new("env");
    command.arg(format!("CREDENTIALS_DIRECTORY={}", credentials.display()));
    command.arg(run.get_program()).args(run.get_args()).current_dir(home.directory());
    let setup = format!(
        "mount -t tmpfs none /run; mkdir -p /run/systemd/system; mount --bind {} /run/systemd/system",
        home.path("units").display()
    );
    let output = crate::support::process::run(&mut mounted(&setup, &command));
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(78), "{said}");
    let expected = "credential \"shares\", from /etc/vault/the keys.json: it is empty\n";
    assert!(said.contains(expected), "{said}");
    assert!(said.contains("into '/etc/vault/the keys.json'"), "{said}");
}

/// The account of the daemon, that of a server, and that of anybody.
const OURS: u32 = 4242;
const SERVER: u32 = 4243;
const ANYBODY: u32 = 4244;

/// A daemon of its own account, that trusts that of a server and uses the credential `ca.pem` and then `shares`.
struct Service {
    home: Home,
}

impl Service {
    const UNIT: &str = "vault-unseal-test@one.service";

    fn new() -> Self {
        let home = Home::new();
        let credentials = home.path(Self::UNIT);
        fs::create_dir(&credentials).unwrap();
        fs::write(credentials.join("ca.pem"), Authority::new("one").pem()).unwrap();
        fs::write(credentials.join("shares"), shares_of_nobody(1, 1).join("\n")).unwrap();
        for name in ["units", "secret"] {
            fs::create_dir(home.path(name)).unwrap();
        }
        let service = Self { home };
        service.uses(&format!("{{ ca_file = \"{}/ca.pem\" }}", credentials.display()));
        let source = service.home.put("open.json", "");
        mode(&source, 0o666);
        service
    }

    fn uses(&self, tls: &str) {
        self.configure(&format!("shares = {{ credential = \"shares\" }}\ntls = {tls}"));
    }

    fn configure(&self, more: &str) {
        self.home.config(&format!("server_users = [{SERVER}]\n{}", cluster(&["https://127.0.0.1:1"], more)));
        mode(&self.home.path("config.toml"), 0o644);
        mode(self.home.directory(), 0o755);
    }

    /// What a daemon says of the credential `ca.pem`, whose source the unit names thus. That of the shares is open to
    /// all, which comes after it.
    fn says_of(&self, load: &str) -> String {
        let open = self.home.path("open.json");
        let unit = format!("[Service]\nLoadCredential={load}\nLoadCredential=shares:{}\n", open.display());
        let template = self.home.put("units/vault-unseal-test@.service", &unit);
        mode(&template, 0o644);
        let run = self.home.command(&["run"]);
        // The shell dies with this process; who changes his user no longer does, but goes with the shell.
        let mut command = Command::new("sh");
        command
            .args(["-c", "\"$@\"; exit", "sh", "setpriv"])
            .args([format!("--reuid={OURS}"), format!("--regid={OURS}")]);
        command.args(["--clear-groups", "--inh-caps=-all", "--bounding-set=-all", "env"]);
        command.arg(format!("CREDENTIALS_DIRECTORY={}", self.home.path(Self::UNIT).display()));
        command.arg(run.get_program()).args(run.get_args()).current_dir(self.home.directory());
        let setup = format!(
            "mount -t tmpfs -o mode=755 none /run; mkdir -p /run/systemd/system; mount --bind {} /run/systemd/system",
            self.home.path("units").display()
        );
        let mut daemon = Daemon::start(&mut mounted(&setup, &command));
        daemon.wait_for_line("credential \"shares\" comes from");
        let output = daemon.output();
        output.lines().filter(|line| line.contains("credential \"ca")).collect()
    }
}

#[test]
fn source_out_of_sight_is_judged_by_the_nearest_directory_in_sight() {
    if !are_root() {
        return;
    }
    let service = Service::new();
    let secret = service.home.path("secret");
    fs::create_dir(secret.join("tls")).unwrap();
    // Nobody but root and the server gets so far as to see this mode.
    fs::write(secret.join("tls/ca.pem"), "").unwrap();
    mode(&secret.join("tls/ca.pem"), 0o666);
    let load = format!("ca.pem:{}/tls/ca.pem", secret.display());
    let unseen = Some("cannot be seen by the service");
    for (owner, bits, list, expected) in [
        (SERVER, 0o750, None, None),
        (0, 0o700, None, None),
        // Others can list it, or somebody else can pass: it is not closed.
        (SERVER, 0o754, None, unseen),
        (SERVER, 0o750, Some("u:4244:x"), unseen),
        (SERVER, 0o750, Some("g:4244:x"), unseen),
        (SERVER, 0o750, Some("u:4243:rwx"), Some("somebody in its access control list, can write to it")),
        (ANYBODY, 0o700, None, Some("belongs to uid 4244")),
        (SERVER, 0o770, None, Some("its group can write to it")),
        // All can pass: the file is seen.
        (SERVER, 0o755, None, Some("everybody may write it")),
    ] {
        chown(&secret, Some(owner), Some(SERVER)).unwrap();
        let directory = secret.display().to_string();
        assert!(Command::new("setfacl").args(["-b", &directory]).status().unwrap().success());
        mode(&secret, bits);
        if let Some(entry) = list {
            assert!(Command::new("setfacl").args(["-m", entry, &directory]).status().unwrap().success());
        }
        let said = service.says_of(&load);
        match expected {
            None => assert_eq!(said, "", "{owner} {bits:o} {list:?}"),
            Some(expected) => assert!(said.contains(expected), "{owner} {bits:o} {list:?}: {said}"),
        }
    }
    // A directory above that is open to all vouches for nothing below it.
    chown(&secret, Some(SERVER), Some(SERVER)).unwrap();
    mode(&secret, 0o777);
    chown(secret.join("tls"), Some(SERVER), Some(SERVER)).unwrap();
    mode(&secret.join("tls"), 0o750);
    let said = service.says_of(&load);
    assert!(said.contains("has mode 0777: others can write to it"), "{said}");
}

#[test]
fn source_with_specifiers_is_judged_and_what_only_systemd_knows_is_told() {
    if !are_root() {
        return;
    }
    let service = Service::new();
    let source = service.home.put("one%.pem", "");
    mode(&source, 0o666);
    let load = |name: &str| format!("ca.pem:{}/{name}.pem", service.home.directory().display());
    let said = service.says_of(&load("%i%%"));
    assert!(said.contains(&format!("comes from {}: everybody may write it", source.display())), "{said}");
    mode(&source, 0o600);
    assert_eq!(service.says_of(&load("%i%%")), "");
    let said = service.says_of(&load("%H"));
    assert!(said.contains("only systemd knows what the % stands for"), "{said}");
}

#[test]
fn authorities_of_a_ca_dir_of_credentials_are_judged_at_their_source() {
    if !are_root() {
        return;
    }
    let service = Service::new();
    let credentials = service.home.path(Service::UNIT);
    fs::rename(credentials.join("ca.pem"), credentials.join("ca_one.pem")).unwrap();
    // Shares are no authority, and would be refused as one. What is loaded under their name is judged all the same.
    let shares = service.home.path("shares");
    fs::rename(credentials.join("shares"), &shares).unwrap();
    chown(&shares, Some(OURS), None).unwrap();
    mode(&shares, 0o600);
    service.configure(&format!("tls = {{ ca_dir = \"{}\" }}", credentials.display()));
    let one = service.home.put("secret/one.pem", "");
    mode(&one, 0o644);
    let load = format!("ca:{}", service.home.path("secret").display());
    assert_eq!(service.says_of(&load), "");
    mode(&one, 0o666);
    let said = service.says_of(&load);
    assert!(
        said.contains(&format!("credential \"ca\" comes from {}: everybody may write it", one.display())),
        "{said}"
    );
    fs::rename(&shares, credentials.join("shares")).unwrap();
    service.uses(&format!("{{ ca_file = \"{}/ca_one.pem\" }}", credentials.display()));
    let said = service.says_of(&load);
    assert!(said.contains(&format!("credential \"ca_one.pem\" comes from {}", one.display())), "{said}");
}

#[test]
fn source_that_no_unit_names_is_told() {
    let service = Service::new();
    let mut command = service.home.command(&["run"]);
    command.env("CREDENTIALS_DIRECTORY", service.home.path(Service::UNIT));
    let mut daemon = Daemon::start(&mut command);
    for name in ["ca.pem", "shares"] {
        daemon.wait_for_line(&format!(
            "which file credential \"{name}\" comes from cannot be seen: there is no unit {}",
            Service::UNIT
        ));
    }
}
