//! The dashboard for Grafana, read as JSON. Whether its expressions return anything is Prometheus' to say:
//! `.ci/run alerts-live`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::pages::root;
use super::words::states;

fn dashboard() -> Value {
    let text = fs::read_to_string(root().join("config/prometheus/vault-unseal.dashboard.json")).unwrap();
    serde_json::from_str(&text).unwrap()
}

fn panels(dashboard: &Value) -> &[Value] {
    dashboard["panels"].as_array().unwrap()
}

/// A state is a number times its series, and that number is its text.
#[test]
fn every_state_has_its_text_and_colour() {
    let dashboard = dashboard();
    let panel = panels(&dashboard).iter().find(|panel| panel["type"] == "state-timeline").unwrap();
    let texts = panel["fieldConfig"]["defaults"]["mappings"][0]["options"].as_object().unwrap();
    let expression = panel["targets"][0]["expr"].as_str().unwrap();
    let mut seen = BTreeSet::new();
    for part in expression.split("state=\"").skip(1) {
        let (state, behind) = part.split_once('"').unwrap();
        let number = behind.split_once(" * ").unwrap().1.split_whitespace().next().unwrap();
        assert_eq!(texts[number]["text"], state);
        assert!(texts[number]["color"].is_string(), "{state}");
        assert!(seen.insert(state.to_owned()), "{state} twice");
    }
    assert_eq!(seen, states());
    assert_eq!(texts.len(), seen.len() + 1, "0 is none of them");
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_overlap() {
    let (mut ids, mut taken) = (BTreeSet::new(), BTreeSet::new());
    for panel in panels(&dashboard()) {
        let title = panel["title"].as_str().unwrap();
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{title}");
        assert!(panel["type"] == "row" || panel["description"].as_str().unwrap().len() > 15, "{title}");
        let [x, y, width, height] = ["x", "y", "w", "h"].map(|side| panel["gridPos"][side].as_u64().unwrap());
        assert!(x + width <= 24, "{title}");
        for place in (x..x + width).flat_map(|x| (y..y + height).map(move |y| (x, y))) {
            assert!(taken.insert(place), "{title}");
        }
    }
}

/// As with the rules: no expression names a job, and each goes by what was chosen above the panels.
#[test]
fn expressions_go_by_the_chosen_machines() {
    for panel in panels(&dashboard()) {
        for target in panel["targets"].as_array().into_iter().flatten() {
            let expression = target["expr"].as_str().unwrap();
            assert!(!expression.contains("job"), "{expression}");
            let chooses = expression.contains("instance=~\"$instance\"") || expression.contains("ALERTS{");
            assert!(chooses, "{expression}");
        }
    }
}
