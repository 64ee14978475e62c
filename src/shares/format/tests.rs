//! Every format that is read, every refusal, and that none of them shows a share.
//!
//! `samples/` holds what OpenBao 2.7.2 really printed; its keys belong to servers that are gone.

use super::*;
use crate::cluster::Scheme;
use crate::explain::Explain;
use crate::shares::ShareError;
use proptest::prelude::*;
use std::fmt::Write;

const CLI: &str = include_str!("samples/cli.json");
const TERMINAL: &str = include_str!("samples/terminal.txt");
const SINGLE: &str = include_str!("samples/api-single.json");
const AUTO_UNSEAL: &str = include_str!("samples/api-auto-unseal.json");
const ENCRYPTED: &str = include_str!("samples/pgp.json");
const RECORD: &str = include_str!("samples/init.typescript");
const YAML: &str = include_str!("samples/init.yaml");
const ROTATED: &str = include_str!("samples/rotate-keys.txt");
const ROTATED_YAML: &str = include_str!("samples/rotate-keys.yaml");
const ROTATED_JSON: &str = include_str!("samples/rotate-keys.json");
const REKEYED: &str = include_str!("samples/rekey.txt");
const REKEYED_TO_VERIFY: &str = include_str!("samples/rekey-verify.txt");
const REKEYED_TO_VERIFY_JSON: &str = include_str!("samples/rekey-verify.json");
const REKEYED_TO_VERIFY_YAML: &str = include_str!("samples/rekey-verify.yaml");
/// What OpenBao 2.7.2 answers to the last share of `rekey -verify`.
const VERIFIED: &str =
    "Rekey verification successful. The rekey operation is complete and the new\nkeys are now active.\n";
const RECOVERY: &str = include_str!("samples/recovery.txt");
const RECOVERY_ROTATED: &str = include_str!("samples/recovery-rotate-keys.txt");

/// The shares of a 2-of-3 server, in hex.
const A: &str = "2c4bff69347f1f9f4fa7c30b26a6196c5de52bb242815db98df815b1b87a68a5d5";
const B: &str = "68d4f56617e18473817de4a7263adf515f816f5e6d06f0e9ffb54c73961dded33b";
const C: &str = "d11c39ccd837344e6d12535b26d0c3d163d5d6632ac512d314e29817cf6b15403a";
/// The first two in base64, as the same server took them.
const A64: &str = "LEv/aTR/H59Pp8MLJqYZbF3lK7JCgV25jfgVsbh6aKXV";
const B64: &str = "aNT1ZhfhhHOBfeSnJjrfUV+Bb15tBvDp/7VMc5Yd3tM7";
/// The key of a 1-of-1 server.
const BARE: &str = "5d8c096755ca4cc3057f68e491cee38eb6bc181df50011fcaf6c6e7fe663ec3b";
const BARE64: &str = "XYwJZ1XKTMMFf2jkkc7jjra8GB31ABH8r2xuf+Zj7Ds=";

fn origin() -> ShareSource {
    ShareSource::File("/etc/vault-unseal/shares.json".into())
}

/// The shares in hex, as the server would see them, and the notices.
fn read(bytes: &[u8]) -> Result<(Vec<String>, Vec<Notice>), ContentRefusal> {
    let loaded = parse(bytes, &origin())?;
    let key = |share: &Share| {
        let request = share.unseal_request();
        let text = std::str::from_utf8(&request).unwrap();
        text.strip_prefix("{\"key\":\"").unwrap().strip_suffix("\"}").unwrap().to_owned()
    };
    Ok((loaded.shares.iter().map(key).collect(), loaded.notices))
}

