use super::*;

fn blob(pcrs: bool) -> Blob {
    let values = BTreeMap::from([(7, vec![0xab; 32]), (11, vec![0xcd; 32])]);
    Blob {
        shares: 3,
        primary: [0x0b; 34],
        pcrs: pcrs.then_some(BoundPcrs { bank: PcrBank::Sha256, values, policy: [0xef; 32] }),
        public: vec![1; 80],
        private: vec![2; 160],
        nonce: [3; NONCE_LENGTH],
        ciphertext: vec![4; 200 + TAG_LENGTH],
    }
}

/// What reading a text that was changed leads to.
fn kind(from: &str, to: &str) -> &'static str {
    let text = String::from_utf8(blob(true).render()).unwrap();
    assert!(text.contains(from), "{from}");
    Blob::parse(text.replacen(from, to, 1).as_bytes()).map_or_else(|refusal| refusal.kind(), |_| "taken")
}

#[test]
fn what_is_written_is_read_and_described() {
    for pcrs in [true, false] {
        let blob = blob(pcrs);
        assert_eq!(Blob::parse(&blob.render()), Ok(blob.clone()));
        let described = blob.description();
        assert_eq!((described.version, described.shares), (1, 3));
        assert_eq!(described.pcrs.map(|pcrs| pcrs.to_string()), pcrs.then(|| "sha256:7+11".to_owned()));
    }
}

#[test]
fn the_cipher_covers_everything_but_the_ciphertext() {
    let one = blob(true);
    let covered = one.associated_data();
    let mut other = blob(true);
    other.ciphertext = vec![5; 50];
    assert_eq!(other.associated_data(), covered);
    let changes: [fn(&mut Blob); 7] = [
        |blob| blob.shares = 4,
        |blob| blob.primary[33] ^= 1,
        |blob| blob.pcrs = None,
        |blob| blob.pcrs.as_mut().unwrap().policy[0] ^= 1,
        |blob| blob.public[0] ^= 1,
        |blob| blob.private[0] ^= 1,
        |blob| blob.nonce[0] ^= 1,
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = blob(true);
        change(&mut changed);
        assert_ne!(changed.associated_data(), covered, "change {number}");
    }
}

#[test]
fn another_spelling_of_the_same_is_refused() {
    for (from, to) in [
        ("\n", "\n\n"),
        ("\": ", "\":"),
        ("\"shares\": 3,", "\"shares\": 3.0,"),
        ("\"shares\": 3,", "\"shares\": 3, \"more\": 1,"),
        ("\"shares\": 3,", "\"shares\": 3,\n  \"shares\": 3,"),
        ("\"bank\": \"sha256\",", "\"bank\": \"sha256\",\n      \"more\": 1,"),
        ("\"owner\"", "\"endorsement\""),
        ("tcg-srk-ecc-p256", "tcg-srk-rsa-2048"),
        ("chacha20-poly1305", "aes-256-gcm"),
        ("\"7\"", "\"07\""),
        ("abab", "ABab"),
        ("AwMDAwMDAwMDAwMD", "AwMDAwMDAwMDAwM"),
        ("AwMDAwMDAwMDAwMD", "AwMDAwMDAwMDAw=="),
        ("vault-unseal-tpm2", "vault-unseal-tpm3"),
    ] {
        assert_eq!(kind(from, to), "tpm-blob-corrupt", "{from} -> {to}");
    }
    assert_eq!(kind("\"version\": 1", "\"version\": 2, \"new\": {}"), "tpm-blob-version");
}

#[test]
fn values_that_cannot_be_are_refused() {
    let changes: [fn(&mut Blob); 7] = [
        |blob| blob.public.clear(),
        |blob| blob.private = vec![0; 1025],
        |blob| blob.ciphertext.truncate(TAG_LENGTH - 1),
        |blob| blob.ciphertext = vec![0; TEXT_LIMIT + TAG_LENGTH + 1],
        |blob| blob.pcrs.as_mut().unwrap().values.clear(),
        |blob| drop(blob.pcrs.as_mut().unwrap().values.insert(24, vec![0; 32])),
        |blob| drop(blob.pcrs.as_mut().unwrap().values.insert(8, vec![0; 48])),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut changed = blob(true);
        change(&mut changed);
        let refused = Blob::parse(&changed.render()).map_or_else(|refusal| refusal.kind(), |_| "taken");
        assert_eq!(refused, "tpm-blob-corrupt", "change {number}");
    }
    let mut longest = blob(true);
    longest.ciphertext = vec![0; TEXT_LIMIT + TAG_LENGTH];
    assert!(Blob::parse(&longest.render()).is_ok());
    assert!(longest.render().len() <= crate::shares::LIMIT, "as long as a share file may be");
}
