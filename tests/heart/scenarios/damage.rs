//! Servers whose storage is damaged or not mounted. None of them may be called new, or its shares wrong.

use super::{becomes, pass, secs, world};
use crate::fault::Fault;
use crate::histories::one_corrupt;
use crate::model::{Join, Model, Ruin};
use crate::simulation::World;
use vault_unseal::api::Meaning;
use vault_unseal::report::state::{advice, phrase};
use vault_unseal::unseal::{Damage, Objection, State};

/// Nothing that was said in this world leads anybody to initialise the server.
fn never_invites(world: &World) {
    let story = world.story();
    assert!(!story.contains("uninitialized") && !story.contains("shares-rejected"), "{story}");
    let said = advice(world.state().unwrap()).unwrap();
    assert!(said.contains("Do not initialise it") && !said.contains(" init`"), "{said}");
}

fn damage(world: &World) -> Option<&Damage> {
    match world.state() {
        Some(State::Damaged { damage }) => Some(damage),
        _ => None,
    }
}

/// A server of three shares with this version and damage.
fn ruined(version: Option<&'static str>, ruin: Ruin) -> World {
    let mut world = world(3, vec![]);
    world.model.version = version;
    world.model.ruin = Some(ruin);
    world
}

#[test]
fn lost_keyring_with_its_seal_left_is_damage() {
    let mut world = ruined(Some("2.6.2"), Ruin::Keyring);
    world.model.restart();
    becomes(&mut world, "damaged", secs(12));
    assert_eq!(damage(&world), Some(&Damage::SealWithoutKeyring { threshold: 3, total: 5 }));
    pass(&mut world, secs(3600));
    never_invites(&world);
    assert!(world.daemons[0].log.len() <= 4, "no flapping: {}", world.story());
    assert_eq!(world.submissions(), 0);
    // Somebody restored it.
    world.model.ruin = None;
    world.suffer(Fault::Crash);
    becomes(&mut world, "unreachable", secs(2));
    world.suffer(Fault::Start);
    becomes(&mut world, "unsealed", secs(2));
}

#[test]
fn server_that_was_unsealed_is_never_new_again() {
    let mut world = world(3, vec![]);
    becomes(&mut world, "unsealed", secs(1));
    world.model.ruin = Some(Ruin::Everything);
    world.suffer(Fault::Crash);
    becomes(&mut world, "unreachable", secs(2));
    world.suffer(Fault::Start);
    becomes(&mut world, "damaged", secs(15));
    assert_eq!(damage(&world), Some(&Damage::SeenUnsealed));
    never_invites(&world);
    // Its storage is mounted.
    world.model.ruin = None;
    world.suffer(Fault::Crash);
    pass(&mut world, secs(2));
    world.suffer(Fault::Start);
    becomes(&mut world, "unsealed", secs(2));
}

#[test]
fn emptied_node_that_joins_again_is_not_called_damaged() {
    let mut world = world(3, vec![]);
    becomes(&mut world, "unsealed", secs(1));
    world.suffer(Fault::Uninitialize);
    pass(&mut world, secs(5));
    world.suffer(Fault::Initialize);
    becomes(&mut world, "unsealed", secs(3));
    assert!(!world.story().contains("damaged"), "{}", world.story());
}

#[test]
fn server_that_denies_in_mid_round_what_its_seal_says_is_damaged() {
    let mut world = ruined(Some("2.6.2"), Ruin::Keyring);
    becomes(&mut world, "damaged", secs(15));
    assert_eq!(damage(&world), Some(&Damage::Contradiction));
    let before = world.submissions();
    pass(&mut world, secs(600));
    never_invites(&world);
    assert!(world.submissions() - before <= 3 * 21, "every slow_interval: {}", world.submissions() - before);
    assert!(world.daemons[0].log.last().unwrap().1.ends_with("-> damaged"), "{}", world.story());
}

