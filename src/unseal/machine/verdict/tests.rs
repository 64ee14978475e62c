//! How often a server is looked at before shares are called wrong.

use super::*;

/// One in `threshold` looks at a stranger's rounds shows none of his shares.
#[test]
fn no_more_than_one_stranger_of_4096_stays_unseen_at_so_many_looks_and_no_fewer() {
    for threshold in 2_u32..=255 {
        let looks = looks(usize::try_from(threshold).unwrap());
        let seen_once_in = |looks| u64::from(threshold).pow(looks);
        assert!(seen_once_in(looks) >= 4096, "{looks} looks at a threshold of {threshold}");
        assert!(seen_once_in(looks - 1) < 4096, "{looks} looks at a threshold of {threshold}");
    }
    assert_eq!(looks(1), 1, "into a round of one share nobody slips");
    assert_eq!(looks(2), 12);
    assert_eq!(looks(3), 8);
}
