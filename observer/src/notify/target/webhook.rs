//! Messages as JSON to an address, or in the form of a service.

use super::Undelivered;
use super::http::HttpTarget;
use super::secret::Secret;
use crate::document::{DocumentError, Table};
use crate::notify::message::{Message, Severity};
use crate::notify::settings::refused;
use crate::service::Looking;
use ring::hmac;
use serde_json::json;
use vault_unseal::explain::Explanation;

/// The form of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// Our own, which is documented.
    Json,
    /// `{"text": …}`, as Slack and Mattermost take it, and Discord at its address with /slack behind it.
    Slack,
    /// Text, with headers for title, priority and tags: ntfy.sh, or one's own ntfy.
    Ntfy,
}

/// Discord takes 2,000 characters, and Mattermost 4,000 of its own accord; the title comes before.
const SLACK: usize = 1700;
/// ntfy makes a file of more than 4,096 bytes, which not every server takes.
const NTFY: usize = 4000;

/// A webhook.
#[derive(Debug)]
pub struct Webhook {
    http: HttpTarget,
    format: Format,
    /// The key of the signature.
    sign: Option<Secret>,
    /// For `Authorization: Bearer`.
    token: Option<Secret>,
}

impl Webhook {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, DocumentError> {
        let format = match table.text("format")? {
            None => Format::Json,
            Some(written) => match written.value {
                "json" => Format::Json,
                "slack" => Format::Slack,
                "ntfy" => Format::Ntfy,
                _ => {
                    let advice = "There are json, slack (Mattermost too, and Discord with /slack behind its URL) and ntfy.";
                    return Err(refused(&written.place, "config-format", "there is no such format", advice));
                }
            },
        };
        let sign = Secret::read(table, "sign")?;
        Ok(Self { http: HttpTarget::read(table)?, format, sign, token: Secret::read(table, "token")? })
    }

    pub(super) fn check(&self, looking: Looking<'_>) -> Result<(), Explanation> {
        for secret in self.sign.iter().chain(&self.token) {
            secret.look(looking)?;
        }
        self.http.check(looking)
    }

    pub(super) fn credentials(&self) -> Vec<&str> {
        let others = self.sign.iter().chain(&self.token).filter_map(Secret::credential);
        self.http.credential().into_iter().chain(others).collect()
    }

    pub(super) async fn tell(&self, message: &Message, host: &str) -> Result<(), Undelivered> {
        let broken = |_| Undelivered::new("target-json", "the message cannot be written as JSON", "");
        let body = match self.format {
            Format::Json => message.json(host).map_err(broken)?,
            Format::Slack => {
                let text = format!("*{}*\n{}", message.title(host), message.text_within(SLACK));
                serde_json::to_vec(&json!({ "text": text })).map_err(broken)?
            }
            Format::Ntfy => message.text_within(NTFY).into_bytes(),
        };
        let mut headers = Vec::new();
        match self.format {
            Format::Json | Format::Slack => headers.push(("Content-Type", "application/json".to_owned())),
            Format::Ntfy => {
                let (priority, tag) = match message.severity() {
                    Severity::Problem => ("high", "rotating_light"),
                    Severity::Notice => ("default", "information_source"),
                    Severity::Over => ("default", "white_check_mark"),
                };
                headers.push(("Content-Type", "text/plain; charset=utf-8".to_owned()));
                headers.push(("Title", message.title(host)));
                headers.push(("Priority", priority.to_owned()));
                headers.push(("Tags", tag.to_owned()));
            }
        }
        if let Some(token) = &self.token {
            headers.push(("Authorization", format!("Bearer {}", *token.open_aside().await?)));
        }
        if let Some(secret) = &self.sign {
            let at = message.at.as_secs().to_string();
            let key = hmac::Key::new(hmac::HMAC_SHA256, secret.open_aside().await?.as_bytes());
            let mut signing = hmac::Context::with_key(&key);
            signing.update(at.as_bytes());
            signing.update(b".");
            signing.update(&body);
            let signature = base16ct::lower::encode_string(signing.sign().as_ref());
            headers.push(("X-Vault-Unseal-Timestamp", at));
            headers.push(("X-Vault-Unseal-Signature", format!("sha256={signature}")));
        }
        let request = |client: reqwest::Client, url| {
            headers.into_iter().fold(client.post(url).body(body), |request, (name, value)| {
                // Of a token that is no header nothing must be shown.
                let mut value = reqwest::header::HeaderValue::from_bytes(value.as_bytes())
                    .unwrap_or(reqwest::header::HeaderValue::from_static("unprintable"));
                value.set_sensitive(true);
                request.header(name, value)
            })
        };
        self.http.send(|_| {}, request).await
    }
}
