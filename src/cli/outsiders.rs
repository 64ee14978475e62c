//! Which servers are members of other clusters than they are configured in, as far as one look at all of them shows.

use super::look::{Look, Target};
use crate::unseal::{Outsider, Roll};

/// What the servers showed of their clusters.
pub(super) fn roll(targets: &[Target], looks: &[Look]) -> Roll {
    let mut roll = Roll::default();
    for (rank, target) in targets.iter().enumerate() {
        roll.enter(&target.cluster, &target.address, rank);
    }
    for (target, look) in targets.iter().zip(looks) {
        if let Some(shows) = look.health.as_ref().and_then(|health| health.own_membership()) {
            roll.unsealed(&target.cluster, &target.address, shows, false);
        }
    }
    roll
}

/// Those among the targets, in their order.
pub(super) fn of(roll: &Roll, targets: &[Target]) -> Vec<Option<Outsider>> {
    targets.iter().map(|target| roll.outsider(&target.cluster, &target.address)).collect()
}
