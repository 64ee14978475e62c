//! A name server that never answers.

use std::fmt::Write;
use std::fs;
use std::process::Command;

use crate::stage::{notify_command, resident, threads, unsealed};
use crate::support::dns::{ADDRESS, Dns};
use crate::support::home::Home;
use crate::support::network::Namespace;
use crate::support::process::Daemon;
use crate::support::receiver::{Manner, Receiver};
use crate::support::{PATIENCE, poll};

/// More than the notifier has threads for files and programs.
const NAMES: usize = 40;

/// The notifier where names are looked up as `resolv.conf` says.
fn command(home: &Home) -> Command {
    home.put("nsswitch.conf", "hosts: files dns\n");
    let inner = notify_command(home, &[]);
    let mut command = Command::new("unshare");
    command.args(["--mount", "sh", "-ec"]);
    command.arg("mount --bind resolv.conf /etc/resolv.conf; mount --bind nsswitch.conf /etc/nsswitch.conf; exec \"$@\"");
    command.arg("sh").arg(inner.get_program()).args(inner.get_args()).env_clear();
    command.envs(inner.get_envs().filter_map(|(name, value)| Some((name, value?))));
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").env("RUNTIME_DIRECTORY", home.directory());
    command.current_dir(home.directory());
    command
}

#[test]
fn a_name_server_that_never_answers_keeps_nobody_else_waiting() {
    let Some(namespace) = Namespace::alone() else { return };
    let dns = Dns::start(&namespace);
    dns.stall(true);
    let (mut server, _init, home, _daemon) = unsealed();
    // A lookup lasts for 50 s.
    home.put("resolv.conf", &format!("nameserver {ADDRESS}\noptions timeout:10 attempts:5\n"));
    let good = Receiver::within(&namespace, Manner::Answers(200));
    let named = Receiver::within(&namespace, Manner::Answers(200));
    let mut targets = String::new();
    let mut target = |name: &str, url: &str| {
        let url = home.put(&format!("{name}.url"), url);
        let _ = write!(
            targets,
            "[[notify]]\nname = \"{name}\"\nafter = \"0s\"\nbatch = \"0s\"\nwebhook = {{ url = {{ file = {url:?} }}, plain_http = true }}\n"
        );
    };
    for name in 0..NAMES {
        target(
            &format!("hook-{name}"),
            &named.url().replace("127.0.0.1", &format!("secret-token-{name}.test")),
        );
    }
    target("good", good.url());
    targets += "[[notify]]\nname = \"mail\"\nafter = \"0s\"\nbatch = \"0s\"\nsmtp = { server = \"mail.test\", from = \"a@test\", to = [\"b@test\"] }\n";
    home.put("notify.toml", &targets);
    let mut notifier = namespace.inside(|| Daemon::start(&mut command(&home)));
    notifier.wait_for_line("good (webhook)");

    server.kill();
    assert!(good.next().body.contains(r#""event":"unreachable""#));
    server.start();
    server.wait_until(|status| status["sealed"] == false);
    assert!(good.next().body.contains(r#""kind":"over""#));
    server.kill();
    assert!(good.next().body.contains(r#""event":"unreachable""#));
    // Each of them is tried again and again.
    let tried = |name: &str| {
        poll(PATIENCE * 3, || {
            let metrics = fs::read_to_string(home.path("metrics.prom")).ok()?;
            let count = format!("messages_total{{target=\"{name}\",result=\"failed\"}} ");
            let count = metrics.lines().find_map(|line| line.split_once(&count))?.1.parse::<u64>().ok()?;
            (count >= 2).then_some(())
        })
        .unwrap_or_else(|| panic!("{name} is not tried again"));
    };
    tried("hook-0");
    tried(&format!("hook-{}", NAMES - 1));
    tried("mail");
    let (threads, resident) = (threads(notifier.pid()), resident(notifier.pid()));
    // One for each name; and the loop, who looks, who remembers, and what has just read a file.
    assert!(threads <= NAMES + 1 + 8, "{threads} threads");
    // Of an executable that is not optimised.
    assert!(resident < 40 * 1024, "{resident} kB");
    let said = notifier.output();
    assert!(said.contains("cannot tell hook-0: its name cannot be looked up"), "{said}");
    assert!(said.contains("cannot tell mail: the name of the mail server cannot be looked up"), "{said}");
    assert!(!said.contains("secret-token"), "{said}");

    // Once it answers, what is so then is told.
    for name in 0..NAMES {
        dns.addresses(&format!("secret-token-{name}.test"), &["127.0.0.1"]);
    }
    dns.stall(false);
    let told = poll(PATIENCE * 3, || named.rest().pop()).expect("it is told by its name");
    assert!(told.body.contains(r#""event":"unreachable""#), "{}", told.body);
    let name = told.header("host").split(':').next().unwrap();

    // With lookups under way it ends when it is told to.
    dns.stall(true);
    server.start();
    server.wait_until(|status| status["sealed"] == false);
    assert!(good.next().body.contains(r#""kind":"over""#));
    dns.wait_for_more(name, 1);
    notifier.terminate();
    assert!(notifier.exit_status(PATIENCE).success());
}
