//! The control socket: requests (a line with method and path, then the body) and answers.

use crate::said;
use serde_json::{from_slice, to_vec};
use vault_unseal::control::{Nodes, Request, Which};
use vault_unseal::external::{ExternalText, json_line};

pub(crate) fn check(data: &[u8]) -> bool {
    let asked = request(data);
    let answered = answer(data);
    asked || answered
}

fn request(data: &[u8]) -> bool {
    let end = data.iter().position(|byte| *byte == b'\n').unwrap_or(data.len());
    let (line, body) = data.split_at(end);
    let line = String::from_utf8_lossy(line);
    let Some((method, path)) = line.split_once(' ') else { return false };
    let Ok(method) = method.parse() else { return false };
    match Request::read(&method, path, body.get(1..).unwrap_or_default()) {
        Err(status) => {
            assert!([400, 404, 405].contains(&status), "{status}");
            false
        }
        Ok(request) => {
            if let Request::Order(_, which) = &request {
                let somebody = match which {
                    Which::Nodes(nodes) => !nodes.is_empty(),
                    Which::All(all) => *all,
                };
                assert!(somebody, "an order for nobody: {which:?}");
            }
            let body = request.body().expect("it was read from JSON");
            assert_eq!(Request::read(&request.method(), request.path(), &body), Ok(request));
            true
        }
    }
}

fn answer(data: &[u8]) -> bool {
    let Ok(nodes) = from_slice::<Nodes<ExternalText>>(data) else { return false };
    let written = to_vec(&nodes).expect("it was read from JSON");
    let again: Nodes<ExternalText> = from_slice(&written).expect("it was written by us");
    assert_eq!(to_vec(&again).expect("as before"), written);
    assert_eq!(
        (again.nodes.len(), again.names.len(), again.kept),
        (nodes.nodes.len(), nodes.names.len(), nodes.kept)
    );
    let line = json_line(&nodes).expect("as before");
    assert!(!line.contains(char::is_control), "{line:?}");
    for by in nodes.nodes.iter().filter_map(|node| node.held_by.as_ref()) {
        said::text(&by.to_string(), &[]);
    }
    true
}
