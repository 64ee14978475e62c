//! Copies for others: age and gpg open them, and what is in them opens the server.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::needles::Needles;
use crate::support::home::Home;
use crate::support::private::mounted;
use crate::support::process::run;
use crate::support::server::Server;
use crate::{are_root, document, has, home_of, init, is_as_in, names, shares_in, succeeds, text};

/// A key pair of age: the file with its secret half, and the recipient.
pub(crate) fn age_key(home: &Home, name: &str) -> (PathBuf, String) {
    let output = succeeds(Command::new("age-keygen").stdin(Stdio::null()));
    let secret = String::from_utf8(output.stdout).unwrap();
    let recipient = secret.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap().to_owned();
    (home.put(name, &secret), recipient)
}

/// What age makes of a file.
pub(crate) fn decrypted(identity: &Path, file: &Path) -> String {
    let output = succeeds(Command::new("age").arg("--decrypt").arg("--identity").arg(identity).arg(file));
    String::from_utf8(output.stdout).unwrap()
}

/// A key pair of gpg in a directory of its own, whose agent ends with it.
struct Gpg(tempfile::TempDir);

impl Gpg {
    fn new() -> Self {
        let gpg = Self(crate::support::directory::named("gnupg-"));
        let generate =
            ["--pinentry-mode", "loopback", "--passphrase", "", "--quick-gen-key", "anna <anna@example.org>"];
        succeeds(gpg.command().args(generate).args(["default", "default", "never"]));
        gpg
    }

    fn command(&self) -> Command {
        let mut command = Command::new("gpg");
        command.args(["--batch", "--quiet", "--homedir"]).arg(self.0.path()).stdin(Stdio::null());
        command
    }

    fn public(&self) -> String {
        String::from_utf8(succeeds(self.command().args(["--armor", "--export"])).stdout).unwrap()
    }
}

impl Drop for Gpg {
    fn drop(&mut self) {
        let mut kill = Command::new("gpgconf");
        run(kill.arg("--homedir").arg(self.0.path()).args(["--kill", "all"]));
    }
}

/// The shares of a text open the server, and not one fewer.
fn open(server: &Server, shares: &[String]) {
    for (index, share) in shares.iter().enumerate() {
        assert_eq!(server.seal_status()["sealed"], true);
        let answer = server.submit(share).json();
        assert_eq!(answer["sealed"], index + 1 < shares.len(), "{answer}");
    }
}

