//! Which servers are members of other clusters than they are configured in, as far as one look at all of them shows.

use super::look::{Look, Target};
use crate::unseal::{Memberships, Outsider};

/// What the servers showed of their clusters.
pub(super) fn memberships(targets: &[Target], looks: &[Look]) -> Memberships {
    let mut memberships = Memberships::default();
    for (rank, target) in targets.iter().enumerate() {
        memberships.enter(&target.cluster, &target.address, rank);
    }
    for (target, look) in targets.iter().zip(looks) {
        if let Some(shows) = look.health.as_ref().and_then(|health| health.own_membership()) {
            memberships.unsealed(&target.cluster, &target.address, shows, false);
        }
    }
    memberships
}

/// Those among the targets, in their order.
pub(super) fn of(memberships: &Memberships, targets: &[Target]) -> Vec<Option<Outsider>> {
    targets.iter().map(|target| memberships.outsider(&target.cluster, &target.address)).collect()
}
