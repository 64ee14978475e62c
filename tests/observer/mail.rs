//! Mail over Debian's Postfix, with STARTTLS and an authority of one's own.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;

use crate::stage::{notify, notify_command, start};
use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, cluster, lines};
use crate::support::output::succeeds;
use crate::support::ports::Port;
use crate::support::process::{Daemon, run};
use crate::support::server::Builder;
use crate::support::{PATIENCE, poll, private, untested};

/// A mail server on this machine with a queue and mailboxes of its own, until the test ends.
struct Postfix {
    directory: tempfile::TempDir,
    port: u16,
}

impl Postfix {
    /// Starts it with a certificate of this authority for `localhost`; `None` where that cannot be, which is said.
    fn start(authority: &Authority) -> Option<Self> {
        if !private::are_root() || !Path::new("/usr/sbin/postfix").exists() {
            untested("mail over Postfix takes root and Debian's package postfix");
            return None;
        }
        let directory = crate::support::directory::directory();
        let at = |name: &str| directory.path().join(name);
        fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
        let id =
            |flag: &str| String::from_utf8(run(Command::new("id").args([flag, "postfix"])).stdout).unwrap();
        let (user, group) = (id("-u").trim().to_owned(), id("-g").trim().to_owned());
        for name in ["conf", "queue", "data", "mail"] {
            fs::create_dir(at(name)).unwrap();
            fs::set_permissions(at(name), Permissions::from_mode(0o755)).unwrap();
        }
        for name in ["data", "mail"] {
            chown(at(name), user.parse().ok(), None).unwrap();
        }
        let (certificate, key) =
            authority.issue(&["localhost"], Validity::Now).write(directory.path(), "mail");
        let mut port = Port::reserve("127.0.0.1".parse().unwrap());
        let number = port.address().port();
        let settings = format!(
            "compatibility_level = 3.6\nqueue_directory = {queue}\ndata_directory = {data}\ncommand_directory = /usr/sbin\n\
             daemon_directory = /usr/lib/postfix/sbin\nmail_owner = postfix\nsetgid_group = postdrop\n\
             myhostname = mail.example.org\nmydestination =\ninet_interfaces = 127.0.0.1\ninet_protocols = ipv4\n\
             mynetworks = 127.0.0.0/8\nsmtpd_tls_security_level = encrypt\nsmtpd_tls_cert_file = {certificate}\n\
             smtpd_tls_key_file = {key}\nsmtpd_recipient_restrictions = permit_mynetworks, reject\n\
             virtual_mailbox_domains = example.org\nvirtual_mailbox_base = {mail}\nvirtual_mailbox_maps = static:box/\n\
             virtual_minimum_uid = 1\nvirtual_uid_maps = static:{user}\nvirtual_gid_maps = static:{group}\n\
             maillog_file = {log}\nmaillog_file_prefixes = /\n",
            queue = at("queue").display(),
            data = at("data").display(),
            mail = at("mail").display(),
            log = at("log").display(),
            certificate = certificate.display(),
            key = key.display(),
        );
        fs::write(at("conf/main.cf"), settings).unwrap();
        let mut services = format!("127.0.0.1:{number} inet n - n - - smtpd\n");
        for (name, program) in [
            ("cleanup unix n - n - 0", "cleanup"),
            ("qmgr unix n - n 300 1", "qmgr"),
            ("tlsmgr unix - - n - 1", "tlsmgr"),
            ("rewrite unix - - n - -", "trivial-rewrite"),
            ("bounce unix - - n - 0", "bounce"),
            ("defer unix - - n - 0", "bounce"),
            ("retry unix - - n - -", "error"),
            ("virtual unix - n n - -", "virtual"),
            ("anvil unix - - n - 1", "anvil"),
            ("proxymap unix - - n - -", "proxymap"),
            ("postlog unix-dgram n - n - 1", "postlogd"),
        ] {
            services += &[name, " ", program, "\n"].concat();
        }
        fs::write(at("conf/master.cf"), services).unwrap();
        port.release();
        succeeds(&mut postfix(directory.path(), "start"));
        Some(Self { directory, port: number })
    }

    /// The next mail that was not looked at.
    fn next(&self) -> String {
        let directory = self.directory.path().join("mail/box/new");
        let found = poll(PATIENCE, || {
            let paths: Vec<PathBuf> =
                fs::read_dir(&directory).ok()?.map(|entry| entry.unwrap().path()).collect();
            let first = paths.into_iter().min()?;
            let text = fs::read_to_string(&first).unwrap();
            fs::remove_file(&first).unwrap();
            Some(text)
        });
        found.unwrap_or_else(|| panic!("{}", fs::read_to_string(self.directory.path().join("log")).unwrap()))
    }

