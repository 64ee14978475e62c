//! The forms that people have: what real servers print is read, and what real tools encrypted is named, with a command
//! that opens it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;

use crate::support::home::{Home, hex, lines, shares_of_nobody};
use crate::support::private::{encrypts, host_key_in, mounted};
use crate::support::process::run;
use crate::support::server::{Builder, Flavour, Server, is_active, is_sealed};
use crate::{bytes, document, enroll, stored, succeeds, text};

fn words(output: &Output) -> String {
    assert!(output.status.success(), "{}", text(output));
    String::from_utf8(output.stdout.clone()).unwrap()
}

/// Enrols what stands in the file `form`, and returns the shares that were stored, in hex.
fn enrolled(home: &Home, form: &str, content: &str) -> Vec<String> {
    home.put(form, content);
    let output = format!("{form}.shares");
    let document = document(&mut enroll(home, &[form, "--plain", "--output", &output]));
    assert_eq!(document["stored"][0]["count"], 3, "{form}: {document}");
    stored(&home.path(&output)).iter().map(|share| hex(share)).collect()
}

/// Unseals a server with what was enrolled.
fn unseals(server: &Server, shares: &[String], form: &str) {
    for share in &shares[..2] {
        let answer = server.submit(share);
        assert_eq!(answer.status, 200, "{form}: {}", answer.text());
    }
    server.wait_until(is_active);
}

/// What stands behind this in a text.
fn behind<'a>(text: &'a str, mark: &str) -> &'a str {
    let (_, rest) = text.split_once(mark).unwrap_or_else(|| panic!("no {mark:?} in it"));
    rest.split(|c: char| c.is_whitespace() || c == '\x1b').find(|word| !word.is_empty()).unwrap()
}

const INIT: [&str; 4] = ["operator", "init", "-key-shares=3", "-key-threshold=2"];

#[test]
fn init_as_a_terminal_recorded_it_unseals_its_server() {
    let server = Server::start_plain();
    let home = Home::new();
    let command = format!("{} {}", Flavour::of_this_run().program().display(), INIT.join(" "));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &command, "record"]).current_dir(home.directory());
    script
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("TERM", "xterm-256color")
        .env("VAULT_ADDR", server.url())
        .env("BAO_ADDR", server.url());
    script.env("HOME", home.directory()).stdin(std::process::Stdio::null());
    succeeds(&mut script);
    let record = fs::read_to_string(home.path("record")).unwrap();
    assert!(record.contains('\x1b') && record.contains("\r\n"), "no terminal");
    unseals(&server, &enrolled(&home, "copy", &record), "a record of script(1)");
}

#[test]
fn every_format_of_init_rotate_keys_and_rekey_unseals_its_server() {
    let home = Home::new();
    for format in ["table", "yaml", "json"] {
        let server = Builder::new().with_rekey().start();
        let printed = words(&server.command(&[&INIT[..], &[&format!("-format={format}")]].concat()));
        let mut shares = enrolled(&home, &format!("init.{format}"), &printed);
        unseals(&server, &shares, format);
        let token = match format {
            "table" => behind(&printed, "Root Token:"),
            "yaml" => behind(&printed, "root_token:"),
            _ => behind(&printed, "\"root_token\":").trim_matches('"'),
        };
        for &verb in Flavour::of_this_run().rekey_verbs() {
            let printed = renewed(&server, verb, format, token, &shares);
            let file = format!("{verb}.{format}");
            if format == "table" {
                let both = format!("{}{printed}", fs::read_to_string(home.path("init.table")).unwrap());
                home.put("both", &both);
                let refused =
                    text(&run(&mut enroll(&home, &["both", "--plain", "--output", "new", "--force"])));
                assert!(refused.contains("it holds two sets of shares: key 1 at"), "{refused}");
            }
            shares = enrolled(&home, &file, &printed);
            server.seal(token);
            server.wait_until(is_sealed);
            unseals(&server, &shares, &file);
        }
    }
}

