//! What `check` says of shares that are sealed to a TPM or encrypted as a credential: from the files, and from the unit.

use std::fs;
use std::os::unix::fs::MetadataExt;

use base64ct::{Base64, Encoding};
use serde_json::json;
use vault_unseal::cli::Exit;
use vault_unseal::shares::tpm::{Blob, BoundPcrs, PcrBank};

use crate::files::{CONFIG, Files, SHARES, chmod, configuration, shut};
use crate::support::home::{lines, shares_of_nobody};
use crate::{Normal, is_as_in};

const SEALED: &str = "/etc/vault-unseal/shares.tpm2";
const CREDENTIAL: &str = "/etc/vault-unseal/shares.cred";
const DROP_IN: &str = "/etc/systemd/system/vault-unseal.service.d/tpm2.conf";
const TPM2: &str = include_str!("../../systemd/examples/tpm2.conf");
/// The id of the host key (systemd-creds).
const HOST: &str = "5a1c6a86df9d4096b1d5a65e0862f19a";
const DEVICE: &str = "/dev/tpmrm0";

/// A file as the helper writes it, that no TPM will ever open.
fn sealed(pcrs: Option<&[(u8, u8)]>) -> String {
    let pcrs = pcrs.map(|values| BoundPcrs {
        bank: PcrBank::Sha256,
        values: values.iter().map(|(number, byte)| (*number, vec![*byte; 32])).collect(),
        policy: [7; 32],
    });
    let blob = Blob {
        shares: 3,
        primary: [1; 34],
        pcrs,
        public: vec![2; 40],
        private: vec![3; 40],
        nonce: [4; 12],
        ciphertext: vec![5; 200],
    };
    String::from_utf8(blob.render()).unwrap()
}

/// An encrypted credential up to where its keys are told.
fn encrypted(id: &str, pcrs: &[u8]) -> String {
    let mut bytes = base16ct::lower::decode_vec(id).unwrap();
    for size in [32_u32, 1, 12, 16] {
        bytes.extend(size.to_le_bytes());
    }
    bytes.extend([0xee; 12]);
    bytes.resize(48, 0);
    bytes.extend(pcrs.iter().fold(0, |mask, pcr| mask | 1_u64 << pcr).to_le_bytes());
    bytes.extend([0x0b, 0x00, 0x23, 0x00]);
    Base64::encode_string(&bytes)
}

/// What was said under each title, without what is the same everywhere.
struct Story<'a> {
    files: &'a Files,
    normal: Normal,
    text: String,
}

impl Story<'_> {
    fn tell(&mut self, title: &str, as_root: bool) {
        let said = self.normal.text(&self.files.said(as_root));
        self.text = std::mem::take(&mut self.text) + "# " + title + "\n";
        let same = |line: &&str| {
            !line.contains("configuration  ") && !line.contains("http://") && !line.starts_with("exit")
        };
        self.text.extend(said.lines().filter(same).map(|line| line.to_owned() + "\n"));
    }
}

/// A machine whose TPM belongs to a group `tss`, with the helper.
fn put_tpm(files: &Files) {
    files.put(DEVICE, "", 0o660);
    let group = fs::metadata(files.at(DEVICE)).unwrap().gid();
    files.put("/etc/group", &format!("tss:x:{group}:\n"), 0o644);
    files.put("/usr/libexec/vault-unseal/vault-unseal-tpm", "", 0o755);
}