    fn is_empty(&self) -> bool {
        fs::read_dir(self.directory.path().join("mail/box/new"))
            .is_ok_and(|mut entries| entries.next().is_none())
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        // Until its processes are gone.
        let _ = postfix(self.directory.path(), "stop").output();
    }
}

fn postfix(directory: &Path, verb: &str) -> Command {
    let mut command = Command::new("/usr/sbin/postfix");
    command.arg("-c").arg(directory.join("conf")).arg(verb);
    command
}

#[test]
fn three_servers_that_are_away_are_one_mail_and_their_ends_another_also_when_the_notifier_is_killed_in_between()
 {
    let authority = Authority::new("Private CA");
    let Some(postfix) = Postfix::start(&authority) else { return };
    let home = Home::new();
    let mut servers: Vec<_> = (0..3).map(|_| Builder::new().start()).collect();
    let mut clusters = String::new();
    for (number, server) in servers.iter().enumerate() {
        let shares = home.put(&format!("shares-{number}"), &lines(server.init(5, 3).enough()));
        let more = format!("name = \"c{number}\"\nshares = {{ file = {shares:?} }}");
        clusters += &cluster(&[&server.url()], &more);
    }
    home.config(&clusters);
    let (mut daemon, _) = start(&home);
    for server in &servers {
        server.wait_until(|status| status["sealed"] == false);
    }
    daemon.wait_for_line(": unsealed (active)");
    let ca_file = authority.write(home.directory(), "ca");
    let target = format!(
        "[[notify]]\nname = \"mail\"\nafter = \"0s\"\nbatch = \"3s\"\n[notify.smtp]\nserver = \"localhost:{}\"\n\
         from = \"Vault unseal <vault-unseal@example.org>\"\nto = [\"Ärztin Müller <admin@example.org>\"]\ntls = {{ ca_file = {ca_file:?} }}\n",
        postfix.port
    );
    let mut notifier = notify(&home, &target);
    notifier.wait_for_line("tells mail (smtp)");
    for server in &mut servers {
        server.kill();
    }
    let mail = postfix.next();
    for wanted in [
        "From: \"Vault unseal\" <vault-unseal@example.org>\n",
        "Auto-Submitted: auto-generated\n",
        ": 3 problems\n",
        "with ESMTPS",
    ] {
        assert!(mail.contains(wanted), "{wanted}: {mail}");
    }
    for server in &servers {
        assert!(mail.contains(&format!("\n{}: unreachable (cluster c", server.url())), "{mail}");
    }
    // After the mail was taken it is noted.
    notifier.wait_for_line("told mail: ");
    poll(PATIENCE, || {
        fs::read_to_string(home.path("state/told.json")).ok().filter(|told| told.contains("unreachable"))
    });
    notifier.signal(Signal::KILL);
    notifier.exit_status(PATIENCE);
    for server in &mut servers {
        server.start();
        server.wait_until(|status| status["sealed"] == false);
    }
    let mut notifier = Daemon::start(&mut notify_command(&home, &[]));
    let mail = postfix.next();
    assert!(mail.contains(": 3 are over\n"), "{mail}");
    notifier.wait_for_line("told mail: ");
    notifier.terminate();
    assert!(notifier.exit_status(PATIENCE).success());
    assert!(postfix.is_empty(), "no third one");
}

#[test]
fn apprise_of_debian_carries_a_message_on() {
    if !Path::new("/usr/bin/apprise").exists() {
        untested("notifications by Apprise take Debian's package apprise");
        return;
    }
    let receiver = crate::support::receiver::Receiver::start(crate::support::receiver::Manner::Answers(200));
    let home = Home::new();
    // As in a credential of the service: the URL is in no argument.
    let url = receiver.url().replace("http://", "json://");
    home.put("apprise", &format!("{url}\n"));
    home.put(
        "notify.toml",
        "[[notify]]\nname = \"any\"\n[notify.command]\nrun = [\"/usr/bin/apprise\", \"--config=$CREDENTIALS_DIRECTORY/apprise\", \
         \"--title=vault-unseal\"]\nstdin = \"text\"\n",
    );
    let mut test = notify_command(&home, &["--test"]);
    let output = run(test.env("CREDENTIALS_DIRECTORY", home.directory()));
    assert!(output.status.success(), "{output:?}");
    let told = receiver.next().json();
    assert!(told["message"].as_str().unwrap().contains("This is a test."), "{told}");
}