#[test]
fn shares_of_a_rekey_that_is_to_be_verified_are_warned_about_until_then() {
    for &verb in Flavour::of_this_run().rekey_verbs() {
        let server = Builder::new().with_rekey().start();
        let home = Home::new();
        let init = server.init(3, 2);
        unseals(&server, &init.keys_hex, verb);
        let command = |arguments: &[&str]| {
            let mut command = server.client_command();
            command.args(["operator", verb]).args(arguments);
            command.env("VAULT_TOKEN", &init.root_token).env("BAO_TOKEN", &init.root_token);
            words(&run(command.stdin(std::process::Stdio::null())))
        };
        let start = ["-init", "-verify", "-key-shares=3", "-key-threshold=2", "-format=json"];
        let started: Value = serde_json::from_str(&command(&start)).unwrap();
        let nonce = format!("-nonce={}", started["nonce"].as_str().unwrap());
        command(&[&nonce, "-format=json", &init.keys_hex[0]]);
        let printed = command(&[&nonce, &init.keys_hex[1]]);
        let nonce = format!("-nonce={}", behind(&printed, "Verification Nonce"));
        let told = |form: &str, printed: &str| {
            home.put(form, printed);
            let output = format!("{form}.shares");
            let document = document(&mut enroll(&home, &[form, "--plain", "--output", &output]));
            let shares: Vec<String> = stored(&home.path(&output)).iter().map(|share| hex(share)).collect();
            let warnings = document["warnings"].as_array().unwrap();
            (shares, warnings.iter().any(|warning| warning["kind"] == "rekey-not-verified"))
        };
        let (shares, warned) = told("before", &printed);
        assert!(warned, "{printed}");
        command(&["-verify", &nonce, &shares[0]]);
        let verified = command(&["-verify", &nonce, &shares[1]]);
        let (shares, warned) = told("after", &format!("{printed}\n{verified}"));
        assert!(!warned, "{verified}");
        server.seal(&init.root_token);
        server.wait_until(is_sealed);
        unseals(&server, &shares, verb);
    }
}

/// New shares for a server: what the last step of the command printed.
fn renewed(server: &Server, verb: &str, format: &str, token: &str, shares: &[String]) -> String {
    let command = |arguments: &[&str]| {
        let mut command = server.client_command();
        command.args(["operator", verb]).args(arguments).env("VAULT_TOKEN", token).env("BAO_TOKEN", token);
        words(&run(command.stdin(std::process::Stdio::null())))
    };
    let started = command(&["-init", "-key-shares=3", "-key-threshold=2", "-format=json"]);
    let nonce: Value = serde_json::from_str(&started).unwrap();
    let nonce = format!("-nonce={}", nonce["nonce"].as_str().unwrap());
    command(&[&nonce, "-format=json", &shares[0]]);
    command(&[&nonce, &format!("-format={format}"), &shares[1]])
}

#[test]
fn recovery_keys_of_a_real_server_are_named_and_not_stored() {
    let server = Builder::new().unseals_itself().start();
    let home = Home::new();
    let printed =
        words(&server.command(&["operator", "init", "-recovery-shares=3", "-recovery-threshold=2"]));
    home.put("init", &printed);
    let refused = text(&run(&mut enroll(&home, &["init", "--plain", "--output", "new"])));
    assert!(refused.contains("it holds recovery keys, which cannot unseal"), "{refused}");
    assert!(!home.path("new").exists());
}

#[test]
fn check_names_where_share_like_strings_stand() {
    let home = Home::new();
    home.configure(&["http://127.0.0.1:9"], "");
    let shares = shares_of_nobody(3, 2);
    home.shares(&format!("{{\"root_token\": \"hvs.CAESIJ2vD8s1nHw6Y\", \"data\": {{\"foo\": {shares:?}}}}}"));
    let said = text(&run(&mut home.command(&["check"])));
    assert!(said.contains("3 strings that look like shares stand under \"data.foo\""), "{said}");
    assert!(!said.contains("a token, not shares") && !said.contains(&shares[0][..16]), "{said}");
}

/// Encrypts `source` to `sealed` with a script of sh; what must be exported for that, and for the command that is printed.
struct Tool {
    program: &'static str,
    seals: &'static str,
    says: &'static str,
}

