//! What `status` shows: the servers of the configuration, those that its names stand for, and those that only the daemon
//! still knows.

use super::look::{Target, targets};
use super::names::{Name, names};
use super::told::Told;
use crate::config::{Discovery, NodeAddress, Settings};
use crate::discovery::Node;
use crate::vault::{Access, TlsFileError};
use std::time::{Duration, Instant};

/// The servers that are shown, and the names that stand for some of them.
pub(super) struct Scene<'a> {
    settings: &'a Settings,
    pub(super) names: Vec<Name>,
    pub(super) targets: Vec<Target>,
    looked_up: Instant,
}

impl<'a> Scene<'a> {
    /// Looks all names up.
    pub(super) async fn of(settings: &'a Settings) -> Result<Self, TlsFileError> {
        let names = names(settings).await;
        let targets = targets(settings, &names).await?;
        Ok(Self { settings, names, targets, looked_up: Instant::now() })
    }

    /// Looks the names up again when it is time. Servers that are no longer found stay, and are shown as such.
    pub(super) async fn renew(&mut self, interval: Duration) -> Result<(), TlsFileError> {
        if self.names.is_empty() || self.looked_up.elapsed() < interval {
            return Ok(());
        }
        let new = Self::of(self.settings).await?;
        (self.names, self.looked_up) = (new.names, new.looked_up);
        for target in new.targets {
            if !self.targets.iter().any(|known| known.is(&target.cluster, &target.address)) {
                self.targets.push(target);
            }
        }
        for target in &mut self.targets {
            target.in_dns = is_in_dns(&self.names, target).unwrap_or(target.in_dns);
        }
        Ok(())
    }

    /// Puts in the servers that only the daemon still knows: DNS does not have them now.
    pub(super) async fn add_known(&mut self, told: &Told) {
        for known in told.nodes() {
            let Some(found_by) = &known.found_by else { continue };
            let Some(address) = known.address.parse::<NodeAddress>() else { continue };
            let cluster = self.settings.clusters.iter().find(|cluster| known.cluster == *cluster.name);
            let Some(cluster) = cluster else { continue };
            if self.targets.iter().any(|target| target.is(&cluster.name, &address)) {
                continue;
            }
            let found_by = cluster.discoveries.iter().find(|discovery| *found_by == *discovery.to_string());
            let (Some(found_by), Ok(access)) = (found_by, Access::read(cluster).await) else { continue };
            // The name that its certificate must have is not for the socket to say.
            let name = match found_by {
                Discovery::Addresses(address) => Some(address.host.clone()),
                Discovery::Services { .. } => None,
            };
            let node = Node { address, name };
            let mut target = Target::of(cluster, &access, &node, Some(found_by.clone()));
            target.in_dns = is_in_dns(&self.names, &target).or(known.in_dns).unwrap_or(true);
            self.targets.push(target);
        }
    }
}

/// Whether a server that was found is in DNS now; `None` when it cannot be told.
fn is_in_dns(names: &[Name], target: &Target) -> Option<bool> {
    let found_by = target.found_by.as_ref()?;
    let name = names.iter().find(|name| name.cluster == target.cluster && name.discovery == *found_by)?;
    name.result.as_ref().ok()?;
    Some(name.nodes().any(|node| node.address == target.address))
}
