//! Encrypted credentials, made by the real systemd-creds with a host key and with a (software) TPM.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::needles::Needles;
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::private::{encrypts, host_key_in, mounted};
use crate::support::process::{Daemon, run};
use crate::support::server::{Server, is_active};
use crate::support::swtpm::Swtpm;
use crate::{enroll, succeeds, text};

/// What systemd does when it starts the service: opens the credential by its name.
fn opened(keys: &Path, file: &Path, name: &str, tpm: Option<&Swtpm>) -> std::process::Output {
    let mut command = Command::new("systemd-creds");
    command.arg("decrypt").arg(format!("--name={name}"));
    if let Some(tpm) = tpm {
        tpm.flush();
        command.arg(format!("--tpm2-device={}", tpm.tcti()));
    }
    run(&mut mounted(&host_key_in(keys), command.arg(file)))
}

#[test]
fn a_server_is_unsealed_from_what_systemd_opens() {
    if !encrypts() {
        return;
    }
    let server = Server::start_plain();
    let init = server.init(5, 3);
    let home = Home::new();
    fs::create_dir(home.path("keys")).unwrap();
    fs::create_dir(home.path("credentials")).unwrap();
    home.configure(&[&server.url()], "shares = { credential = \"held\" }");
    home.put("init.json", &init.json);
    let tpm = cfg!(feature = "tpm").then(Swtpm::start);
    if let Some(tpm) = &tpm {
        tpm.extend(7);
    }
    for (keys, pcrs) in [("host", None), ("tpm2", Some("7")), ("host+tpm2", Some("7+11"))] {
        let tcti = match &tpm {
            Some(tpm) => {
                tpm.flush();
                tpm.tcti()
            }
            None if keys == "host" => "none:".to_owned(),
            None => continue,
        };
        let mut arguments =
            vec!["init.json", "--credential", keys, "--name", "held", "--output", "shares.cred"];
        arguments.extend(["--force", "--json", "--tcti", &tcti]);
        // 7 is what systemd takes by itself.
        if let Some(pcrs) = pcrs.filter(|pcrs| *pcrs != "7") {
            arguments.extend(["--pcrs", pcrs]);
        }
        let command = enroll(&home, &arguments);
        let output = succeeds(&mut mounted(&host_key_in(&home.path("keys")), &command));
        let document: Value = serde_json::from_slice(&output.stdout).unwrap();
        let stored = &document["stored"][0];
        assert_eq!((&stored["keys"], &stored["pcrs"]), (&json!(keys), &json!(pcrs)), "as its header says");
        assert_eq!(document["warnings"], json!([]), "{keys}");

        let file = fs::read(home.path("shares.cred")).unwrap();
        assert!(Needles::of(&init).find(&file).is_empty() && !contains(&file, init.root_token.as_bytes()));
        let other = opened(&home.path("keys"), &home.path("shares.cred"), "other", tpm.as_ref());
        assert!(!other.status.success(), "bound to its name");
        let opened = opened(&home.path("keys"), &home.path("shares.cred"), "held", tpm.as_ref());
        assert!(opened.status.success(), "{}", text(&opened));
        assert!(!contains(&opened.stdout, init.root_token.as_bytes()));

        home.put("credentials/held", std::str::from_utf8(&opened.stdout).unwrap());
        let mut command = home.command(&["run"]);
        let mut daemon = Daemon::start(command.env("CREDENTIALS_DIRECTORY", home.path("credentials")));
        server.wait_until(is_active);
        daemon.terminate();
        daemon.exit_status(crate::support::PATIENCE);
        server.seal(&init.root_token);
    }
}

fn contains(hay: &[u8], needle: &[u8]) -> bool {
    hay.windows(needle.len()).any(|window| window == needle)
}