#[test]
fn several_recipients_get_the_shares_dealt_in_turn() {
    if !has(&["age", "gpg"]) {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let (anna, bert, carla) = (age_key(&home, "anna"), age_key(&home, "bert"), Gpg::new());
    home.put("carla.asc", &carla.public());
    std::fs::create_dir(home.path("copies")).unwrap();
    let arguments = ["--plain", "--output", "shares.json", "--offline-dir", "copies"];
    let recipients = ["--recipient", &anna.1, "--recipient", "carla.asc", "--recipient", &bert.1];
    let document = document(init(&home, &arguments).args(recipients));
    let copies: Vec<_> =
        document["offline"].as_array().unwrap().iter().map(|copy| copy["path"].clone()).collect();
    let copies: Vec<_> = copies
        .iter()
        .map(|path| path.as_str().unwrap().replace(home.directory().to_str().unwrap(), "."))
        .collect();
    assert_eq!(
        copies,
        [
            "./copies/share-1.age",
            "./copies/share-2.asc",
            "./copies/share-3.age",
            "./copies/share-4.age",
            "./copies/share-5.asc"
        ]
    );
    let one = decrypted(&anna.0, &home.path("copies/share-1.age"));
    let two = succeeds(carla.command().arg("--decrypt").arg(home.path("copies/share-2.asc"))).stdout;
    let two = String::from_utf8(two).unwrap();
    let three = decrypted(&bert.0, &home.path("copies/share-3.age"));
    let mut strangers = Command::new("age");
    strangers.arg("--decrypt").arg("--identity").arg(&bert.0).arg(home.path("copies/share-1.age"));
    assert!(!run(&mut strangers).status.success(), "bert cannot open what is anna's");
    for text in [&one, &two, &three] {
        assert_eq!(shares_in(text).len(), 1, "one share each");
        assert!(text.starts_with(&format!("# of 5 shares of {}; 3 are needed\n", server.url())), "{text}");
    }
    let shares: Vec<String> = [one, two, three].iter().flat_map(|text| shares_in(text)).collect();
    assert_eq!(shares.iter().collect::<BTreeSet<_>>().len(), 3);
    open(&server, &shares);
}

#[test]
fn one_recipient_gets_all_and_the_copy_is_a_share_file() {
    if !has(&["gpg"]) {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let anna = Gpg::new();
    home.put("anna.asc", &anna.public());
    succeeds(&mut init(&home, &["--plain", "--output", "shares.json", "--recipient", "anna.asc", "--json"]));
    assert_eq!(names(&home), ["anna.asc", "shares.asc", "shares.json"]);
    let copy = succeeds(anna.command().arg("--decrypt").arg(home.path("shares.asc"))).stdout;
    home.put("copy", std::str::from_utf8(&copy).unwrap());
    assert_eq!(shares_in(std::str::from_utf8(&copy).unwrap()).len(), 5);
    crate::daemon_unseals(&home, &server, "shares = { file = \"copy\" }");
}

#[test]
fn recipients_that_cannot_be_used_are_found_before() {
    if !has(&["age", "gpg"]) {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    home.put("notakey", "hello\n");
    let anna = age_key(&home, "anna").1;
    home.put("share-2.age", "somebody's");
    let mut texts = String::new();
    for arguments in [
        &["--recipient", "age1qqq"][..],
        &["--recipient", "notakey"],
        &["--recipient", "nowhere.asc"],
        &["--recipient", &anna, "--offline-dir", "nowhere/at/all"],
        &["--recipient", &anna, "--recipient", "notakey", "--shares", "1"],
    ] {
        let output = run(init(&home, &["--plain", "--output", "shares.json", "--json"]).args(arguments));
        texts = texts + "# " + &arguments.join(" ").replace(&anna, "age1anna") + "\n" + &text(&output) + "\n";
        assert_eq!(server.health()["initialized"], false);
        assert_eq!(names(&home), ["anna", "notakey", "share-2.age"]);
    }
    is_as_in("recipients.txt", &home, &[&server.url()], &texts);
}

#[test]
fn the_programs_are_told_nothing_but_through_their_pipes() {
    if !are_root() || !has(&["age"]) {
        return;
    }
    let server = Server::start_plain();
    let home = home_of(&server.url());
    let (identity, recipient) = age_key(&home, "anna");
    let here = home.directory().display();
    let tool = format!(
        "#!/bin/sh\ncat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline >>{here}/log\nexec {here}/real \"$@\"\n"
    );
    home.put("tool", &tool);
    home.chmod("tool", 0o755);
    let setup = "cp /usr/bin/age real\nmount --bind tool /usr/bin/age\nexport SECRET_OF_THE_ADMINISTRATOR=1";
    let arguments = ["--plain", "--output", "shares.json", "--recipient", &recipient, "--json"];
    succeeds(&mut mounted(setup, &init(&home, &arguments)));
    let seen = std::fs::read(home.path("log")).unwrap();
    let seen_text = String::from_utf8_lossy(&seen);
    assert!(
        seen_text.contains(&recipient) && !seen_text.contains("SECRET_OF_THE_ADMINISTRATOR"),
        "{seen_text}"
    );
    let shares = shares_in(&decrypted(&identity, &home.path("shares.age")));
    assert_eq!(shares.len(), 5);
    assert!(Needles::of_hex(&shares).find(&seen).is_empty());
    // A stand-in that encrypts nothing is not believed.
    home.put("tool", "#!/bin/sh\nexec cat\n");
    home.chmod("tool", 0o755);
    let server = Server::start_plain();
    home.configure(&[&server.url()], "");
    let arguments =
        ["--plain", "--output", "other.json", "--offline-dir", "copies", "--recipient", &recipient, "--json"];
    let output = run(&mut mounted(setup, &init(&home, &arguments)));
    assert!(text(&output).contains("age did not encrypt"), "{}", text(&output));
    assert_eq!(server.health()["initialized"], false);
}

#[test]
fn program_that_repeats_what_it_was_given_is_not_quoted() {
    if !are_root() || !has(&["age", "gpg"]) {
        return;
    }
    for (program, form) in [("age", "cat"), ("gpg", "tr a-f A-F"), ("age", "base64 --wrap=0")] {
        let server = Server::start_plain();
        let home = home_of(&server.url());
        let recipient = if program == "age" {
            age_key(&home, "anna").1
        } else {
            home.put("anna.asc", &Gpg::new().public());
            "anna.asc".to_owned()
        };
        // What is tried before the request has no share in it.
        let tool = format!(
            "#!/bin/bash\ncat >{here}/given\nif shares=$(grep -oE '[0-9a-f]{{66}}' {here}/given); then\n\
             cp {here}/given {here}/held\n\
             echo \"{program}: cannot read $(head -n 1 <<<\"$shares\" | {form})\" >&2; exit 1; fi\n\
             exec {here}/real \"$@\" <{here}/given\n",
            here = home.directory().display()
        );
        home.put("tool", &tool);
        home.chmod("tool", 0o755);
        let setup = format!("cp /usr/bin/{program} real\nmount --bind tool /usr/bin/{program}");
        let arguments = ["--plain", "--output", "shares.json", "--recipient", &recipient, "--json"];
        let output = run(&mut mounted(&setup, &init(&home, &arguments)));
        let said = text(&output);
        assert!(said.contains(&format!("{program} refuses: what it said repeats its input")), "{said}");
        let shares = shares_in(&std::fs::read_to_string(home.path("held")).unwrap());
        assert_eq!(shares.len(), 5, "{said}");
        assert!(Needles::of_hex(&shares).find(said.as_bytes()).is_empty(), "{said}");
        assert!(shares.iter().all(|share| !said.to_lowercase().contains(&share[..12])), "{said}");
    }
}
