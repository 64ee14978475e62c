//! Files of certificates and keys that were spoilt on their way: what is said of them, that nothing of a private key is in
//! it, and that the command in the advice mends the file and leaves it to whom it belongs.

use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::certs::{Authority, Validity};
use crate::support::home::{Home, lines, shares_of_nobody};
use crate::support::openssl::{key, self_signed, version_1};
use crate::support::process::run;

/// What is looked for in an output: eight bytes in a row of a key, or of what its file says, in any form.
struct Canary(Vec<Vec<u8>>);

impl Canary {
    /// A key in PEM form.
    fn of(pem: &str) -> Self {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        Self(vec![body.into_bytes(), pipe(&["openssl", "pkey", "-outform", "der"], pem.as_bytes())])
    }

    fn is_not_in(&self, output: &Output, form: &str) {
        let said = format!("{}{}", show(&output.stdout), show(&output.stderr));
        assert!(!said.contains("45, 45"), "{form}: dashes as numbers: {said}");
        let lower = said.to_ascii_lowercase();
        for window in self.0.iter().flat_map(|secret| secret.windows(9)) {
            let raw = String::from_utf8(window.to_vec()).unwrap_or_else(|_| "\0".to_owned());
            assert!(!said.contains(&raw) && !said.contains(&base64(window)), "{form}: {said}");
            let window = &window[..8];
            let hex = |between: &str| {
                window.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().join(between)
            };
            let decimal = |between: &str| window.iter().map(u8::to_string).collect::<Vec<_>>().join(between);
            for spelling in
                [hex(""), hex(" "), hex(":"), hex(", 0x"), decimal(", "), decimal(","), decimal(" ")]
            {
                assert!(!lower.contains(&spelling), "{form}: {said}");
            }
        }
    }
}

fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let sextets = bytes.chunks_exact(3).flat_map(|three| {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        [18, 12, 6, 0].map(|shift| char::from(ALPHABET[(bits >> shift & 63) as usize]))
    });
    sextets.collect()
}