#[cfg(feature = "tpm")]
#[test]
fn pcrs_into_which_nothing_was_measured_are_told() {
    if !encrypts() {
        return;
    }
    let home = Home::new();
    fs::create_dir(home.path("keys")).unwrap();
    home.put("source", &lines(&shares_of_nobody(3, 2)));
    let tpm = Swtpm::start();
    let tcti = tpm.tcti();
    let arguments = ["source", "--credential", "tpm2", "--output", "shares.cred", "--tcti", &tcti];
    let output = succeeds(&mut mounted(&host_key_in(&home.path("keys")), &enroll(&home, &arguments)));
    crate::is_as_in("credential-unmeasured.txt", &home, &text(&output));
}

#[cfg(feature = "tpm")]
#[test]
fn after_a_change_of_the_machine_it_is_bound_anew() {
    if !encrypts() {
        return;
    }
    let home = Home::new();
    fs::create_dir(home.path("keys")).unwrap();
    home.put("source", &lines(&shares_of_nobody(3, 2)));
    let tpm = Swtpm::start();
    let tcti = tpm.tcti();
    // Version 252 leaves its sessions in a TPM that has no resource manager before it.
    fs::create_dir(home.path("tools")).unwrap();
    let tool = "#!/bin/sh\nfor what in -t -l -s; do tpm2_flushcontext -T TCTI $what 2>/dev/null || true; done\n\
                exec DIRECTORY/real \"$@\"\n";
    let tools = home.path("tools");
    home.put(
        "tools/systemd-creds",
        &tool.replace("TCTI", &tcti).replace("DIRECTORY", tools.to_str().unwrap()),
    );
    home.chmod("tools/systemd-creds", 0o755);
    let setup = format!(
        "{}\ncp /usr/bin/systemd-creds tools/real\nmount --bind tools/systemd-creds /usr/bin/systemd-creds",
        host_key_in(&home.path("keys"))
    );
    let run_it = |arguments: &[&str]| {
        let common = ["--credential", "tpm2", "--output", "shares.cred", "--tcti", &tcti, "--json"];
        let mut command = enroll(&home, arguments);
        run(&mut mounted(&setup, command.args(common)))
    };
    assert!(run_it(&["source", "--pcrs", "7+16"]).status.success());
    // It still opens: nothing else is needed, and the PCRs stay those it was bound to.
    let output = run_it(&["--rebind"]);
    let document: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(&output)));
    assert_eq!(document["stored"][0]["pcrs"], "7+16");
    // The firmware was updated.
    tpm.extend(16);
    let before = fs::read(home.path("shares.cred")).unwrap();
    let output = run_it(&["--rebind"]);
    assert!(!output.status.success() && text(&output).contains("--rebind FILE"), "{}", text(&output));
    assert_eq!(fs::read(home.path("shares.cred")).unwrap(), before);
    let output = run_it(&["--rebind", "source", "--only", "1,2,3"]);
    assert!(output.status.success(), "{}", text(&output));
    let opened = opened(&home.path("keys"), &home.path("shares.cred"), "shares", Some(&tpm));
    assert!(opened.status.success(), "{}", text(&opened));
}

#[test]
fn a_part_stays_a_part_when_the_credential_no_longer_opens() {
    if !encrypts() {
        return;
    }
    let home = Home::new();
    fs::create_dir(home.path("keys")).unwrap();
    home.put("all", &lines(&shares_of_nobody(3, 2)));
    let setup = host_key_in(&home.path("keys"));
    let bind = |arguments: &[&str]| {
        let common = ["--credential", "host", "--output", "shares.cred", "--threshold", "2", "--json"];
        run(&mut mounted(&setup, enroll(&home, arguments).args(common)))
    };
    let positions = |output: &std::process::Output| {
        let document: Value =
            serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{}", text(output)));
        document["stored"][0]["positions"].clone()
    };
    assert_eq!(positions(&bind(&["all", "--only", "3"])), json!([3]));
    // While it opens, what it holds is what it holds.
    assert_eq!(positions(&bind(&["--rebind", "all"])), json!([1]));
    for (arguments, part) in
        [(&["--only", "3"][..], json!([3])), (&["--split", "3", "--node", "2"], json!([2]))]
    {
        // Another machine, as far as systemd-creds can tell.
        fs::remove_file(home.path("keys/credential.secret")).unwrap();
        let before = fs::read(home.path("shares.cred")).unwrap();
        let refused = bind(&["--rebind", "all"]);
        crate::is_as_in("credential-rebound-whole.txt", &home, &text(&refused));
        assert_eq!(fs::read(home.path("shares.cred")).unwrap(), before);
        assert_eq!(positions(&bind(&[&["--rebind", "all"], arguments].concat())), part);
    }
}

