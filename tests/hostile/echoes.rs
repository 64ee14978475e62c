//! Servers that repeat the share they were sent, in whatever form and wherever an answer has room for it.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::os::unix::net::UnixStream;

use serde_json::{Value, json};

use crate::support::home::{Home, hex, lines, shares_of_nobody, unhex};
use crate::support::hostile::{Behaviour, HEALTH, Hostile, SEAL_STATUS, UNSEAL};
use crate::support::process::{Daemon, Notify, run};
use crate::support::{PATIENCE, poll};
use crate::{health, sealed};

/// Characters of a form of the share that may not be shown in a row.
const FRAGMENT: usize = 16;

fn base(bytes: &[u8], bits: usize, alphabet: &[u8], pad: usize) -> String {
    let stream: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1)).collect();
    let digit = |chunk: &[u8]| {
        (0..bits).fold(0, |value, at| value << 1 | usize::from(chunk.get(at).copied().unwrap_or(0)))
    };
    let mut text: String = stream.chunks(bits).map(|chunk| char::from(alphabet[digit(chunk)])).collect();
    while text.len() % pad != 0 {
        text.push('=');
    }
    text
}

fn base64(bytes: &[u8]) -> String {
    base(bytes, 6, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", 4)
}

fn each(bytes: &[u8], form: impl Fn(u8) -> String, between: &str) -> String {
    bytes.iter().map(|byte| form(*byte)).collect::<Vec<_>>().join(between)
}

/// The share in every form that somebody has thought of.
fn forms(share: &str) -> Vec<(&'static str, String)> {
    let (raw, text) = (unhex(share), share.as_bytes());
    let split = |size: usize, between: &str| {
        text.chunks(size).map(|part| String::from_utf8_lossy(part)).collect::<Vec<_>>().join(between)
    };
    let hexdump = raw.chunks(8).enumerate().fold(String::new(), |mut dump, (number, row)| {
        let _ = writeln!(dump, "{:08x}  {}", number * 8, each(row, |byte| format!("{byte:02x}"), " "));
        dump
    });
    vec![
        ("hex", share.to_owned()),
        ("upper-case hex", share.to_uppercase()),
        ("raw bytes", raw.iter().map(|byte| char::from(*byte)).collect()),
        ("base64", base64(&raw)),
        ("base64 of the hex digits", base64(text)),
        ("base64 for URLs", base64(&raw).replace('+', "-").replace('/', "_")),
        ("base64 twice", base64(base64(&raw).as_bytes())),
        ("base32", base(&raw, 5, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 8)),
        ("JSON escapes", each(text, |byte| format!("\\u{byte:04x}"), "")),
        ("percent escapes", each(text, |byte| format!("%{byte:02X}"), "")),
        ("HTML entities", each(text, |byte| format!("&#{byte};"), "")),
        ("hexdump", hexdump),
        ("hex with colons", each(&raw, |byte| format!("{byte:02x}"), ":")),
        ("split by spaces", split(8, " ")),
        ("split by lines", split(4, "\n")),
        ("split by JSON members", format!("{{\"0\":\"{}\"}}", split(8, "\",\"x\":\""))),
        ("reversed", share.chars().rev().collect()),
        ("decimal numbers", each(&raw, |byte| byte.to_string(), ", ")),
        ("octal escapes", each(&raw, |byte| format!("\\{byte:03o}"), "")),
        ("hex escapes", each(&raw, |byte| format!("\\x{byte:02x}"), "")),
        ("quoted-printable", each(&raw, |byte| format!("={byte:02X}"), "")),
        ("UTF-16", each(text, |byte| format!("{}\0", char::from(byte)), "")),
    ]
}

/// Letters and digits alone, in lower case: what separates them is no disguise.
fn plain(text: &str) -> Vec<u8> {
    text.bytes().filter(u8::is_ascii_alphanumeric).map(|byte| byte.to_ascii_lowercase()).collect()
}

/// Fragments of the share and the sentinel that may stand nowhere.
struct Forbidden {
    fragments: HashSet<Vec<u8>>,
    sentinel: String,
}

impl Forbidden {
    fn of(share: &str, sentinel: &str) -> Self {
        let fragments = forms(share)
            .iter()
            .flat_map(|(_, form)| plain(form).windows(FRAGMENT).map(<[u8]>::to_vec).collect::<Vec<_>>())
            .collect();
        Self { fragments, sentinel: sentinel.to_owned() }
    }

    fn assert_absent(&self, what: &str, text: &str) {
        let text_plain = plain(text);
        let shown = text_plain.windows(FRAGMENT).find(|window| self.fragments.contains(*window));
        let shown = shown.map(String::from_utf8_lossy);
        assert!(shown.is_none(), "{what} shows {shown:?} of the share:\n{text}");
        assert!(!text.contains(&self.sentinel), "{what} shows what stood beside the share:\n{text}");
    }
}

/// An answer byte for byte, after which the connection is cut.
fn raw(head: &str, body: &[u8]) -> Behaviour {
    Behaviour::Raw([head.as_bytes(), b"\r\n\r\n", body].concat())
}

fn with_length(head: &str, body: &str) -> Behaviour {
    raw(&format!("{head}\r\nContent-Length: {}", body.len()), body.as_bytes())
}

/// One line, as it must be in a head.
fn line(echo: &str) -> String {
    echo.replace(['\r', '\n'], " ").replace('\0', "")
}

/// JSON with this inside of a string, where an escape that is there already stays one.
fn quoted(echo: &str) -> String {
    if echo.contains("\\u") { format!("\"{echo}\"") } else { Value::from(echo).to_string() }
}

fn errors(status: &str, echo: &str) -> Behaviour {
    let body = format!("{{\"errors\":[{}]}}", quoted(echo));
    with_length(&format!("HTTP/1.1 {status}\r\nContent-Type: application/json"), &body)
}

/// A seal status with a text of the server's choice in these members.
fn seal(members: &[&str], echo: &str) -> Behaviour {
    let mut body =
        json!({"type": "shamir", "initialized": true, "sealed": true, "t": 1, "n": 1, "progress": 0,
                          "nonce": "", "migration": false, "recovery_seal": false, "version": "2.7.2"})
        .to_string();
    for member in members {
        body = body.replacen('{', &format!("{{{}:{},", Value::from(*member), quoted(echo)), 1);
        let own = [
            format!(",\"{member}\":\"shamir\""),
            format!(",\"{member}\":\"\""),
            format!(",\"{member}\":\"2.7.2\""),
        ];
        for own in own {
            body = body.replace(&own, "");
        }
    }
    with_length("HTTP/1.1 200 OK\r\nContent-Type: application/json", &body)
}

type Place = (&'static str, fn(&str) -> Behaviour, &'static str);

/// Where an answer has room for it, and what is said of such an answer.
const PLACES: &[Place] = &[
    (
        "the reason of the status line",
        |echo| with_length(&format!("HTTP/1.1 400 {}", line(echo)), "{\"errors\":[]}"),
        "",
    ),
    (
        "the value of a header",
        |echo| with_length(&format!("HTTP/1.1 400 Bad\r\nX-Echo: {}", line(echo)), "<html>"),
        "",
    ),
    (
        "the name of a header",
        |echo| with_length(&format!("HTTP/1.1 400 Bad\r\n{}: 1", line(echo)), "<html>"),
        "unreachable (",
    ),
    (
        "the length",
        |echo| raw(&format!("HTTP/1.1 200 OK\r\nContent-Length: {}", line(echo)), b""),
        "unreachable (",
    ),
    ("no HTTP at all", |echo| Behaviour::Raw(echo.as_bytes().to_vec()), "unreachable ("),
    ("an error", |echo| errors("500 Oops", echo), "HTTP 500: unknown text: see the server's log at 20"),
    (
        "an error of the server's own",
        |echo| errors("400 Bad", &format!("failed to compute combined key: {echo}")),
        "do not make this server's key",
    ),
    (
        "an error about the share itself",
        |echo| errors("400 Bad", &format!("'key' must be a valid hex or base64 string: {echo}")),
        "shares-rejected (HTTP 400: the server cannot read the share)",
    ),
    (
        "the page of a proxy",
        |echo| with_length("HTTP/1.1 502 Bad\r\nContent-Type: text/html", &format!("<html>{echo}</html>")),
        "HTTP 502, but not an answer of Vault or OpenBao itself (unknown text: see the server's log at 20",
    ),
    (
        "a page of TLS",
        |echo| {
            with_length(
                "HTTP/1.1 400 Bad",
                &format!("Client sent an HTTP request to an HTTPS server. {echo}"),
            )
        },
        "HTTP 400, but not an answer of Vault or OpenBao itself (unknown text",
    ),
    ("a page with code 200", |echo| with_length("HTTP/1.1 200 OK", echo), "HTTP 200, but not an answer of"),
    (
        "JSON of something else",
        |echo| with_length("HTTP/1.1 200 OK", &format!("{{{}:{}}}", quoted(echo), quoted(echo))),
        "HTTP 200, but not an answer of",
    ),
    ("the type of the seal", |echo| seal(&["type"], echo), "foreign-seal"),
    (
        "the texts of a seal status",
        |echo| seal(&["nonce", "version", "cluster_name", "cluster_id", "storage_type"], echo),
        "joining",
    ),
    (
        "a trailer",
        |echo| {
            let head = "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked\r\nTrailer: X-Echo";
            raw(head, format!("6\r\n<html>\r\n0\r\nX-Echo: {}\r\n\r\n", line(echo)).as_bytes())
        },
        "",
    ),
    (
        "the extension of a chunk",
        |echo| {
            let head = "HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked";
            raw(head, format!("6;echo={}\r\n<html>\r\n0\r\n\r\n", line(echo)).as_bytes())
        },
        "",
    ),
    (
        "the size of a chunk",
        |echo| {
            raw("HTTP/1.1 500 Oops\r\nTransfer-Encoding: chunked", format!("{}\r\n", line(echo)).as_bytes())
        },
        "",
    ),
    (
        "an answer before the answer",
        |echo| {
            let early = format!("HTTP/1.1 103 Early Hints\r\nLink: {}\r\n\r\n", line(echo));
            Behaviour::Raw([early.as_bytes(), b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\n\r\n"].concat())
        },
        "",
    ),
    (
        "the target of a redirect",
        |echo| with_length(&format!("HTTP/1.1 307 There\r\nLocation: {}", line(echo)), ""),
        "",
    ),
    (
        "the path of a redirect",
        |echo| with_length(&format!("HTTP/1.1 307 There\r\nLocation: https://a.example/{}", line(echo)), ""),
        "",
    ),
    (
        "half an answer",
        |echo| raw("HTTP/1.1 200 OK\r\nContent-Length: 60000", echo.as_bytes()),
        "unreachable (the connection was closed",
    ),
    (
        "an answer without an end",
        |echo| {
            Behaviour::RawThenStall(format!("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n{echo}").into())
        },
        "joining",
    ),
    (
        "an answer that is too long",
        |echo| with_length("HTTP/1.1 200 OK", &format!("{echo}{}{echo}", " ".repeat(70_000))),
        "unreachable (the answer is larger",
    ),
];

/// What the daemon says of its nodes over the control socket.
fn nodes(home: &Home) -> String {
    let mut socket = UnixStream::connect(home.path("run/control.sock")).unwrap();
    socket.write_all(b"GET /v1/nodes HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

/// Runs a daemon over servers that answer a share with these, one each, and sees that nothing of it is shown.
fn nothing_is_shown(
    what: &str,
    shares: &[String],
    sentinel: &str,
    answers: Vec<(String, Behaviour)>,
    expected: &str,
) {
    let (forbidden, threshold) = (Forbidden::of(&shares[0], sentinel), shares.len());
    let servers: Vec<(String, Hostile)> = answers
        .into_iter()
        .map(|(name, answer)| {
            let server = Hostile::http();
            // There is one attempt: what comes of it stays for as long as the second question waits.
            server.on(HEALTH, [Behaviour::json(299, &health(true)), Behaviour::Stall]);
            server.on(SEAL_STATUS, [Behaviour::json(200, &sealed(threshold, 0, ""))]);
            server.on(UNSEAL, [answer]);
            (name, server)
        })
        .collect();
    let home = Home::new();
    home.shares(&lines(shares));
    let urls: Vec<String> = servers.iter().map(|(_, server)| server.url()).collect();
    let urls: Vec<&str> = urls.iter().map(String::as_str).collect();
    home.put(
        "config.toml",
        &format!(
            "log_level = \"trace\"\nslow_interval = \"1s\"\nretry_max = \"100ms\"\nunseal_timeout = \"1s\"\n{}",
            crate::support::home::cluster(&urls, "")
        ),
    );
    fs::create_dir(home.path("run")).unwrap();
    let mut notify = Notify::new();
    let mut command = home.command(&["run"]);
    command.env("RUNTIME_DIRECTORY", home.path("run")).env("NOTIFY_SOCKET", notify.path());
    let daemon = Daemon::start(&mut command);
    notify.wait_for("READY=1");
    for (name, server) in &servers {
        assert!(!server.wait_for(UNSEAL, 1).is_empty(), "{what}, {name}");
        server.wait_for(HEALTH, 2);
    }
    forbidden.assert_absent(&format!("{what}: the control socket"), &nodes(&home));
    for (_, server) in &servers {
        server.on(HEALTH, [Behaviour::json(299, &health(true))]);
    }
    for arguments in [&["status"][..], &["status", "--json"], &["wait", "--timeout", "1s"]] {
        let output = run(home.command(arguments).arg("--socket").arg(home.path("run/control.sock")));
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        forbidden.assert_absent(&format!("{what}: {arguments:?}"), &said);
    }
    let output = run(&mut home.command(&["check"]));
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    forbidden.assert_absent(&format!("{what}: check"), &said);
    let status: String = notify.assignments().into_iter().map(|line| line.text + "\n").collect();
    forbidden.assert_absent(&format!("{what}: STATUS="), &status);
    let said = daemon.output();
    forbidden.assert_absent(&format!("{what}: the log"), &said);
    for (url, (name, _)) in urls.iter().zip(&servers) {
        let told = |line: &str| line.contains(url) && line.contains(expected);
        let told = poll(PATIENCE, || daemon.output().lines().any(told).then_some(()));
        assert!(told.is_some(), "{what}, {name}: {expected}\n{said}");
    }
}

fn in_place(name: &str) {
    let shares = shares_of_nobody(1, 1);
    let sentinel = format!("zq{}", hex(&std::array::from_fn::<u8, 8, _>(|_| fastrand::u8(..))));
    let (what, answer, expected) =
        PLACES.iter().find(|place| place.0 == name).unwrap_or_else(|| panic!("{name}"));
    let answers = forms(&shares[0])
        .into_iter()
        .map(|(form, text)| (form.to_owned(), answer(&format!("{sentinel} {text} {sentinel}"))))
        .collect();
    nothing_is_shown(what, &shares, &sentinel, answers, expected);
}

/// A test for each place, so that they run beside each other and each is seen to fail.
macro_rules! places {
    ($($test:ident: $place:literal,)*) => {
        $(#[test] fn $test() { in_place($place); })*

        #[test]
        fn every_place_has_its_test() {
            let tested: HashSet<&str> = HashSet::from([$($place),*]);
            assert_eq!(tested, PLACES.iter().map(|place| place.0).collect());
        }
    };
}

places! {
    echo_in_the_reason_is_not_shown: "the reason of the status line",
    echo_in_a_header_is_not_shown: "the value of a header",
    echo_in_the_name_of_a_header_is_not_shown: "the name of a header",
    echo_in_the_length_is_not_shown: "the length",
    echo_that_is_no_http_is_not_shown: "no HTTP at all",
    echo_in_an_unknown_error_is_not_shown: "an error",
    echo_in_a_failed_round_is_not_shown: "an error of the server's own",
    echo_in_a_malformed_share_is_not_shown: "an error about the share itself",
    echo_in_the_page_of_a_proxy_is_not_shown: "the page of a proxy",
    echo_in_a_page_of_tls_is_not_shown: "a page of TLS",
    echo_in_a_page_that_succeeds_is_not_shown: "a page with code 200",
    echo_in_other_json_is_not_shown: "JSON of something else",
    echo_in_the_type_of_a_seal_is_not_shown: "the type of the seal",
    echo_in_a_seal_status_is_not_shown: "the texts of a seal status",
    echo_in_a_trailer_is_not_shown: "a trailer",
    echo_in_a_chunk_extension_is_not_shown: "the extension of a chunk",
    echo_in_a_chunk_size_is_not_shown: "the size of a chunk",
    echo_in_early_hints_is_not_shown: "an answer before the answer",
    echo_in_a_redirect_is_not_shown: "the target of a redirect",
    echo_in_the_path_of_a_redirect_is_not_shown: "the path of a redirect",
    echo_in_half_an_answer_is_not_shown: "half an answer",
    echo_in_an_endless_answer_is_not_shown: "an answer without an end",
    echo_in_a_long_answer_is_not_shown: "an answer that is too long",
}

#[test]
fn redirect_to_a_host_made_of_the_share_is_not_shown() {
    let (shares, sentinel) = (shares_of_nobody(2, 2), "zq-sentinel");
    let host = format!("{}.{}.example", &shares[0][..33], &shares[0][33..]);
    let location = format!("https://{host}:8200/{sentinel}");
    let answers = vec![("two labels".to_owned(), Behaviour::redirect(307, &location))];
    let expected = "unreachable (HTTP 307 redirect, not followed: shares go only to the node itself)";
    nothing_is_shown("a redirect", &shares, sentinel, answers, expected);
}