fn show(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Runs a program over a text.
fn pipe(program: &[&str], input: &[u8]) -> Vec<u8> {
    let mut command = Command::new(program[0]);
    let mut child = command.args(&program[1..]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{program:?}");
    output.stdout
}

/// A daemon with a client certificate, whose server is not there.
struct Client {
    home: Home,
    authority: Authority,
    key: String,
    certificate: String,
}

impl Client {
    fn new() -> Self {
        let (home, authority) = (Home::new(), Authority::new("Private CA"));
        let client = authority.issue_client("the daemon", Validity::Now);
        home.shares(&lines(&shares_of_nobody(1, 1)));
        let files = "ca_file = \"ca.crt\", client_cert = \"client.crt\", client_key = \"client.key\"";
        home.configure(&["https://127.0.0.1:1"], &format!("tls = {{ {files} }}"));
        home.put("client.crt", &client.chain_pem);
        home.put("ca.crt", &authority.pem());
        home.put("client.key", &client.key_pem);
        Self { home, authority, key: client.key_pem, certificate: client.chain_pem }
    }

    /// Writes a file as root and the group of the web servers would have it.
    fn put(&self, name: &str, bytes: &[u8]) {
        let path = self.home.path(name);
        let _ = fs::remove_file(&path);
        fs::write(&path, bytes).unwrap();
        if rustix::process::geteuid().is_root() {
            chown(&path, Some(0), Some(4)).unwrap();
        }
        self.home.chmod(name, 0o640);
    }

    /// What `check` finds of the TLS files.
    fn finding(&self, canary: &Canary, form: &str) -> Option<Value> {
        let output = run(&mut self.home.command(&["check", "--json"]));
        canary.is_not_in(&output, form);
        let document: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{output:?}"));
        let findings = document["findings"].as_array().unwrap();
        findings.iter().find(|found| found["subject"] == "tls").cloned()
    }

    /// What `check` finds, and `run` and `check` say the same.
    fn refused(&self, canary: &Canary, form: &str) -> Value {
        let finding = self.finding(canary, form).unwrap_or_else(|| panic!("{form} is not found"));
        let (message, remedy) = (finding["message"].as_str().unwrap(), finding["remedy"].as_str().unwrap());
        for verb in ["run", "check", "status"] {
            let output = run(&mut self.home.command(&[verb]));
            assert!(!output.status.success(), "{form}: {verb}");
            canary.is_not_in(&output, form);
            let said = show(&output.stdout) + &show(&output.stderr);
            assert!(said.contains(message) && said.contains(remedy), "{form}: {verb}: {said}");
        }
        finding
    }
}

fn rights(path: &Path) -> (u32, u32, u32) {
    let data = fs::metadata(path).unwrap();
    (data.permissions().mode(), data.uid(), data.gid())
}

/// The command in the advice.
fn command(finding: &Value) -> String {
    let remedy = finding["remedy"].as_str().unwrap();
    let (_, command) = remedy.split_once('`').unwrap_or_else(|| panic!("no command: {remedy}"));
    command.trim_end_matches('`').to_owned()
}

/// Spoils that a command mends: how, the beginning of what is said, and how the text is spoilt.
type Spoil = (&'static str, &'static str, fn(&str) -> Vec<u8>);

const SPOILS: [Spoil; 8] = [
    ("\\n", "line 1: its line breaks are lost: they are written out as \\n", |text| {
        text.replace('\n', "\\n").into_bytes()
    }),
    ("\\r\\n in quotes", "line 1: its line breaks are lost: they are written out as \\n", |text| {
        format!("\"{}\"\n", text.replace('\n', "\\r\\n")).into_bytes()
    }),
    ("spaces", "line 1: its line breaks are lost", |text| text.replace('\n', " ").into_bytes()),
    ("nothing", "line 1: its line breaks are lost", |text| text.replace('\n', "").into_bytes()),
    ("markers on lines of their own", "line 2: its line breaks are lost", |text| {
        text.replacen("-\n", "-:", 1).replace('\n', "\\n").replacen("-:", "-\n", 1).into_bytes()
    }),
    ("indented", "line 1: the lines are indented", |text| {
        text.lines().fold(String::new(), |all, line| all + "    " + line + "\n").into_bytes()
    }),
    ("byte order mark", "line 1: a byte order mark is before the block", |text| {
        format!("\u{feff}{text}").into_bytes()
    }),
    ("UTF-16", "it is text in UTF-16", |text| {
        format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
    }),
];

#[test]
fn spoilt_key_is_refused_without_its_content_and_mended_by_the_advice() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    let sec1 = show(&pipe(&["openssl", "pkey", "-traditional"], client.key.as_bytes()));
    assert!(sec1.starts_with("-----BEGIN EC PRIVATE KEY-----"), "{sec1}");
    for (form, what, spoil) in SPOILS {
        for text in [&client.key, &sec1] {
            client.put("client.key", &spoil(text));
            let (canary, path) = (Canary::of(text), client.home.path("client.key"));
            let before = rights(&path);
            let finding = client.refused(&canary, form);
            let message = finding["message"].as_str().unwrap();
            assert!(message.contains("private key") && message.contains(what), "{form}: {message}");
            assert_eq!(finding["kind"], "tls-file-malformed", "{form}");
            let command = command(&finding);
            pipe(&["bash", "-c", &command], b"");
            assert_eq!(client.finding(&canary, form), None, "{form}: {command}");
            assert_eq!(rights(&path), before, "{form}: {command}");
        }
    }
    client.put("client.key", &pipe(&["openssl", "pkey", "-outform", "der"], client.key.as_bytes()));
    let before = rights(&client.home.path("client.key"));
    let finding = client.refused(&canary, "DER");
    pipe(&["bash", "-c", &command(&finding)], b"");
    assert_eq!(client.finding(&canary, "DER"), None);
    assert_eq!(rights(&client.home.path("client.key")), before);
}

#[test]
fn key_behind_a_symbolic_link_is_mended_where_it_is() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    client.put("it's the key", client.key.replace('\n', "\\n").as_bytes());
    fs::remove_file(client.home.path("client.key")).unwrap();
    symlink("it's the key", client.home.path("client.key")).unwrap();
    let finding = client.refused(&canary, "link");
    pipe(&["bash", "-c", &command(&finding)], b"");
    assert_eq!(client.finding(&canary, "link"), None);
    assert!(client.home.path("client.key").is_symlink());
}

#[test]
fn encrypted_key_is_named_and_stored_without_its_passphrase_by_the_advice() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    let pkcs8 = ["openssl", "pkcs8", "-topk8", "-passout", "pass:geheim"];
    let old = ["openssl", "ec", "-aes128", "-passout", "pass:geheim"];
    for (form, program) in [("PKCS#8", &pkcs8), ("headers", &old)] {
        let text = show(&pipe(program, client.key.as_bytes()));
        client.put("client.key", text.as_bytes());
        let path = client.home.path("client.key");
        let before = rights(&path);
        let finding = client.refused(&canary, form);
        assert_eq!(finding["kind"], "tls-file-encrypted", "{form}: {finding}");
        // Without a terminal openssl reads the passphrase from its standard input.
        pipe(&["setsid", "-w", "bash", "-c", &command(&finding)], b"geheim\n");
        assert_eq!(client.finding(&canary, form), None, "{form}");
        assert_eq!(rights(&path), before, "{form}");
    }
}