const TOOLS: [Tool; 15] = [
    Tool {
        program: "age",
        seals: "age-keygen -o KEYFILE 2>/dev/null; age -r $(age-keygen -y KEYFILE) -o sealed source",
        says: "it is encrypted with age",
    },
    Tool {
        program: "age",
        seals: "age-keygen -o KEYFILE 2>/dev/null; age -a -r $(age-keygen -y KEYFILE) -o sealed source",
        says: "it is encrypted with age",
    },
    Tool { program: "gpg", seals: "gpg -c -o sealed source", says: "it is encrypted with OpenPGP" },
    Tool { program: "gpg", seals: "gpg -a -c -o sealed source", says: "it is encrypted with OpenPGP" },
    Tool {
        program: "openssl",
        seals: "openssl enc -aes-256-cbc -pbkdf2 -pass file:password -in source -out sealed",
        says: "it is encrypted with openssl enc",
    },
    Tool {
        program: "openssl",
        seals: "openssl enc -a -aes-256-cbc -pbkdf2 -pass file:password -in source -out sealed",
        says: "it is encrypted with openssl enc",
    },
    Tool {
        program: "openssl",
        seals: "openssl enc -a -A -aes-256-cbc -pbkdf2 -pass file:password -in source -out sealed",
        says: "it is encrypted with openssl enc",
    },
    Tool {
        program: "systemd-creds",
        seals: "systemd-creds encrypt --with-key=host --name=other source sealed 2>/dev/null",
        says: "it is a credential that systemd-creds encrypted",
    },
    Tool {
        program: "ansible-vault",
        seals: "cp source sealed; chmod u+w sealed; ansible-vault encrypt sealed",
        says: "it is encrypted with ansible-vault",
    },
    Tool {
        program: "ansible-vault",
        seals: "(ansible-vault encrypt_string --stdin-name shares < source; echo; echo 'facade: x') > sealed",
        says: "a value in it is encrypted with ansible-vault",
    },
    Tool {
        program: "sops",
        seals: r#"age-keygen -o KEYFILE 2>/dev/null; (printf '{"unseal_keys": ['; sed 's/.*/"&"/' source | paste -s -d,; echo ]}) |
            sops encrypt --age $(age-keygen -y KEYFILE) --filename-override a.json > sealed"#,
        says: "it is encrypted with sops",
    },
    Tool {
        program: "sops",
        seals: r"age-keygen -o KEYFILE 2>/dev/null; (echo unseal_keys:; sed 's/^/- /' source) |
            sops encrypt --age $(age-keygen -y KEYFILE) --filename-override a.yaml > sealed",
        says: "it is encrypted with sops",
    },
    Tool {
        program: "sops",
        seals: r"age-keygen -o KEYFILE 2>/dev/null; sed = source | paste -d= - - | sed 's/^/UNSEAL_KEY_/' |
            sops encrypt --age $(age-keygen -y KEYFILE) --filename-override a.env > sealed",
        says: "it is encrypted with sops",
    },
    Tool {
        program: "sops",
        seals: r"age-keygen -o KEYFILE 2>/dev/null; (echo [vault]; sed = source | paste -d= - - | sed 's/^/UNSEAL_KEY_/') |
            sops encrypt --age $(age-keygen -y KEYFILE) --filename-override a.ini > sealed",
        says: "it is encrypted with sops",
    },
    Tool {
        program: "sops",
        seals: r"age-keygen -o KEYFILE 2>/dev/null; cat source |
            sops encrypt --age $(age-keygen -y KEYFILE) --filename-override a.txt > sealed",
        says: "it is encrypted with sops",
    },
];