#[test]
fn a_file_that_the_tpm_sealed() {
    let server = shut();
    let files = Files::new();
    let url = server.url();
    let normal = Normal::default().servers([url.as_str()]);
    let mut story = Story { files: &files, normal, text: String::new() };
    files.put(CONFIG, &configuration(&server, &format!("shares = {{ tpm2 = \"{SEALED}\" }}")), 0o644);
    story.tell("nothing is there", true);
    put_tpm(&files);
    files.put(SEALED, &sealed(None), 0o600);
    story.tell("no drop-in", true);
    files.put("/usr/share/doc/vault-unseal/examples/tpm2.conf", TPM2, 0o644);
    story.tell("no drop-in, the package's documentation", true);
    files.put(DROP_IN, TPM2, 0o644);
    story.tell("the drop-in", true);
    assert_eq!(files.check(true).exit(), Exit::Done);
    for line in ["BindPaths=", "DeviceAllow=", "SupplementaryGroups=", "LoadCredential="] {
        let without: Vec<&str> = TPM2.lines().filter(|known| !known.starts_with(line)).collect();
        files.put(DROP_IN, &without.join("\n"), 0o644);
        story.tell(&format!("the drop-in without {line}"), true);
        assert_eq!(files.check(true).exit(), Exit::Problems, "{line}");
    }
    files.put(DROP_IN, &TPM2.replace("=shares.tpm2:/etc/vault-unseal/", "=shares.tpm2:/srv/"), 0o644);
    story.tell("another file in its place, which is not there", true);
    files.put(DROP_IN, TPM2, 0o644);
    fs::remove_file(files.at("/usr/libexec/vault-unseal/vault-unseal-tpm")).unwrap();
    story.tell("no helper", true);
    put_tpm(&files);
    fs::remove_file(files.at(DEVICE)).unwrap();
    story.tell("no TPM", true);
    put_tpm(&files);
    files.put(SEALED, &sealed(Some(&[(7, 0xab), (11, 0)])), 0o600);
    story.tell("PCRs", true);
    files.put(SEALED, &sealed(Some(&[(7, 0)])), 0o600);
    story.tell("PCRs of zeros", true);
    files.put(SEALED, "{}", 0o600);
    story.tell("not a sealed file", true);
    is_as_in("sealed-tpm2.txt", &story.text);
}

#[test]
fn a_service_whose_sandbox_is_another_needs_other_lines() {
    let server = shut();
    let files = Files::new();
    put_tpm(&files);
    files.put(CONFIG, &configuration(&server, &format!("shares = {{ tpm2 = \"{SEALED}\" }}")), 0o644);
    files.put(SEALED, &sealed(None), 0o600);
    let lacks = |drop_in: &str| {
        files.put(DROP_IN, &format!("[Service]\n{drop_in}\n"), 0o644);
        let said = files.said(true);
        let list = said.lines().find_map(|line| line.split_once("its unit lacks "));
        list.map(|(_, list)| list.to_owned()).unwrap_or_default()
    };
    let credential = "LoadCredential=shares.tpm2:/etc/vault-unseal/shares.tpm2";
    assert_eq!(
        lacks(credential),
        "BindPaths=-/dev/tpmrm0, DeviceAllow=/dev/tpmrm0 rw and SupplementaryGroups=tss"
    );
    let open = "PrivateDevices=no\nDevicePolicy=auto\nSupplementaryGroups=tss";
    assert_eq!(lacks(&format!("{open}\n{credential}")), "");
    assert_eq!(lacks(&format!("{open}\n{credential}\nDeviceAllow=/dev/null")), "DeviceAllow=/dev/tpmrm0 rw");
    assert_eq!(
        lacks(&format!("{open}\n{credential}\nDeviceAllow=/dev/tpmrm0 r")),
        "DeviceAllow=/dev/tpmrm0 rw"
    );
    for allowed in ["/dev/tpmrm0", "char-tpm rw", "char-* rwm"] {
        assert_eq!(lacks(&format!("{open}\n{credential}\nDeviceAllow={allowed}")), "", "{allowed}");
    }
    assert_eq!(lacks("DynamicUser=no\nUser=root\nBindPaths=/dev\nDeviceAllow=char-tpm rw"), "");
    assert_eq!(lacks(open), credential, "0600, and the service is nobody that it belongs to");
    chmod(&files.at(SEALED), 0o640);
    assert_eq!(lacks(open), "", "the group may read it, and the service is in it");
}