#[test]
#[expect(clippy::too_many_lines, reason = "a table")]
fn every_format_gives_the_same_shares() {
    let (upper, unpadded) = (A.to_uppercase(), BARE64.trim_end_matches('='));
    let both = vec![A, B];
    let accepted: Vec<(&str, String, Vec<&str>)> = vec![
        ("array, hex", format!("[\"{A}\",\"{B}\"]"), both.clone()),
        ("array, base64", format!("[\n  \"{A64}\",\n  \"{B64}\"\n]\n"), both.clone()),
        ("array, upper case beside base64", format!("[\"{upper}\", \"{B64}\"]"), both.clone()),
        ("array, spaces in the string", format!("[\" {A}\", \"{B} \"]"), both.clone()),
        ("hex list alone", format!("{{\"unseal_keys_hex\": [\"{A}\",\"{B}\"]}}"), both.clone()),
        ("base64 list alone", format!("{{\"unseal_keys_b64\": [\"{A64}\",\"{B64}\"]}}"), both.clone()),
        ("API, one list", format!("{{\"keys\": [\"{A}\",\"{B}\"]}}"), both.clone()),
        ("API, two lists", format!("{{\"keys\":[\"{A}\"],\"keys_base64\":[\"{A64}\"]}}"), vec![A]),
        ("empty beside filled", format!("{{\"keys\":[\"{A}\"],\"keys_base64\":null}}"), vec![A]),
        ("other members", format!("{{\"keys\":[\"{A}\"],\"n\":-1.5e3,\"x\":{{\"y\":[true]}}}}"), vec![A]),
        ("text, hex", format!("{A}\n{B}\n"), both.clone()),
        ("text, no newline at the end", A.to_owned(), vec![A]),
        ("text, base64, CRLF", format!("{A64}\r\n{B64}\r\n"), both.clone()),
        ("text, comments and blanks", format!("# site 1\n\n  {A}\t\n  # site 2\n{B64}\n"), both.clone()),
        ("text, byte order mark", format!("\u{feff}{A}\n{B}\n"), both.clone()),
        ("JSON, byte order mark", format!("\u{feff}\r\n{{\"keys\":[\"{A}\"]}}\r\n"), vec![A]),
        ("text, labels", format!("Unseal Key 1: {A64}\nUnseal Key 2: {B64}\n"), both.clone()),
        ("text, labels of old versions", format!("Key 1: {A}\nUnseal Key 2 (hex): {B}\n"), both.clone()),
        (
            "text, in a list",
            format!("Notes of 2023:\n- Unseal Key 1: {A64}\n- Unseal Key 2: '{B64}'\n"),
            both.clone(),
        ),
        (
            "variables",
            format!("VAULT_ADDR=https://a:8200\nexport VAULT_UNSEAL_KEY_1={A64}\nVAULT_UNSEAL_KEY_2='{B}'\n"),
            both.clone(),
        ),
        (
            "variables of a unit",
            format!(
                "[Service]\nEnvironment=\"VAULT_UNSEAL_KEY_1={A}\"\nEnvironment=VAULT_UNSEAL_KEY_2={B}\n"
            ),
            both.clone(),
        ),
        ("one variable", format!("VAULT_UNSEAL_KEYS=\"{A64},{B64}\"\n"), both.clone()),
        ("a list behind a name", format!("Notes of 2023\nUnseal keys: {A64}, {B64}\n"), both.clone()),
        (
            "TOML",
            format!("[vault]\naddress = \"https://a:8200\"\nunseal_keys = [ \"{A64}\", \"{B}\" ]\n"),
            both.clone(),
        ),
        ("TOML without blanks", format!("unseal_keys=['{A}','{B}']\n"), both.clone()),
        ("a padded variable", format!("UNSEAL_KEY={BARE64}\nUNSEAL_KEY_THRESHOLD=1\n"), vec![BARE]),
        (
            "JSON, unseal_keys",
            format!("{{\"unseal_keys\": [\"{A64}\",\"{B}\"], \"note\": \"site 1\"}}"),
            both.clone(),
        ),
        ("JSON, one string", format!("{{\"unseal_key\": \"{BARE64}\"}}"), vec![BARE]),
        (
            "JSON, camel case below",
            format!("{{\"vault\": {{\"unsealKeys\": [\"{A}\",\"{B}\"]}}}}"),
            both.clone(),
        ),
        ("JSON, names on the way", format!("{{\"unseal\": {{\"keys\": [\"{A}\",\"{B}\"]}}}}"), both.clone()),
        (
            "JSON, objects",
            format!(
                "{{\"unseal_keys\": [{{\"name\":\"alice\",\"key\":\"{A}\"}},{{\"name\":\"bob\",\"key\":\"{B}\"}}]}}"
            ),
            both.clone(),
        ),
        (
            "JSON, objects of the API's list",
            format!("{{\"keys\": [{{\"key\":\"{A}\"}},{{\"key\":\"{B}\"}}]}}"),
            both.clone(),
        ),
        (
            "JSON, bare objects",
            format!("[{{\"unseal_key\":\"{A}\"}},{{\"unseal_key\":\"{B}\"}}]"),
            both.clone(),
        ),
        (
            "JSON, objects in two encodings",
            format!(
                "{{\"shares\": [{{\"hex\":\"{A}\",\"b64\":\"{A64}\"}},{{\"hex\":\"{B}\",\"b64\":\"{B64}\"}}]}}"
            ),
            both.clone(),
        ),
        ("JSON, a map", format!("{{\"unseal_keys\": {{\"alice\":\"{A}\",\"bob\":\"{B}\"}}}}"), both.clone()),
        (
            "JSON, numbered members",
            format!("{{\"unseal_key_1\":\"{A}\",\"unseal_key_2\":\"{B}\"}}"),
            both.clone(),
        ),
        (
            "JSON, the printed labels",
            format!("{{\"Unseal Key 1\":\"{A}\",\"Unseal Key 2\":\"{B}\"}}"),
            both.clone(),
        ),
        (
            "JSON, a checksum beside",
            format!("{{\"unseal_keys\":[\"{A}\",\"{B}\"],\"sha256\":\"{BARE}\"}}"),
            both.clone(),
        ),
        (
            "JSON, the same elsewhere",
            format!("{{\"unseal_keys\":[\"{A}\",\"{B}\"],\"old\":\"{A64}\"}}"),
            both.clone(),
        ),
        (
            "YAML by hand",
            format!(
                "---\n# site 1\nvault:\n  unseal_keys:   # all\n    - \"{A}\"\n    - '{B64}' # bob\n  threshold: 2\n"
            ),
            both.clone(),
        ),
        (
            "YAML, objects",
            format!("unseal_keys:\n  - name: alice\n    key: {A}\n  - name: bob\n    key: {B64}\n"),
            both.clone(),
        ),
        (
            "the configuration of lrstanley's vault-unseal",
            format!(
                "---\nvault_nodes:\n  - https://1.2.3.4:8200\nunseal_tokens:\n  - {A}\n  - {B64} # second\ntls:\n  ca_cert: |\n    \
                 -----BEGIN CERTIFICATE-----\n    x: y\nnotify:\n  urls:\n    - \"slack://token@channel?color=good\"\n"
            ),
            both.clone(),
        ),
        ("YAML, in brackets", format!("unseal_keys: [{A64}, \"{B64}\"]\n"), both.clone()),
        ("YAML, a map", format!("unseal_keys:\n  alice: {A}\n  bob: {B}\nother: {{}}\n"), both.clone()),
        (
            "a copy of a narrow window",
            format!(
                "Unseal Key 1: {}\n{}\nUnseal Key 2: {B64}\n",
                A.get(..60).unwrap(),
                A.get(60..).unwrap()
            ),
            both.clone(),
        ),
        (
            "a prompt in brackets",
            format!(
                "[root@host ~]# bao operator init\r\nUnseal Key 1: {A64}\r\nUnseal Key 2: {B64}\r\n[root@host ~]# bao operator unseal {A64}\r\n"
            ),
            both.clone(),
        ),
        (
            "JSON recorded",
            format!(
                "Script started on 2026-11-27 [COMMAND=\"x\"]\n\x1b[0m{{\"keys\": [\"{A}\",\"{B}\"]}}\x1b[0m\r\n\nScript done on 2026-11-27\n"
            ),
            both,
        ),
        ("bare key, hex", BARE.to_owned(), vec![BARE]),
        ("bare key, base64", BARE64.to_owned(), vec![BARE]),
        ("bare key, base64 without padding", unpadded.to_owned(), vec![BARE]),
    ];
    for (name, text, shares) in accepted {
        let (found, notices) = read(text.as_bytes()).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!(found, shares, "{name}");
        assert_eq!(notices, [], "{name}");
    }
}