#[test]
fn key_that_no_command_mends_is_refused_without_its_content() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    let (begin, end) = ("-----BEGIN PRIVATE KEY-----", "-----END PRIVATE KEY-----");
    let body: Vec<&str> = client.key.lines().filter(|line| !line.starts_with('-')).collect();
    for (form, text, what, kind) in [
        (
            "cut off",
            client.key.replace(end, ""),
            "line 1: the block that begins here is cut off",
            "malformed",
        ),
        (
            "twice",
            client.key.replace(end, &client.key),
            "line 1: the block that begins here is cut off",
            "malformed",
        ),
        (
            "half a marker",
            client.key.replace(begin, "-----BEGIN PRIVATE KEY--"),
            "line 1: a -----BEGIN or",
            "malformed",
        ),
        (
            "another end",
            client.key.replace(end, "-----END RSA PRIVATE KEY-----"),
            "the -----END line does",
            "malformed",
        ),
        (
            "half an end",
            client.key.replace(end, "-----END PRIVATE KEY"),
            "a -----BEGIN or -----END line",
            "malformed",
        ),
        (
            "not base64",
            client.key.replace(body[0], &body[0].replacen('M', "!", 1)),
            "not base64",
            "malformed",
        ),
        ("a bare body", body.join("\n"), "there is no -----BEGIN", "empty"),
        ("empty", String::new(), "the file is empty", "empty"),
        ("white space", "\n \n".to_owned(), "the file is empty", "empty"),
        (
            "certificate",
            client.certificate.clone(),
            "line 1: it holds a certificate, not a private key",
            "empty",
        ),
    ] {
        client.put("client.key", text.as_bytes());
        let finding = client.refused(&canary, form);
        let message = finding["message"].as_str().unwrap();
        assert!(message.contains(what), "{form}: {message}");
        assert_eq!(finding["kind"], format!("tls-file-{kind}"), "{form}");
    }
    // In the place of certificates, which others may read.
    for name in ["client.crt", "ca.crt"] {
        let client = Client::new();
        let canary = Canary::of(&client.key);
        for (form, text) in
            [("key", client.key.clone()), ("key without line breaks", client.key.replace('\n', "\\n"))]
        {
            client.put(name, text.as_bytes());
            let finding = client.refused(&canary, &format!("{form} in {name}"));
            let message = finding["message"].as_str().unwrap();
            let what =
                if form == "key" { "it holds a private key, not a certificate" } else { "line breaks" };
            assert!(message.contains(what), "{form} in {name}: {message}");
        }
    }
    // A good file with a key that is no key, and one of another certificate.
    let client = Client::new();
    let other = client.authority.issue_client("another", Validity::Now).key_pem;
    for (form, text, what) in [
        ("no key", format!("{begin}\nAAAA{}\n{end}\n", body[1]), "the key is malformed"),
        ("another's", other, "the key is another certificate's"),
    ] {
        client.put("client.key", text.as_bytes());
        let finding = client.refused(&Canary(vec![text.into_bytes()]), form);
        assert_eq!(finding["kind"], "tls-key-mismatch", "{form}");
        assert!(finding["message"].as_str().unwrap().contains(what), "{form}: {finding}");
    }
}

#[test]
fn client_certificate_and_key_of_forms_that_are_not_accepted_are_named() {
    for (certificate, what) in [
        (version_1(&key("2048")), "the certificate is not of X.509 version 3"),
        (
            self_signed(&key("1024"), "DNS:client"),
            "not supported (RSA from 2048 bits, P-256, P-384, Ed25519)",
        ),
        (
            self_signed(&key("P-521"), "DNS:client"),
            "not supported (RSA from 2048 bits, P-256, P-384, Ed25519)",
        ),
    ] {
        let client = Client::new();
        client.put("client.crt", certificate.chain_pem.as_bytes());
        client.put("client.key", certificate.key_pem.as_bytes());
        let finding = client.refused(&Canary::of(&certificate.key_pem), what);
        assert_eq!(finding["kind"], "tls-key-mismatch", "{finding}");
        assert!(finding["message"].as_str().unwrap().ends_with(what), "{finding}");
    }
}

