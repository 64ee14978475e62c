//! Secrets in the wrong place: a share or a token that somebody pasted where a name or a path belongs.

/// Prefixes of tokens of Vault and OpenBao, for services, batches and recovery; before version 1.10, `s.` and `b.`.
const TOKENS: [&str; 5] = ["hvs.", "hvb.", "hvr.", "s.", "b."];

/// Whether a text could be a share in hex or base64 (16 bytes or more; a path in base64 is one in a million), or a token of a
/// server. It is then not repeated, whatever it was meant to be.
pub fn could_be_secret(text: &str) -> bool {
    let text = text.trim();
    let token = TOKENS.iter().filter_map(|prefix| text.strip_prefix(prefix)).any(|rest| {
        rest.len() >= 20 && rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    });
    let hex = text.len() >= 32 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let base64 = text.len() >= 43
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte))
        && text.bytes().any(|byte| byte.is_ascii_uppercase())
        && text.bytes().any(|byte| byte.is_ascii_lowercase());
    token || hex || base64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_tokens_are_told_from_names_and_paths() {
        for secret in [
            "3Nn0dYrJzVn0vvfvtC2mUMrbPDkmS1s7gVRzDl3Cvqk=",
            "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff01",
            "hvs.CAESIJ2mUMrbPDkmS1s7gVRzDl3",
            "s.7sVrhH9tV8WdbV4Z5QfWxYzA",
        ] {
            assert!(could_be_secret(secret), "{secret}");
        }
        for name in [
            "/etc/vault/tls/vault-ca.crt",
            "shares.json",
            "7cb2b140-eb80-9292-0772-3bb0057bea5c",
            "a-rather-long-name-of-a-credential-of-somebody",
            "https://vault.example:8200",
            "s.example",
        ] {
            assert!(!could_be_secret(name), "{name}");
        }
    }
}