#[test]
fn a_credential_that_is_encrypted() {
    const TPM: &str = "0c7cc07b117645919c4b0bea08bc20fe";
    const BOTH: &str = "93a894094874449090caf2fc93cab553";
    let server = shut();
    let files = Files::new();
    let url = server.url();
    let normal = Normal::default().servers([url.as_str()]);
    let mut story = Story { files: &files, normal, text: String::new() };
    files.put(CONFIG, &configuration(&server, "shares = { credential = \"shares\" }"), 0o644);
    files.put(DROP_IN, include_str!("../../systemd/examples/shares-encrypted.conf"), 0o644);
    story.tell("no file", true);
    files.put(CREDENTIAL, &encrypted(HOST, &[]), 0o600);
    story.tell("host key", true);
    files.put(CREDENTIAL, &encrypted(TPM, &[7]), 0o600);
    story.tell("TPM, on a machine that has none", true);
    files.put(DEVICE, "", 0o660);
    story.tell("TPM", true);
    files.put(CREDENTIAL, &encrypted(BOTH, &[7, 11]), 0o600);
    story.tell("both", true);
    files.put("/sys/class/tpm/tpm0/pcr-sha256/7", &("0".repeat(64) + "\n"), 0o444);
    story.tell("PCR 7 alone holds nothing", true);
    files.put("/sys/class/tpm/tpm0/pcr-sha256/11", &("0".repeat(64) + "\n"), 0o444);
    story.tell("PCRs that hold nothing", true);
    files.put(CREDENTIAL, &encrypted(BOTH, &[]), 0o600);
    story.tell("both, without PCRs", true);
    files.put(CREDENTIAL, &encrypted(HOST, &[]), 0o600);
    story.tell("host key, although there is a TPM", true);
    files.put(CREDENTIAL, &encrypted("058469daf6f54324800549da0f8ea2fb", &[]), 0o600);
    story.tell("no key at all", true);
    files.put(CREDENTIAL, &lines(&shares_of_nobody(3, 2)), 0o600);
    story.tell("not encrypted", true);
    files.put(DROP_IN, "[Service]\nLoadCredential=shares:/etc/vault-unseal/shares.cred\n", 0o644);
    story.tell("not encrypted, and not meant to be", true);
    is_as_in("sealed-credential.txt", &story.text);
}

#[test]
fn plain_shares_beside_sealed_ones_are_found_with_the_command_that_shreds_them() {
    let server = shut();
    let files = Files::new();
    files.put(CONFIG, &configuration(&server, "shares = { credential = \"shares\" }"), 0o644);
    files.put(SHARES, &lines(&shares_of_nobody(3, 3)), 0o600);
    let found = || files.said(true).contains("shred -u");
    assert!(!found(), "it is what the service reads");
    files.put(
        "/etc/systemd/system/vault-unseal.service.d/shares.conf",
        "[Service]\nLoadCredentialEncrypted=shares:/etc/vault-unseal/shares.cred\n",
        0o644,
    );
    assert!(!found(), "there is nothing sealed yet: it may be the only copy");
    files.put(CREDENTIAL, &lines(&shares_of_nobody(3, 3)), 0o600);
    assert!(!found(), "what should be sealed is not");
    files.put(CREDENTIAL, &encrypted(HOST, &[]), 0o600);
    let said = files.said(true);
    assert!(
        said.contains("/etc/vault-unseal/shares.json holds 3 shares as they are, beside sealed ones"),
        "{said}"
    );
    assert!(said.contains("shred -u /etc/vault-unseal/shares.json"), "{said}");
    let keys = json!({ "keys": shares_of_nobody(3, 3), "root_token": "s.x" });
    files.put("/etc/vault-unseal/old keys", &keys.to_string(), 0o600);
    fs::remove_file(files.at(SHARES)).unwrap();
    let said = files.said(true);
    assert!(said.contains("shred -u '/etc/vault-unseal/old keys'"), "{said}");
    assert!(said.contains("Keep the root token that is in it as well"), "{said}");
    fs::remove_file(files.at("/etc/vault-unseal/old keys")).unwrap();
    assert!(!found(), "{}", files.said(true));
}