#[test]
fn what_real_servers_print_is_read_and_the_root_token_noticed() {
    let token = |json| vec![Notice::RootToken { origin: origin(), json }];
    let (shares, notices) = read(CLI.as_bytes()).unwrap();
    assert_eq!((shares.len(), notices), (5, token(true)));
    assert_eq!(shares[4], "0fec9d666c0870a47462ad2a530a8a5f2175b17df3ea9199e548c5ed26f7b335d7");

    let (shares, notices) = read(TERMINAL.as_bytes()).unwrap();
    assert_eq!((shares.len(), notices), (5, token(false)));
    assert_eq!(shares[1], "38cad1af99493062812239388648ab537b3e722dad76f9063b61a412282e225a36");

    assert_eq!(read(SINGLE.as_bytes()).unwrap(), (vec![BARE.to_owned()], token(true)));

    let unverified = || vec![Notice::Unverified(origin())];
    let verified = format!("{REKEYED_TO_VERIFY}\n{VERIFIED}");
    for (name, text, first, notices) in [
        ("a record of script(1)", RECORD, "eecb2176", token(false)),
        ("YAML of init", YAML, "22257b55", token(true)),
        ("rotate-keys", ROTATED, "6a0979f3", vec![]),
        ("YAML of rotate-keys", ROTATED_YAML, "5196db35", vec![]),
        ("JSON of rotate-keys", ROTATED_JSON, "3a4f1da4", vec![]),
        ("rekey", REKEYED, "8fa3549e", vec![]),
        ("rekey to be verified", REKEYED_TO_VERIFY, "dd578e98", unverified()),
        ("rekey to be verified, JSON", REKEYED_TO_VERIFY_JSON, "68d5c10f", unverified()),
        ("rekey to be verified, YAML", REKEYED_TO_VERIFY_YAML, "5ff54359", unverified()),
        ("rekey that was verified", &verified, "dd578e98", vec![]),
    ] {
        let (shares, told) = read(text.as_bytes()).unwrap_or_else(|refusal| panic!("{name}: {refusal}"));
        assert_eq!((shares.len(), told), (3, notices), "{name}");
        assert!(shares[0].starts_with(first), "{name}: {}", shares[0]);
    }
    let scheme = |text: &str| parse(text.as_bytes(), &origin()).unwrap().shares.scheme();
    assert_eq!(scheme(YAML), Some(Scheme { threshold: 2, total: 3 }));
    assert_eq!(scheme(RECORD), None);
    let beside = format!("Initial Root Token: s.wiqHOI19eqSAuSbnY3D2O7pd\n{A}\n");
    assert_eq!(read(beside.as_bytes()).unwrap(), (vec![A.to_owned()], token(false)));
}