#[test]
fn spoilt_ca_file_is_mended_by_the_advice() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    let both = client.authority.pem() + &Authority::new("Another CA").pem();
    let mended = |form: &str, bytes: &[u8], what: &str| {
        client.put("ca.crt", bytes);
        let before = rights(&client.home.path("ca.crt"));
        let finding = client.refused(&canary, form);
        let message = finding["message"].as_str().unwrap();
        assert!(message.contains(what), "{form}: {message}");
        pipe(&["bash", "-c", &command(&finding)], b"");
        assert_eq!(client.finding(&canary, form), None, "{form}");
        assert_eq!(rights(&client.home.path("ca.crt")), before, "{form}");
        fs::read_to_string(client.home.path("ca.crt")).unwrap().matches("-----BEGIN").count()
    };
    for (form, what, spoil) in SPOILS {
        assert_eq!(mended(form, &spoil(&both), what), 2, "{form}");
    }
    // Files of which the first did not end in a line break.
    assert_eq!(mended("joined", both.replacen("-\n-", "--", 1).as_bytes(), "its line breaks are lost"), 2);
    let one = client.authority.pem();
    mended(
        "DER",
        &pipe(&["openssl", "x509", "-outform", "der"], one.as_bytes()),
        "it is in DER form, not PEM",
    );
    let trusted = pipe(&["openssl", "x509", "-trustout"], one.as_bytes());
    mended("trusted", &trusted, "it holds a certificate in OpenSSL's TRUSTED form");
    fs::write(client.home.path("one.pem"), &one).unwrap();
    let one_file = client.home.path("one.pem");
    let bundle = pipe(&["openssl", "crl2pkcs7", "-nocrl", "-certfile", one_file.to_str().unwrap()], b"");
    mended("bundle", &bundle, "it holds a PKCS#7 bundle, not a certificate");
}

#[test]
fn certificate_that_is_none_is_named_by_its_line() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    let mut text = client.authority.pem();
    let line = text.lines().count() + 1;
    writeln!(text, "-----BEGIN CERTIFICATE-----\nMAMCAQA=\n-----END CERTIFICATE-----").unwrap();
    client.put("ca.crt", text.as_bytes());
    let finding = client.refused(&canary, "no X.509");
    assert_eq!(finding["kind"], "tls-file-bad-certificate");
    let message = finding["message"].as_str().unwrap();
    assert!(message.contains(&format!("ca.crt, line {line}: it is malformed")), "{message}");
}

#[test]
fn ca_dir_with_one_file_that_is_no_certificate_is_refused() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    let directory = client.home.path("ca");
    fs::create_dir(&directory).unwrap();
    client.home.configure(&["https://127.0.0.1:1"], "tls = { ca_dir = \"ca\" }");
    fs::write(directory.join("README"), "nothing\n").unwrap();
    fs::write(directory.join("server.key"), &client.key).unwrap();
    let finding = client.refused(&canary, "no certificate");
    assert_eq!(finding["kind"], "tls-file-empty", "{finding}");
    for file in ["README", "server.key"] {
        fs::remove_file(directory.join(file)).unwrap();
    }
    fs::write(directory.join("one.pem"), client.authority.pem()).unwrap();
    assert_eq!(client.finding(&canary, "one"), None);
    fs::write(directory.join("two.pem"), client.authority.pem().replace('\n', "\\n")).unwrap();
    let finding = client.refused(&canary, "two");
    assert!(finding["message"].as_str().unwrap().contains("two.pem, line 1: its line breaks"), "{finding}");
    pipe(&["bash", "-c", &command(&finding)], b"");
    assert_eq!(client.finding(&canary, "two"), None);
}

#[test]
fn key_in_the_place_of_the_system_s_store_is_refused_without_its_content() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    client.home.configure(&["https://127.0.0.1:1"], "");
    for (form, text) in [("as it is", client.key.clone()), ("spoilt", client.key.replace('\n', "\\n"))] {
        client.home.put("store", &text);
        for verb in [&["check", "--json"][..], &["run"], &["status"]] {
            let output = run(client.home.command(verb).env("SSL_CERT_FILE", client.home.path("store")));
            canary.is_not_in(&output, form);
            assert!(!output.status.success(), "{form}: {verb:?}: {output:?}");
        }
    }
}

#[test]
fn key_that_is_spoilt_while_the_daemon_runs_is_named_without_its_content() {
    let client = Client::new();
    let canary = Canary::of(&client.key);
    let mut daemon = client.home.run();
    daemon.wait_for_line("unreachable");
    client.home.put("client.key", &client.key.replace('\n', " "));
    let line = daemon.wait_for_line("certificates changed on disk, but").text;
    assert!(line.contains("client.key, line 1: its line breaks are lost; the old ones stay. "), "{line}");
    assert!(line.contains("`sed -i '"), "{line}");
    daemon.terminate();
    daemon.exit_status(crate::support::PATIENCE);
    let output = Output { stdout: daemon.output().into_bytes(), ..run(&mut Command::new("true")) };
    canary.is_not_in(&output, "running");
}
