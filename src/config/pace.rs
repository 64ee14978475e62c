//! The intervals and time limits of a cluster: its own, else the common ones, else the defaults.

use super::duration;
use super::error::ConfigError;
use super::fragment::{PaceFragment, Said};
use super::keys::{self, Kind, Scope};
use super::layers::Layers;
use super::place::Place;
use crate::cluster::Pace;
use std::time::Duration;

/// Checks the pace of the cluster `name`.
pub(super) fn check(
    layers: &Layers,
    name: &str,
    own: &PaceFragment,
    common: &PaceFragment,
) -> Result<Pace, ConfigError> {
    let said = Both { layers, name, own, common };
    let default = Pace::default();
    let pace = Pace {
        poll_interval: said.duration("poll_interval", |pace| &pace.poll_interval, default.poll_interval)?,
        slow_interval: said.duration("slow_interval", |pace| &pace.slow_interval, default.slow_interval)?,
        retry_min: said.duration("retry_min", |pace| &pace.retry_min, default.retry_min)?,
        retry_max: said.duration("retry_max", |pace| &pace.retry_max, default.retry_max)?,
        request_timeout: said.duration(
            "request_timeout",
            |pace| &pace.request_timeout,
            default.request_timeout,
        )?,
        unseal_timeout: said.duration(
            "unseal_timeout",
            |pace| &pace.unseal_timeout,
            default.unseal_timeout,
        )?,
        presence: own.presence.as_ref().or(common.presence.as_ref()).map_or(default.presence, |said| **said),
        resolve_interval: said.duration(
            "resolve_interval",
            |pace| &pace.resolve_interval,
            default.resolve_interval,
        )?,
        forget_after: said.duration("forget_after", |pace| &pace.forget_after, default.forget_after)?,
    };
    if pace.retry_min > pace.retry_max {
        let least = said.text("retry_min", |pace| &pace.retry_min);
        let most = || said.text("retry_max", |pace| &pace.retry_max);
        let either = least.or_else(most).map_or(Place::Nowhere, |(_, place)| place);
        return Err(ConfigError::RetryOrder { place: either, least: pace.retry_min, most: pace.retry_max });
    }
    Ok(pace)
}

/// Reads the duration of a cluster's `key`, which has its bounds in the table of keys.
pub(super) fn between_bounds(key: &str, text: &str) -> Result<Duration, duration::DurationError> {
    let (least, most) = match keys::find(Scope::Cluster, key).map(|key| key.kind) {
        Some(Kind::Duration(least, most)) => (least, most),
        _ => (Duration::ZERO, Duration::MAX),
    };
    duration::parse(text, least, most)
}

/// What a cluster says, and what is said for all.
struct Both<'a> {
    layers: &'a Layers,
    name: &'a str,
    own: &'a PaceFragment,
    common: &'a PaceFragment,
}

impl<'a> Both<'a> {
    fn duration(
        &self,
        key: &str,
        field: fn(&PaceFragment) -> &Said<String>,
        default: Duration,
    ) -> Result<Duration, ConfigError> {
        let Some((text, place)) = self.text(key, field) else { return Ok(default) };
        between_bounds(key, text).map_err(|problem| ConfigError::Duration { place, problem })
    }

    fn text(&self, key: &str, field: fn(&PaceFragment) -> &Said<String>) -> Option<(&'a str, Place)> {
        let own = field(self.own).as_ref();
        let own =
            own.map(|text| (text.as_str(), self.layers.place_in_cluster(text.tag(), self.name, &[key])));
        own.or_else(|| {
            let common = field(self.common).as_ref()?;
            Some((common.as_str(), self.layers.place_of_top(common.tag(), &[key])))
        })
    }
}
