//! What is said of a node of another cluster, and what to do about it.

use super::*;
use crate::external::ExternalText;

fn membership(id: &str) -> Membership {
    Membership { id: ExternalText::new(id), name: None }
}

fn node(own: Option<&str>, of: Option<&str>) -> ForeignNode {
    ForeignNode { shows: membership("X"), own: own.map(membership), of: of.map(str::to_owned) }
}

#[test]
fn all_that_is_known_is_said() {
    for (own, of, said) in [
        (None, None, "it is a member of another cluster: it showed cluster_id X"),
        (
            Some("Y"),
            None,
            "it is a member of another cluster: it showed cluster_id X, and its cluster here is cluster_id Y",
        ),
        (None, Some("cabin"), "it is a member of the cluster \"cabin\": it showed cluster_id X"),
        (
            Some("Y"),
            Some("cabin"),
            "it is a member of the cluster \"cabin\": it showed cluster_id X, and its cluster here is cluster_id Y",
        ),
    ] {
        assert_eq!(node(own, of).to_string(), said);
    }
}

#[test]
fn its_kind_is_the_one_that_the_documentation_lists() {
    assert_eq!(node(None, None).kind(), "another-clusters-member");
}

#[test]
fn member_of_a_configured_cluster_needs_none_of_its_own() {
    for (of, remedy, otherwise) in [
        (Some("cabin"), "Take it out of `nodes` here.", "[[cluster]]"),
        (None, "or give it a [[cluster]] of its own with its own shares.", "`nodes` here"),
    ] {
        let advice = node(Some("Y"), of).advice().unwrap();
        assert!(advice.contains(remedy) && !advice.contains(otherwise), "{advice}");
        assert!(
            advice.contains("it gets no shares") && advice.contains("`vault-unseal resume NODE`"),
            "{advice}"
        );
    }
}
