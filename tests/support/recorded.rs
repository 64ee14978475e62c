//! What a real server answered, recorded: `tests/recorded/`.

/// One request and its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Position in the recording, from 1.
    pub number: u32,
    /// The situation, beginning with the letter of its phase: `C-same-share-twice`.
    pub case: &'static str,
    pub method: &'static str,
    /// With its query.
    pub path: &'static str,
    /// Cut at 90 characters; empty when there was none.
    pub body: &'static str,
    pub status: u16,
    /// The answer's body.
    pub response: &'static str,
}

/// Every answer of OpenBao 2.7.2, in the order recorded.
pub fn openbao() -> Vec<Recorded> {
    parse(include_str!("../recorded/openbao-2.7.2.tsv"))
}

/// The answers of RustyVault 0.2.1 to the requests an unseal needs.
pub fn rustyvault() -> Vec<Recorded> {
    parse(include_str!("../recorded/rustyvault-0.2.1.tsv"))
}

fn parse(table: &'static str) -> Vec<Recorded> {
    let mut rows = table.lines().filter(|line| !line.starts_with('#'));
    assert_eq!(rows.next(), Some("number\tcase\tmethod\tpath\tbody\tstatus\tresponse"), "another table");
    rows.map(|row| {
        let columns: Vec<&str> = row.split('\t').collect();
        let [number, case, method, path, body, status, response] = columns[..] else {
            panic!("{} columns instead of 7: {row}", columns.len());
        };
        let (number, status) = (number.parse().unwrap(), status.parse().unwrap());
        Recorded { number, case, method, path, body, status, response }
    })
    .collect()
}
