//! The old file stays whole whatever happens, until the new one is.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Stdio;

use crate::support::guarded::Guarded;
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::private::{encrypts, host_key_in, mounted};
use crate::support::process::run;
use crate::support::{PATIENCE, poll};
use crate::{are_root, enroll, files, succeeds, text};

const OLD: &str = "what was there before";

fn home() -> Home {
    let home = Home::new();
    home.put("source", &lines(&shares_of_nobody(5, 3)));
    home.put("shares", OLD);
    home
}

#[test]
fn a_file_that_is_there_is_kept_unless_force_is_used() {
    let home = home();
    let arguments = ["source", "--plain", "--output", "shares"];
    let output = run(&mut enroll(&home, &arguments));
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(fs::read_to_string(home.path("shares")).unwrap(), OLD);
    assert_eq!(files(home.directory()), ["shares", "source"]);
    succeeds(enroll(&home, &arguments).arg("--force"));
    assert_ne!(fs::read_to_string(home.path("shares")).unwrap(), OLD);
    assert_eq!(files(home.directory()), ["shares", "source"]);
}

#[test]
fn the_mode_is_0600_whatever_the_umask_and_the_old_mode() {
    let home = home();
    home.chmod("shares", 0o666);
    for umask in ["000", "777"] {
        let mut shell = std::process::Command::new("sh");
        let script = format!("umask {umask}; exec \"$0\" enroll source --plain --output shares --force");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_vault-unseal")]).current_dir(home.directory());
        succeeds(&mut shell);
        let mode = home.path("shares").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o600, "umask {umask}");
    }
}

#[test]
fn a_missing_directory_is_made_and_an_open_one_refused() {
    let home = home();
    succeeds(&mut enroll(&home, &["source", "--plain", "--output", "new/shares"]));
    assert_eq!(files(&home.path("new")), ["shares"]);
    home.chmod("new", 0o777);
    let output = run(&mut enroll(&home, &["source", "--plain", "--output", "new/shares", "--force"]));
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    assert!(text(&output).contains("chmod go-w"), "{}", text(&output));
}

#[test]
fn who_may_not_write_there_is_told_so_at_once() {
    let home = home();
    home.chmod(".", 0o755);
    for (directory, bits) in [("closed", 0o755), ("ours", 0o775)] {
        fs::create_dir(home.path(directory)).unwrap();
        home.chmod(directory, bits);
    }
    // As a user with a group of his own, whose umask is 0002.
    let enroll = |output| {
        let mut command = enroll(&home, &["source", "--plain", "--output", output]);
        if rustix::process::geteuid().is_root() {
            chown(home.path("source"), Some(4242), Some(4242)).unwrap();
            chown(home.path("ours"), Some(4242), Some(4242)).unwrap();
            command.uid(4242).gid(4242);
        } else {
            home.chmod("closed", 0o555);
        }
        text(&run(&mut command))
    };
    for output in ["closed/new/shares", "closed/shares"] {
        let said = enroll(output);
        assert!(
            said.contains(
                "Give the same command as root, with sudo, or name a file of your own with --output."
            ),
            "{said}"
        );
    }
    let said = enroll("ours/shares");
    assert!(said.contains("has mode 0775: its group can write to it"), "{said}");
    home.chmod("closed", 0o755);
}

#[test]
fn a_full_disk_is_noticed_before_anything_is_read_and_leaves_the_old_file() {
    if !are_root() {
        return;
    }
    let home = home();
    let command = enroll(&home, &["-", "--plain", "--output", "disk/shares", "--force"]);
    fs::create_dir(home.path("disk")).unwrap();
    // Room for the old file and the trial, and not for more. Standard input would give the shares, and is not read.
    let setup = "mount -t tmpfs -o size=16k,mode=755 tmpfs disk; cp shares disk/shares; exec < source\n\
                 set +e; \"$@\"; echo \"exit $?\"; cat disk/shares; echo; ls -A disk; cat; exit";
    let output = run(&mut mounted(setup, &command));
    let shown = text(&output);
    let unread = fs::read_to_string(home.path("source")).unwrap();
    assert!(shown.contains(&format!("exit 1\n{OLD}\nshares\n{unread}")), "{shown}");
    assert!(shown.contains("No space left on device") && shown.contains("df "), "{shown}");
}

/// systemd-creds is called four times: a trial and the shares, each encrypted and opened again. Killed in each of them,
/// and before the last has said its word, the old file is as it was.
#[test]
fn killed_at_any_point_it_leaves_the_old_file_and_the_next_run_cleans_up() {
    if !encrypts() {
        return;
    }
    let home = home();
    fs::create_dir(home.path("keys")).unwrap();
    fs::create_dir(home.path("tools")).unwrap();
    let arguments = ["source", "--credential", "host", "--output", "shares", "--force"];
    let command = enroll(&home, &arguments);
    for call in 1..=4 {
        // Stands in for systemd-creds: says that it was called, and does not come back the `call`-th time.
        let tool = "#!/bin/sh\nD=DIRECTORY\necho >>$D/calls\n\
                    if [ $(wc -l <$D/calls) = CALL ]; then echo >$D/reached; exec sleep infinity; fi\n\
                    exec $D/real \"$@\"\n";
        let tool = tool.replace("DIRECTORY", home.path("tools").to_str().unwrap());
        home.put("tools/systemd-creds", &tool.replace("CALL", &call.to_string()));
        home.chmod("tools/systemd-creds", 0o755);
        for left in ["calls", "reached"] {
            let _ = fs::remove_file(home.path("tools").join(left));
        }
        let setup = format!(
            "{}\ncp /usr/bin/systemd-creds tools/real\nmount --bind tools/systemd-creds /usr/bin/systemd-creds",
            host_key_in(&home.path("keys"))
        );
        let mut whole = mounted(&setup, &command);
        let mut running =
            Guarded::spawn(whole.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()));
        poll(PATIENCE, || Path::exists(&home.path("tools/reached")).then_some(())).expect("it is called");
        running.signal(rustix::process::Signal::KILL);
        running.wait(PATIENCE).expect("it dies");
        assert_eq!(fs::read_to_string(home.path("shares")).unwrap(), OLD, "killed in call {call}");
    }
    let unfinished = |name: &String| name.starts_with(".shares.");
    assert!(
        poll(PATIENCE, || Some(files(home.directory()).iter().filter(|name| unfinished(name)).count() > 0))
            .unwrap()
    );
    succeeds(&mut mounted(&host_key_in(&home.path("keys")), &command));
    assert_eq!(files(home.directory()), ["keys", "shares", "source", "tools"]);
    assert_ne!(fs::read_to_string(home.path("shares")).unwrap(), OLD);
}

#[test]
fn directory_of_a_server_user_is_used_as_the_configuration_says() {
    if !are_root() {
        return;
    }
    let home = Home::new();
    home.put("init", &lines(&shares_of_nobody(3, 2)));
    std::fs::create_dir(home.path("keys")).unwrap();
    std::os::unix::fs::chown(home.path("keys"), Some(4_000_001), None).unwrap();
    for (users, code) in [("[]", 1), ("[4000001]", 0)] {
        let clusters = crate::support::home::cluster(&["http://127.0.0.1:1"], "");
        home.put("config.toml", &format!("server_users = {users}\n{clusters}"));
        let mut command =
            enroll(&home, &["init", "--plain", "--threshold", "2", "--output", "keys/shares", "--keep"]);
        let output = run(command.arg("--config").arg(home.path("config.toml")));
        assert_eq!(output.status.code(), Some(code), "{users}: {}", String::from_utf8_lossy(&output.stderr));
    }
}
