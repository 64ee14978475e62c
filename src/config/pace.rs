//! The intervals and time limits of a cluster: its own, else the common ones, else the defaults.

use super::duration;
use super::error::ConfigError;
use super::fragment::{PaceFragment, Said};
use super::keys::{self, Kind, Scope};
use super::layers::Layers;
use super::place::Place;
use super::settings::Pace;
use std::time::Duration;

/// Checks the pace of the cluster `name`.
pub(super) fn check(
    layers: &Layers,
    name: &str,
    own: &PaceFragment,
    common: &PaceFragment,
) -> Result<Pace, ConfigError> {
    let reader = Reader { layers, name };
    let default = Pace::default();
    let read = |key, own, common, default| reader.read(key, own, common).map(|read| read.unwrap_or(default));
    let pace = Pace {
        poll_interval: read("poll_interval", &own.poll_interval, &common.poll_interval, default.poll_interval)?,
        slow_interval: read("slow_interval", &own.slow_interval, &common.slow_interval, default.slow_interval)?,
        retry_min: read("retry_min", &own.retry_min, &common.retry_min, default.retry_min)?,
        retry_max: read("retry_max", &own.retry_max, &common.retry_max, default.retry_max)?,
        request_timeout: read(
            "request_timeout",
            &own.request_timeout,
            &common.request_timeout,
            default.request_timeout,
        )?,
        unseal_timeout: read(
            "unseal_timeout",
            &own.unseal_timeout,
            &common.unseal_timeout,
            default.unseal_timeout,
        )?,
    };
    if pace.retry_min > pace.retry_max {
        let place = reader
            .place("retry_min", &own.retry_min, &common.retry_min)
            .or_else(|| reader.place("retry_max", &own.retry_max, &common.retry_max))
            .unwrap_or(Place::Nowhere);
        return Err(ConfigError::RetryOrder { place, least: pace.retry_min, most: pace.retry_max });
    }
    Ok(pace)
}

struct Reader<'a> {
    layers: &'a Layers,
    name: &'a str,
}

impl Reader<'_> {
    fn read(
        &self,
        key: &str,
        own: &Said<String>,
        common: &Said<String>,
    ) -> Result<Option<Duration>, ConfigError> {
        let Some(text) = own.as_ref().or(common.as_ref()) else { return Ok(None) };
        let (least, most) = match keys::find(Scope::Cluster, key).map(|key| key.kind) {
            Some(Kind::Duration(least, most)) => (least, most),
            _ => (Duration::ZERO, Duration::MAX),
        };
        match duration::parse(text, least, most) {
            Ok(duration) => Ok(Some(duration)),
            Err(problem) => {
                let place = self.place(key, own, common).unwrap_or(Place::Nowhere);
                Err(ConfigError::Duration { place, problem })
            }
        }
    }

    fn place(&self, key: &str, own: &Said<String>, common: &Said<String>) -> Option<Place> {
        match (own, common) {
            (Some(own), _) => Some(self.layers.place_in_cluster(own.tag(), self.name, &[key])),
            (None, Some(common)) => Some(self.layers.place_of_top(common.tag(), &[key])),
            (None, None) => None,
        }
    }
}