#[test]
fn recovery_keys_beside_shares_are_noticed_and_not_among_them() {
    for text in [
        format!("Unseal Key 1: {A64}\nRecovery Key 1: {B64}\n"),
        format!("{{\"unseal_keys_b64\": [\"{A64}\"], \"recovery_keys_b64\": [\"{B64}\"]}}"),
        format!("{ROTATED}\n{RECOVERY_ROTATED}"),
        format!("{RECOVERY_ROTATED}\n{ROTATED}"),
    ] {
        let (shares, notices) = read(text.as_bytes()).unwrap();
        assert!(!shares.contains(&B.to_owned()) && !shares.iter().any(|share| share.starts_with("c8c1093d")));
        assert_eq!(notices, [Notice::RecoveryKeys(origin())], "{text}");
    }
}

#[test]
fn the_same_share_twice_counts_once_and_is_noticed() {
    let loaded = parse(format!("{A}\n{B}\n{A64}\n{C}\n{A}\n{B}\n").as_bytes(), &origin()).unwrap();
    let positions: Vec<usize> = loaded.shares.iter().map(Share::position).collect();
    assert_eq!(positions, [1, 2, 4], "positions are those of the file");
    let copies = |positions: &[usize]| Notice::Duplicate(origin(), positions.into());
    assert_eq!(loaded.notices, [copies(&[1, 3, 5]), copies(&[2, 6])]);
}

#[test]
fn notices_say_what_to_do() {
    let odd = ShareSource::File("/srv/my keys/shares.json".into());
    let mut text = String::new();
    for notice in [
        Notice::RootToken { origin: origin(), json: true },
        Notice::RootToken { origin: odd, json: false },
        Notice::RootToken { origin: ShareSource::Credential("shares".into()), json: true },
        Notice::RecoveryKeys(origin()),
        Notice::Unverified(origin()),
        Notice::Duplicate(origin(), vec![1, 3, 5]),
    ] {
        writeln!(text, "{}\n  {notice}\n  {}", notice.kind(), notice.advice().unwrap()).unwrap();
    }
    snapbox::assert_data_eq!(text, snapbox::file!["samples/notices.snapshot"]);
}

