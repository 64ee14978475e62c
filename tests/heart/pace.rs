//! The search of tests/prove is built without the configuration: its pace is the default one all the same.

use std::time::Duration;
use vault_unseal::cluster::Pace;

#[test]
fn pace_of_the_search_is_the_default_one() {
    assert_eq!(include!("../prove/pace.rs"), Pace::default());
}