#[test]
fn invalid_key_is_sorted_by_version() {
    // The shares are right, the keyring is damaged.
    for version in ["1.12.2", "1.14.1", "2.6.2", "2.7.2"] {
        let mut world = ruined(Some(version), Ruin::KeyringFlipped);
        becomes(&mut world, "damaged", secs(1));
        assert_eq!(damage(&world), Some(&Damage::Keyring), "{version}");
        let before = world.submissions();
        pass(&mut world, secs(300));
        never_invites(&world);
        assert!(world.daemons[0].log.len() <= 7, "no flapping: {}", world.story());
        let submitted = world.submissions() - before;
        assert!((3..=66).contains(&submitted), "every slow_interval: {submitted}");
        // Somebody restored it: the restart is noticed at once.
        world.model.ruin = None;
        world.suffer(Fault::Crash);
        becomes(&mut world, "unreachable", secs(2));
        world.suffer(Fault::Start);
        becomes(&mut world, "unsealed", secs(2));
    }
    // One that was initialised before 1.3 says it to wrong shares still: a stranger's is no damage.
    let mut world = World::new(Model::new(3, 5), vec![vec![0, 1, 2]], 1, vec![(secs(0), Fault::Share(999))]);
    (world.model.version, world.model.wrong_shares) = (Some("1.12.2"), Meaning::InvalidKey);
    becomes(&mut world, "unsealed", secs(1));
    assert!(!world.story().contains("damaged"), "{}", world.story());
    // The shares are wrong.
    for version in ["0.9.0", "1.2.4"] {
        let mut world = World::new(Model::new(3, 3), vec![vec![700, 701, 702]], 1, vec![]);
        (world.model.version, world.model.wrong_shares) = (Some(version), Meaning::InvalidKey);
        becomes(&mut world, "shares-rejected", secs(1));
        let said = phrase(world.state().unwrap());
        assert!(said.ends_with(": the shares do not make this server's key)"), "{version}: {said}");
    }
    // Nobody can tell: both are named.
    let mut world = World::new(Model::new(3, 3), vec![vec![700, 701, 702]], 1, vec![]);
    world.model.wrong_shares = Meaning::InvalidKey;
    becomes(&mut world, "shares-rejected", secs(1));
    let said = phrase(world.state().unwrap()) + &advice(world.state().unwrap()).unwrap();
    assert!(said.contains("do not make this server's key, or its keyring is damaged"), "{said}");
    assert!(said.contains("up to 1.2") && said.contains("Do not initialise it"), "{said}");
}

#[test]
fn damaged_keyring_is_no_fault_of_the_shares_where_one_of_too_many_is_corrupt() {
    // The sets with the corrupt share meet another error than the right ones, whichever of them come last.
    for right_first in [false, true] {
        let mut sets = one_corrupt(3);
        if right_first {
            sets.reverse();
        }
        let mut world = World::new(Model::new(3, 4), sets, 1, vec![]);
        (world.model.version, world.model.ruin) = (Some("2.7.2"), Some(Ruin::KeyringFlipped));
        becomes(&mut world, "damaged", secs(10));
        assert_eq!(damage(&world), Some(&Damage::Keyring));
        // Which set decrypts the stored keys is known from then on: no other is tried.
        let submitted = world.submissions();
        pass(&mut world, secs(300));
        assert!(world.submissions() - submitted <= 10 * 3 * 3, "{}", world.story());
        never_invites(&world);
        world.model.ruin = None;
        world.suffer(Fault::Crash);
        becomes(&mut world, "unreachable", secs(2));
        world.suffer(Fault::Start);
        becomes(&mut world, "unsealed", secs(30));
    }
}

#[test]
fn missing_keyring_is_damage_only_when_it_lasts() {
    let mut world = ruined(Some("2.6.2"), Ruin::StoredKeys);
    pass(&mut world, secs(14));
    assert!(world.all("sealed"), "{}", world.story());
    becomes(&mut world, "damaged", secs(20));
    assert_eq!(damage(&world), Some(&Damage::NoKeyring));
    pass(&mut world, secs(600));
    never_invites(&world);
    // A snapshot was restored after all.
    world.model.ruin = None;
    becomes(&mut world, "unsealed", secs(31));
}

#[test]
fn missing_keyring_of_a_node_that_joins_is_waited_out() {
    let mut world = world(3, vec![(secs(0), Fault::Uninitialize)]);
    becomes(&mut world, "uninitialized", secs(1));
    world.suffer(Fault::Initialize);
    world.suffer(Fault::Trouble(Meaning::NoKeyring));
    pass(&mut world, secs(60));
    assert!(!world.story().contains("damaged"), "{}", world.story());
    world.suffer(Fault::TroubleOver);
    world.suffer(Fault::JoinNext(Join { takes: secs(3), ..Join::default() }));
    becomes(&mut world, "unsealed", secs(40));
}

#[test]
fn server_without_keys_is_new_only_where_nothing_speaks_against_it() {
    for (objection, says, invites) in [
        (Objection::Nothing, "uninitialized", true),
        (Objection::SharesHeld, "uninitialized (a new member that has not joined", false),
        (Objection::PeerInitialised, "uninitialized (another node of its cluster is initialised", false),
    ] {
        let mut world = world(3, vec![(secs(0), Fault::Uninitialize)]);
        world.daemons[0].machine.set_objection(objection);
        becomes(&mut world, "uninitialized", secs(1));
        let state = world.state().unwrap();
        assert!(phrase(state).starts_with(says), "{}", phrase(state));
        let advice = advice(state).unwrap();
        assert_eq!(advice.contains("vault-unseal init"), invites, "{advice}");
        assert_eq!(advice.to_lowercase().contains("do not initialise it"), !invites, "{advice}");
        let (join, init) = (advice.find("join"), advice.find(" init`"));
        assert!(init.is_none_or(|init| join.is_some_and(|join| join < init)), "{advice}");
    }
}