/// What is refused: a name, and the bytes.
#[expect(clippy::too_many_lines, reason = "a table")]
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let zero = format!("{}00", A.get(..64).unwrap());
    let clash = format!("{}d5", B.get(..64).unwrap());
    let twice = "TEV2L2FUUi9INTlQcDhNTEpxWVpiRjNsSzdKQ2dWMjVqZmdWc2JoNmFLWFY="; // base64 of A64
    let hex_in_base64 =
        "MmM0YmZmNjkzNDdmMWY5ZjRmYTdjMzBiMjZhNjE5NmM1ZGU1MmJiMjQyODE1ZGI5OGRmODE1YjFiODdhNjhhNWQ1";
    let encrypted: serde_json::Value = serde_json::from_str(ENCRYPTED).unwrap();
    let encrypted_share = encrypted["unseal_keys_b64"][0].as_str().unwrap();
    let many: Vec<String> = (1..=256).map(|number| format!("{number:066x}")).collect();
    let text = |name, text: &str| (name, text.as_bytes().to_vec());
    vec![
        text("nothing", ""),
        text("white space", " \r\n\t\n"),
        text("byte order mark alone", "\u{feff}\n"),
        text("comments alone", "# no share\n\n#and none here\n"),
        ("binary", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec()),
        ("UTF-16", format!("\u{feff}{A}").encode_utf16().flat_map(u16::to_le_bytes).collect()),
        ("invalid UTF-8", [A.as_bytes(), b"\n# caf\xe9\n"].concat()),
        text("truncated JSON", &format!("{{\n  \"keys\": [\n    \"{A}\",\n    \"68d4f566")),
        text("truncated array", &format!("[\"{A}\",")),
        text("no comma", &format!("{{\"keys\": [\"{A}\" \"{B}\"]}}")),
        text("text behind JSON", &format!("[\"{A}\"]\n{B}\n")),
        text("share without quotes", &format!("{{\"keys\": [{A}]}}")),
        text("deep JSON", &"[".repeat(10_000)),
        text("escape", &format!("{{\n\"keys\": [\"{}\"]}}", A64.replace('/', "\\/"))),
        text("member twice", &format!("{{\"keys\": [\"{A}\"],\n \"keys\": [\"{B}\"]}}")),
        text("two documents", &format!("{ROTATED_JSON}{ROTATED_JSON}")),
        text("number for a list", "{\"unseal_keys_b64\": 5}"),
        text("number for a share", &format!("{{\"keys\": [\"{A}\", 6814]}}")),
        text("object for a share", &format!("[\"{A}\", {{\"key\": \"{B}\"}}]")),
        text("no member known", &format!("{{\"{A}\": [\"{B}\"]}}")),
        text(
            "object without a share",
            &format!("{{\"unseal_keys\": [{{\"key\": \"{A}\"}}, {{\"name\": \"bob\"}}]}}"),
        ),
        text("shares under another name", &format!("{{\"data\": {{\"foo\": [\"{A}\", \"{B}\", \"{C}\"]}}}}")),
        text("one share under another name", &format!("{{\"password\": \"{A64}\"}}")),
        text("objects under another name", &format!("[{{\"key\": \"{A64}\"}}, {{\"key\": \"{B64}\"}}]")),
        text(
            "shares beside shares",
            &format!("{{\"unseal_keys\": [\"{A}\"], \"backup\": [\"{B}\", \"{C}\"]}}"),
        ),
        text(
            "a token and shares under another name",
            &format!("{{\"root_token\": \"hvs.CAESIJ2vD8s1nHw6Y\", \"foo\": [\"{A}\"]}}"),
        ),
        text(
            "a variable of another name",
            &format!("VAULT_TOKEN=hvs.CAESIJ2vD8s1nHw6Y\nDATABASE_KEY={A64}\nBACKUP_KEY={B64}\n"),
        ),
        text("a line of another name", &format!("Unseal Key 1: {A64}\nfrom the safe: {B64}\n")),
        text("a line without a name beside names", &format!("Unseal Key 1: {A64}\n{B64}\n")),
        text(
            "a share with an error under another name",
            &format!("Unseal Key 1: {A64}\nUnsel Key 2: {}\n", B64.get(..41).unwrap()),
        ),
        text("YAML under another name", &format!("data:\n  foo:\n  - {A}\n  - {B}\n")),
        text("YAML with an anchor", &format!("unseal_keys: &all\n- {A}\n")),
        text("YAML of several lines", &format!("unseal_keys:\n- >\n  {A}\n")),
        text("variables without shares", "VAULT_ADDR=https://vault.home:8200\nVAULT_CACERT=/etc/ca.crt\n"),
        text("init and rekey", &format!("{TERMINAL}\n{REKEYED}")),
        text(
            "init and rekey in JSON",
            &format!(
                "{{\"init\": {{\"unseal_keys\": [\"{A}\"]}}, \"rekey\": {{\"unseal_keys\": [\"{B}\"]}}}}"
            ),
        ),
        text("variables that differ", &format!("VAULT_UNSEAL_KEY_1={A64}\nVAULT_UNSEAL_KEY_1={B64}\n")),
        text("recovery keys as printed", RECOVERY),
        text("recovery keys of rotate-keys", RECOVERY_ROTATED),
        text("empty list", "{\"keys\": [], \"keys_base64\": []}"),
        text("empty array", "[]"),
        text("root token alone, JSON", "{\"root_token\": \"hvs.CAESIJ2vD8s1nHw6Y\"}"),
        text("root token alone, text", "hvs.CAESIJ2vD8s1nHw6Y\n"),
        text("root token alone, old", "s.wiqHOI19eqSAuSbnY3D2O7pd\n"),
        text("root token alone, labelled", "Initial Root Token: s.wiqHOI19eqSAuSbnY3D2O7pd\n"),
        text("token among shares", &format!("{A}\nhvb.AAAAAQJ2vD8s1nHw6Y\n")),
        text("recovery keys, JSON", AUTO_UNSEAL),
        text("recovery keys, text", &format!("Recovery Key 1: {A64}\n\nSuccess! Vault is initialized\n")),
        text("PGP, JSON", ENCRYPTED),
        text("PGP, one line", encrypted_share),
        text("a record, cut", RECORD.get(..RECORD.find("Unseal Key 2").unwrap() + 44).unwrap()),
        text("PGP, fingerprints", &format!("{{\"keys\": [\"{A}\"], \"pgp_fingerprints\": [\"91a6\"]}}")),
        text(
            "PGP, armour",
            "-----BEGIN PGP MESSAGE-----\n\nwcBMA4olXgenksvIAQf\n-----END PGP MESSAGE-----\n",
        ),
        ("PGP, binary", [b"\xc1\xc0\x4c\x03".as_slice(), &[0x8a; 200]].concat()),
        ("gpg -c", include_bytes!("samples/gpg-symmetric.gpg").to_vec()),
        ("gpg -c -a", include_bytes!("samples/gpg-symmetric.asc").to_vec()),
        ("age", include_bytes!("samples/age.age").to_vec()),
        ("age, armour", include_bytes!("samples/age-armour.txt").to_vec()),
        ("age, passphrase", include_bytes!("samples/age-passphrase.age").to_vec()),
        ("age, passphrase, armour", include_bytes!("samples/age-passphrase-armour.txt").to_vec()),
        ("ansible-vault", include_bytes!("samples/ansible-vault.txt").to_vec()),
        ("ansible-vault, a value", include_bytes!("samples/ansible-vault.yaml").to_vec()),
        ("sops, JSON", include_bytes!("samples/sops.json").to_vec()),
        ("sops, YAML", include_bytes!("samples/sops.yaml").to_vec()),
        ("sops, text", include_bytes!("samples/sops-binary.json").to_vec()),
        ("sops, variables", include_bytes!("samples/sops.env").to_vec()),
        ("sops, sections", include_bytes!("samples/sops.ini").to_vec()),
        ("sops, JSON with a member data", include_bytes!("samples/sops-data.json").to_vec()),
        ("systemd-creds", include_bytes!("samples/credential.cred").to_vec()),
        ("openssl enc", include_bytes!("samples/openssl.enc").to_vec()),
        ("openssl enc -a", include_bytes!("samples/openssl.b64").to_vec()),
        ("openssl enc -a -A", include_str!("samples/openssl.b64").replace('\n', "").into_bytes()),
        text(
            "a file for tpm2",
            "{\n  \"format\": \"vault-unseal-tpm2\",\n  \"version\": 1,\n  \"shares\": 5\n}\n",
        ),
        text("base64 of base64", twice),
        text("base64 of hex", &format!("[\"{A}\", \"{hex_in_base64}\"]")),
        text("not a share", &format!("{A}\n# next\n  my-password\n")),
        text("two on a line", &format!("{A} {B}\n")),
        text("two with a comma", &format!("{A},{B}\n")),
        text("numbered", &format!("1) {A64}\n2) {B64}\n")),
        text("two in a list, one cut", &format!("Unseal keys: {A64}, {}\n", B64.get(..41).unwrap())),
        text("two in a list, one empty", &format!("unseal_keys = [\"{A64}\", \"\"]\n")),
        text("an empty list in TOML", "unseal_keys = []\n"),
        text("TOML of several lines", &format!("unseal_keys = [\n  \"{A}\",\n  \"{B}\",\n]\n")),
        text("label without share", "Unseal Key 1:\n"),
        text("sentence without labels", &format!("{A}\nVault initialized with 5 key shares\n")),
        text("typing error in a printed label", &format!("Unseal Key 1: {A64}\nUnsel Key 2: {B64}\n")),
        text("hex cut by one digit", A.get(..65).unwrap()),
        text("base64 cut", A64.get(..41).unwrap()),
        text("too short", "abababababababababababababab\n"),
        text("too long", &format!("{A}ff\n")),
        text("empty string", "[\"\"]"),
        text("too many", &many.join("\n")),
        text("too many in JSON", &format!("[\"{}\"]", many.join("\",\""))),
        text(
            "lists that differ",
            &format!("{{\"keys\":[\"{A}\",\"{B}\"],\"keys_base64\":[\"{A64}\",\"{A64}\"]}}"),
        ),
        text(
            "lists of unequal count",
            &format!("{{\"keys\":[\"{A}\",\"{B}\"],\"keys_base64\":[\"{A64}\"]}}"),
        ),
        text("unequal lengths", &format!("{A}\n{BARE}\n")),
        text("x is zero", &format!("{B}\n{zero}\n")),
        text("conflict", &format!("{A}\n{B}\n{clash}\n")),
    ]
}