/// The command that is printed opens what the tool made, and no file in plain text comes of it.
#[test]
fn the_printed_command_opens_what_a_tool_encrypted() {
    if !encrypts() {
        return;
    }
    let shares = shares_of_nobody(3, 2);
    for Tool { program, seals, says } in TOOLS {
        if !run(Command::new("sh").args(["-c", &format!("command -v {program}")])).status.success() {
            crate::support::untested(&format!("this needs {program}"));
            continue;
        }
        let home = Home::new();
        home.put("source", &lines(&shares));
        home.put("password", "correct horse\n");
        fs::create_dir(home.path("keys")).unwrap();
        fs::create_dir(home.path("gnupg")).unwrap();
        home.chmod("gnupg", 0o700);
        let password = home.path("password");
        let answers = format!("batch\npinentry-mode loopback\npassphrase-file {}\n", password.display());
        home.put("gnupg/gpg.conf", &answers);
        // Tools that ask find nobody but the password.
        let private = format!(
            "{}; export PATH='{}' HOME=. GNUPGHOME='{}' ANSIBLE_VAULT_PASSWORD_FILE='{}' \
             SOPS_AGE_KEY_FILE=KEYFILE; exec < password",
            host_key_in(&home.path("keys")),
            std::env::var("PATH").unwrap(),
            home.path("gnupg").display(),
            password.display(),
        );
        let in_private = |script: &str| {
            let mut command = Command::new("setsid");
            command.args(["--wait", "bash", "-euo", "pipefail", "-c", script]).current_dir(home.directory());
            run(&mut mounted(&private, &command))
        };
        words(&in_private(seals));
        let refused = text(&run(&mut enroll(&home, &["sealed", "--plain", "--output", "new"])));
        assert!(refused.contains(says), "{seals}: {refused}");
        let printed = refused.lines().find(|line| line.contains("| vault-unseal enroll - --credential host"));
        let printed = printed.unwrap_or_else(|| panic!("{seals}: {refused}")).trim();

        let binary = format!("{} enroll", env!("CARGO_BIN_EXE_vault-unseal"));
        let command = printed.replace("vault-unseal enroll", &binary);
        let stored = in_private(&format!("{command} --name held --output stored --json"));
        assert!(stored.status.success(), "{printed}: {}", text(&stored));
        let opened = words(&in_private("systemd-creds decrypt --name=held stored - 2>/dev/null"));
        let opened: Value = serde_json::from_str(&opened).unwrap();
        let opened: Vec<String> = opened["keys"]
            .as_array()
            .unwrap()
            .iter()
            .map(|share| share.as_str().unwrap().to_owned())
            .collect();
        assert_eq!(bytes(&opened), bytes(&shares), "{printed}");
        #[cfg(feature = "tpm")]
        {
            assert!(refused.contains("With a TPM, --tpm2 in place of --credential host"), "{refused}");
            let tpm = crate::support::swtpm::Swtpm::start();
            let command = command.replace("--credential host", "--tpm2");
            let tcti = tpm.tcti();
            let stored = in_private(&format!("{command} --output shares.tpm2 --tcti {tcti} --json"));
            assert!(stored.status.success(), "{command}: {}", text(&stored));
            let document: Value = serde_json::from_slice(&stored.stdout).unwrap();
            let stored = &document["stored"][0];
            assert_eq!((&stored["home"], &stored["count"]), (&"tpm2".into(), &3.into()), "{document}");
            // It opens, and only there.
            let rebind = ["--rebind", "--output", "shares.tpm2", "--tcti", &tcti];
            assert!(run(&mut enroll(&home, &rebind)).status.success(), "{command}");
        }
        let plain = crate::needles::Needles::of_hex(&shares);
        for file in crate::files(home.directory()).iter().filter(|file| *file != "source") {
            let content = fs::read(home.path(file)).unwrap_or_default();
            assert!(plain.find(&content).is_empty(), "{printed}: {file}");
        }
    }
}

#[test]
fn a_command_that_fails_before_the_pipe_is_named() {
    let home = Home::new();
    let mut shell = Command::new("bash");
    shell.args([
        "-c",
        "false | \"$1\" enroll - --plain --output new",
        "bash",
        env!("CARGO_BIN_EXE_vault-unseal"),
    ]);
    let said = text(&run(shell.current_dir(home.directory())));
    assert!(
        said.contains("it is empty") && said.contains("If a command was to print the shares, it failed"),
        "{said}"
    );
    assert!(!home.path("new").exists());
}
