//! A service that is told regularly that all is well, and raises the alarm when it is not, or when nobody tells.

use super::Undelivered;
use super::http::HttpTarget;
use crate::document::{DocumentError, Table};
use crate::notify::settings::refused;
use crate::service::Looking;
use std::time::Duration;
use vault_unseal::explain::Explanation;

const SECOND: Duration = Duration::from_secs(1);

/// What the service understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    /// The URL itself is success, with `/fail` behind it failure: healthchecks.io, or one's own Healthchecks.
    Healthchecks,
    /// `?status=up` or `down` and `&msg=`: a push monitor of Uptime Kuma.
    UptimeKuma,
}

/// Pings.
#[derive(Debug)]
pub struct Ping {
    http: HttpTarget,
    format: Format,
    every: Duration,
}

impl Ping {
    pub(super) fn read(table: &Table<'_>) -> Result<Self, DocumentError> {
        let format = match table.text("format")? {
            None => Format::Healthchecks,
            Some(written) => match written.value {
                "healthchecks" => Format::Healthchecks,
                "uptime-kuma" => Format::UptimeKuma,
                _ => {
                    let advice = "There are healthchecks and uptime-kuma.";
                    return Err(refused(&written.place, "config-format", "there is no such format", advice));
                }
            },
        };
        let every = table.duration("every", SECOND..=24 * 3600 * SECOND)?.unwrap_or(60 * SECOND);
        Ok(Self { http: HttpTarget::read(table)?, format, every })
    }

    pub(super) fn check(&self, looking: Looking<'_>) -> Result<(), Explanation> {
        self.http.check(looking)
    }

    pub(super) fn credentials(&self) -> Vec<&str> {
        self.http.credential().into_iter().collect()
    }

    /// Between two pings.
    pub fn every(&self) -> Duration {
        self.every
    }

    /// All is well, or what is not.
    pub async fn tell(&self, well: Result<(), &str>) -> Result<(), Undelivered> {
        super::in_time(self.send(well)).await
    }

    async fn send(&self, well: Result<(), &str>) -> Result<(), Undelivered> {
        let format = self.format;
        let why = well.err().unwrap_or_default().to_owned();
        let which = |url: &mut url::Url| match format {
            Format::Healthchecks => {
                if well.is_err() {
                    let path = format!("{}/fail", url.path().trim_end_matches('/'));
                    url.set_path(&path);
                }
            }
            Format::UptimeKuma => {
                // The URL is copied with an example of its own.
                url.set_query(None);
                let (status, text) = well.map_or_else(|why| ("down", why), |()| ("up", "OK"));
                url.query_pairs_mut().append_pair("status", status).append_pair("msg", text);
            }
        };
        self.http
            .send(which, |client, url| match format {
                Format::Healthchecks => client.post(url).body(why),
                Format::UptimeKuma => client.get(url),
            })
            .await
    }
}