/// All that a user can be shown of a refusal.
fn shown(cause: ContentRefusal) -> String {
    let debug = format!("{cause:?}");
    let error = ShareError::Content(origin(), cause);
    assert!(!format!("{error:?}").is_empty() && !debug.is_empty());
    format!("{}\n  {error}\n  {}", error.kind(), error.advice().unwrap())
}

#[test]
fn every_refusal_says_what_is_wrong_where_and_what_to_do() {
    let mut text = String::new();
    for (name, bytes) in refused() {
        let refusal = read(&bytes).expect_err(name);
        writeln!(text, "[{name}] {}\n", shown(refusal)).unwrap();
    }
    snapbox::assert_data_eq!(text, snapbox::file!["samples/refusals.snapshot"]);
}

#[test]
fn a_share_damaged_into_a_piece_of_the_path_is_not_called_shown() {
    let file = br#"{"unseal_keys_b64": ["LEv/aTR/H59Pp8MLJqYZbFl/shares"]}"#;
    assert_secret(file, &read(file).expect_err("damaged"), "damaged");
}

#[test]
fn no_refusal_shows_a_share() {
    for (name, bytes) in refused() {
        let refusal = read(&bytes).expect_err(name);
        assert_secret(&bytes, &refusal, name);
    }
}

/// No run of 8 characters of anything that looks like a share, or is one in another encoding.
fn assert_secret(source: &[u8], refusal: &ContentRefusal, name: &str) {
    let text = format!("{refusal:?}\n{}", shown(refusal.clone())).to_lowercase();
    // The path is ours: a share that runs into `shares` can spell a piece of it.
    let text = text.replace("/etc/vault-unseal/shares.json", "");
    let source = String::from_utf8_lossy(source).to_lowercase();
    let ours = [A, B, C, A64, B64, BARE, BARE64].map(str::to_lowercase);
    let words = source.split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)));
    let long = words.filter(|word| word.len() >= 20).chain(ours.iter().map(String::as_str));
    for word in long {
        for run in word.as_bytes().windows(8) {
            let run = std::str::from_utf8(run).unwrap();
            // A damaged file may join a name to a share, and the message has the name's word of its own.
            assert!(run == "recovery" || !text.contains(run), "{name}: {run} in {text}");
        }
    }
}

