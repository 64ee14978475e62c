//! How each damage is told to people.

use super::*;

#[test]
fn damage_says_what_shows_it() {
    let of_a_seal = Damage::SealWithoutKeyring { threshold: 3, total: 5 };
    for (damage, said) in [
        (of_a_seal, "it says that it is not initialised, and still has a seal of 5 shares, threshold 3"),
        (Damage::SeenUnsealed, "it says that it is not initialised, and was unsealed before"),
        (Damage::Contradiction, "its answers contradict each other on whether it is initialised"),
        (Damage::Keyring, "the shares decrypt its stored keys, and those do not decrypt its keyring"),
        (Damage::NoKeyring, "its stored keys or its keyring are missing"),
        (Damage::NoSealConfiguration, "it has a keyring, and no seal configuration"),
        (Damage::Told("so the daemon says".to_owned()), "so the daemon says"),
    ] {
        assert_eq!(damage.to_string(), said);
    }
}