#[test]
fn the_child_is_told_nothing_but_through_its_pipe() {
    if !encrypts() {
        return;
    }
    let home = Home::new();
    for directory in ["keys", "tools"] {
        fs::create_dir(home.path(directory)).unwrap();
    }
    let shares = shares_of_nobody(3, 2);
    home.put("source", &lines(&shares));
    let tools = home.path("tools");
    let log = tools.join("log");
    let tool = format!(
        "#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline >>{0}/log\nexec {0}/real \"$@\"\n",
        tools.display()
    );
    home.put("tools/systemd-creds", &tool);
    home.chmod("tools/systemd-creds", 0o755);
    let setup = format!(
        "{}\ncp /usr/bin/systemd-creds tools/real\nmount --bind tools/systemd-creds /usr/bin/systemd-creds\n\
         export SECRET_OF_THE_ADMINISTRATOR=1",
        host_key_in(&home.path("keys"))
    );
    let command = enroll(&home, &["source", "--credential", "host", "--output", "shares.cred"]);
    succeeds(&mut mounted(&setup, &command));
    let seen = fs::read(log).unwrap();
    assert!(
        contains(&seen, b"encrypt") && contains(&seen, b"decrypt") && contains(&seen, b"--with-key=host")
    );
    assert!(Needles::of_hex(&shares).find(&seen).is_empty());
    assert!(!contains(&seen, b"SECRET_OF_THE_ADMINISTRATOR"));
    // A stand-in whose file opens to something else is not believed, and nothing is replaced.
    let before = fs::read(home.path("shares.cred")).unwrap();
    let liar = "#!/bin/sh\nif [ $1 = decrypt ]; then echo '[\"00112233445566778899aabbccddeeff\"]'; else exec REAL \"$@\"; fi\n";
    home.put("tools/systemd-creds", &liar.replace("REAL", tools.join("real").to_str().unwrap()));
    home.chmod("tools/systemd-creds", 0o755);
    let command = enroll(&home, &["source", "--credential", "host", "--output", "shares.cred", "--force"]);
    let output = run(&mut mounted(&setup, &command));
    assert!(text(&output).contains("is not what went in"), "{}", text(&output));
    assert_eq!(fs::read(home.path("shares.cred")).unwrap(), before);
}

#[test]
fn program_that_repeats_what_it_was_given_is_not_quoted() {
    if !encrypts() {
        return;
    }
    let home = Home::new();
    fs::create_dir(home.path("keys")).unwrap();
    let shares = shares_of_nobody(3, 2);
    home.put("source", &lines(&shares));
    let command = enroll(&home, &["source", "--credential", "host", "--output", "shares.cred"]);
    for form in ["cat", "tr a-f A-F", "base64 --wrap=0"] {
        // What is tried at first has no share in it.
        let tool = format!(
            "#!/bin/bash\ncat >{here}/given\nif shares=$(grep -oE '[0-9a-f]{{66}}' {here}/given); then\n\
             echo \"cannot read $(head -n 1 <<<\"$shares\" | {form})\" >&2; exit 1; fi\n\
             exec {here}/real \"$@\" <{here}/given\n",
            here = home.directory().display()
        );
        home.put("tool", &tool);
        home.chmod("tool", 0o755);
        let setup = format!(
            "cp /usr/bin/systemd-creds real\n{}\nmount --bind tool /usr/bin/systemd-creds",
            host_key_in(&home.path("keys"))
        );
        let said = text(&run(&mut mounted(&setup, &command)));
        assert!(
            said.contains("what it said repeats its input or output, and is not shown"),
            "{form}: {said}"
        );
        assert!(shares.iter().all(|share| !said.to_lowercase().contains(&share[..12])), "{form}: {said}");
    }
}