/// A file that is right, and something done to it.
fn mutated() -> impl Strategy<Value = Vec<u8>> {
    let text = format!("Unseal Key 1: {A64}\r\n# two\n{B}\n");
    let recorded = [CLI, TERMINAL, SINGLE, RECORD, YAML, ROTATED, ROTATED_YAML, RECOVERY_ROTATED];
    let variables = format!("export VAULT_UNSEAL_KEY_1={A64}\nVAULT_UNSEAL_KEYS='{B},{C}'\n");
    let objects = format!("{{\"unseal_keys\": [{{\"name\": \"x\", \"key\": \"{A}\"}}], \"foo\": \"{B}\"}}");
    let files: Vec<String> = recorded
        .map(str::to_owned)
        .into_iter()
        .chain([text, variables, objects, format!("[\"{A}\", \"{B}\"]")])
        .collect();
    let place = any::<proptest::sample::Index>;
    (proptest::sample::select(files), place(), place(), any::<Vec<u8>>(), 0..5u8).prop_map(
        |(file, from, to, bytes, what)| {
            let mut file = file.into_bytes();
            let (from, to) = (from.index(file.len()), to.index(file.len()));
            let (from, to) = (from.min(to), from.max(to));
            match what {
                0 => file.truncate(from),
                1 => drop(file.drain(from..to)),
                2 => drop(file.splice(from..from, bytes)),
                3 => file[from] ^= 1 << (to % 8),
                _ => drop(file.splice(from..to, bytes)),
            }
            file
        },
    )
}

