//! What targets do wrong stays between them and the notifier.

use std::fmt::Write;

use crate::stage::{notify, notify_command, resident, unsealed};
use crate::support::PATIENCE;
use crate::support::observer::observer;
use crate::support::process::{Daemon, Notify, run};
use crate::support::receiver::{Manner, Receiver};

#[test]
fn targets_that_misbehave_keep_neither_the_others_nor_the_daemon_waiting() {
    let (mut server, _init, home, _daemon) = unsealed();
    let good = Receiver::start(Manner::Answers(200));
    let elsewhere = Receiver::start(Manner::Answers(200));
    let bad = [
        ("hangs", Manner::Hangs),
        ("silent", Manner::IsSilent),
        ("drips", Manner::Drips),
        ("redirects", Manner::Redirects(elsewhere.url().to_owned())),
        ("fails", Manner::Answers(500)),
        ("babbles", Manner::Babbles),
    ]
    .map(|(name, manner)| (name, Receiver::start(manner)));
    let mut targets = String::new();
    for (name, receiver) in bad.iter().map(|(name, receiver)| (*name, receiver)).chain([("good", &good)]) {
        let url = home.put(&format!("{name}.url"), receiver.url());
        let _ = write!(
            targets,
            "[[notify]]\nname = \"{name}\"\nafter = \"0s\"\nbatch = \"0s\"\nwebhook = {{ url = {{ file = {url:?} }} }}\n"
        );
    }
    let mut notifier = notify(&home, &targets);
    notifier.wait_for_line("good (webhook)");
    for _ in 0..3 {
        server.kill();
        assert!(good.next().body.contains(r#""event":"unreachable""#));
        server.start();
        server.wait_until(|status| status["sealed"] == false);
        assert!(good.next().body.contains(r#""kind":"over""#));
    }
    for (name, why) in [
        ("redirects", "it answers with HTTP status 307"),
        ("fails", "it answers with HTTP status 500"),
        ("babbles", "it gave no proper answer"),
        ("hangs", "it took longer than 20 s"),
    ] {
        let said = format!("cannot tell {name}: {why}");
        if !notifier.output().contains(&said) {
            notifier.wait_for_line(&said);
        }
    }
    assert!(elsewhere.rest().is_empty(), "what is meant for one address went to another");
    // Of an executable that is not optimised; released it takes a third.
    assert!(resident(notifier.pid()) < 24 * 1024, "{} kB", resident(notifier.pid()));
    // Once it is taken, what is so then is told, and what could not be told is counted.
    server.kill();
    good.next();
    bad[4].1.now(Manner::Answers(200));
    let told = bad[4].1.wait_for(|request| request.json()["missed"].as_u64() > Some(0));
    assert!(told.body.contains(r#""event":"unreachable""#), "{}", told.body);
    notifier.terminate();
    assert!(notifier.exit_status(PATIENCE).success());
}

#[test]
fn a_wrong_configuration_ends_the_notifier_and_is_refused_by_a_reload_and_the_daemon_goes_on() {
    let (mut server, _init, home, _daemon) = unsealed();
    let receiver = Receiver::start(Manner::Answers(200));
    let url = home.put("url", receiver.url());
    let good = format!(
        "[[notify]]\nname = \"a\"\nafter = \"0s\"\nbatch = \"0s\"\nwebhook = {{ url = {{ file = {url:?} }} }}\n"
    );
    for (wrong, said) in [
        ("[[notify]\n".to_owned(), "notify.toml:1: TOML: "),
        (good.replace("webhook", "webhok"), "notify.toml:5: notify.webhok: there is no such key"),
        (format!("{good}{good}"), "notify.toml:7: notify.name: two targets are named \"a\""),
        (good.replace("url\" }", "absent\" }"), "/absent: there is no such file\n"),
    ] {
        home.put("notify.toml", &wrong);
        let output = run(&mut notify_command(&home, &[]));
        let stderr = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(78), "{stderr}");
        assert!(stderr.contains(said) && !stderr.contains("shares"), "{said}: {stderr}");
        let output = run(observer(&["check", "--exporter-config", "/nonexistent", "--notify-config"])
            .arg(home.path("notify.toml"))
            .arg("--observe-socket")
            .arg(home.path("run/observe.sock")));
        let stdout = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(4), "{stdout}");
        assert!(
            stdout.contains("problem  notify ") && stdout.contains(said.trim_start_matches("error: ")),
            "{said}: {stdout}"
        );
    }
    // What is said of a file that others may write, and of one that is not there, is true of the notifier's.
    home.put("notify.toml", &good);
    home.chmod("notify.toml", 0o666);
    let output = run(&mut notify_command(&home, &[]));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(78), "{stderr}");
    let said = "(mode 0666), and it decides whom the state of servers is told, and with which secrets\n";
    assert!(stderr.contains(said), "{stderr}");
    home.put("notify.toml", &good);
    let mut systemd = Notify::new();
    let mut notifier = Daemon::start(notify_command(&home, &[]).env("NOTIFY_SOCKET", systemd.path()));
    notifier.wait_for_line("tells a (webhook)");
    systemd.wait_for("STATUS=tells a (webhook)");
    home.put("notify.toml", "[[notify]]\n");
    notifier.hangup();
    notifier.wait_for_line("the old configuration stays: ");
    // `systemctl reload` cannot fail of it, but whoever looks at the service sees it.
    let status = systemd.wait_for("STATUS=tells a (webhook)").text;
    assert!(status.contains("; reload refused, the old configuration stays: "), "{status}");
    assert!(status.contains("notify.toml:1: notify: `webhook` is missing. Say how it is told: "), "{status}");
    server.kill();
    receiver.next();
    home.put("notify.toml", &good.replace("\"a\"", "\"b\""));
    notifier.hangup();
    notifier.wait_for_line("tells b (webhook) from now on");
    assert_eq!(systemd.wait_for("STATUS=").text, "STATUS=tells b (webhook)");
    assert!(receiver.next().body.contains("unreachable"), "another target is told anew");
    server.start();
    server.wait_until(|status| status["sealed"] == false);
    receiver.wait_for(|request| request.body.contains(r#""kind":"over""#));
}

#[test]
fn a_day_is_told_again_from_its_record() {
    let (mut server, _init, home, _daemon) = unsealed();
    let socket = home.path("run/observe.sock");
    let mut recording = home.command(&["status", "--json", "--watch"]);
    recording.arg("--observe-socket").arg(&socket);
    let mut recorder = crate::support::process::Daemon::start(&mut recording);
    recorder.wait_for_line(r#""state":"unsealed""#);
    server.kill();
    recorder.wait_for_line(r#""state":"unreachable""#);
    recorder.terminate();
    recorder.exit_status(PATIENCE);
    home.put("day.json", &recorder.output());
    let url = home.put("url", "https://example.invalid/secret-token");
    home.put(
        "notify.toml",
        &format!(
            "[[notify]]\nname = \"ops\"\nrepeat = \"30m\"\nwebhook = {{ url = {{ file = {url:?} }} }}\n"
        ),
    );
    let output = run(notify_command(&home, &[]).arg("--dry-run").arg(home.path("day.json")));
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let titles: Vec<_> = shown.lines().filter(|line| !line.starts_with(' ')).collect();
    assert_eq!(titles.len(), 2, "{shown}");
    assert!(titles[0].contains(" ops: vault-unseal on ") && titles[0].ends_with(": unreachable"), "{shown}");
    assert!(titles[1].ends_with(": still unreachable"), "{shown}");
}