/// A name of letters, digits and signs that says nothing of shares, and a text around it in which A stands under it.
fn under_another_name() -> impl Strategy<Value = (String, String)> {
    let name = "[a-z]{1,8}([_.-][a-z]{1,8}){0,2}".prop_filter("says nothing", |name| {
        let said = found::NameMeaning::of(name);
        !said.is_share() && !said.is_recovery() && !["keys", "key"].contains(&name.as_str())
    });
    let noise = "[a-z]{1,9}";
    (name, noise, any::<bool>(), any::<bool>(), 0..12u8).prop_map(|(name, noise, base64, beside, shape)| {
        let share = if base64 { A64 } else { A };
        let other = if beside { B } else { "" };
        let document = |inner: &str| {
            if beside {
                format!("{{\"unseal_keys\": [\"{other}\"], {inner}}}")
            } else {
                format!("{{{inner}}}")
            }
        };
        let labelled = |inner: &str| {
            if beside { format!("Unseal Key 7: {other}\n{noise}\n{inner}\n") } else { format!("{inner}\n") }
        };
        let text = match shape {
            0 => document(&format!("\"{name}\": \"{share}\"")),
            1 => document(&format!("\"{name}\": [\"{share}\"]")),
            2 => document(&format!("\"{noise}\": {{\"{name}\": [\"{share}\"]}}")),
            3 => document(&format!("\"{noise}\": [{{\"{name}\": \"{share}\"}}]")),
            4 => labelled(&format!("{name}: {share}")),
            5 => labelled(&format!("{noise} {name} : \"{share}\"")),
            6 => labelled(&format!("{}={share}", name.replace(['.', '-'], "_"))),
            7 => labelled(&format!("export {}='{share}'", name.replace(['.', '-'], "_").to_uppercase())),
            8 => labelled(&format!("\x1b[1m{name}:\x1b[0m {share}\r")),
            9 => format!("{name}:\n- {share}\n"),
            10 => format!("{noise}:\n  {name}: {share}\nx:\n- 1\n"),
            _ => format!("unseal_keys:\n- {B}\n{name}:\n  - {noise}: {share}\n"),
        };
        (name, text)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn a_share_under_another_name_is_never_read_and_always_named((name, text) in under_another_name()) {
        let refusal = match read(text.as_bytes()) {
            Ok((shares, _)) => return Err(TestCaseError::fail(format!("{} shares of {name} in {text}", shares.len()))),
            Err(refusal) => refusal,
        };
        prop_assert_eq!(refusal.explained(&ShareSource::File("-".into())).0, "shares-under-other-name", "{}", text);
        // The text would be taken for secrets as a whole: `name=share` is one word.
        assert_secret(b"", &refusal, &name);
    }

    #[test]
    fn garbage_around_shares_never_panics_and_adds_none(before in "[ -~\n\r\x1b]{0,60}", after in "[ -~\n\r\x1b]{0,60}") {
        let text = format!("{before}\nUnseal Key 1: {A64}\n{after}\nUnseal Key 2: {B64}\n{after}");
        match read(text.as_bytes()) {
            Ok((shares, _)) => prop_assert!(shares.iter().all(|share| share == A || share == B), "{text}"),
            Err(refusal) => assert_secret(b"", &refusal, "garbage"),
        }
    }

    #[test]
    fn damaged_files_never_panic_and_never_show_a_share(bytes in mutated()) {
        if let Err(refusal) = read(&bytes) {
            assert_secret(&bytes, &refusal, "mutated");
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in any::<Vec<u8>>(), json in any::<bool>()) {
        let bytes = if json { [b"{\"keys\":[\"", bytes.as_slice(), b"\"]}"].concat() } else { bytes };
        if let Err(refusal) = read(&bytes) {
            assert_secret(&bytes, &refusal, "arbitrary");
        }
    }
}
