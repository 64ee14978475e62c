//! What holds of every text that is made for a person, whatever it is about.

use vault_unseal::explain::Explain;
use vault_unseal::external::could_be_secret;

/// The longest text: a line, or some lines of advice.
const LONGEST: usize = 8 * 1024;

/// The message and the advice: bounded, nothing in them that a terminal obeys, and no word of the input that could be a
/// share or a token.
pub(crate) fn check(what: &dyn Explain, input: &[u8]) {
    let mut said = what.to_string();
    text(&said, input);
    assert!(!said.contains('\n'), "a message is one line: {said}");
    if let (_, Some(advice)) = what.kind_and_advice() {
        text(&advice, input);
        said.push_str(&advice);
    }
    assert!(!said.is_empty());
}

/// The same of any text.
pub(crate) fn text(said: &str, input: &[u8]) {
    assert!(said.len() <= LONGEST + 8 * input.len().min(LONGEST), "{} bytes: {said}", said.len());
    let obeyed = |c: char| c.is_control() && c != '\n';
    assert!(!said.contains(obeyed), "a terminal would obey {said:?}");
    for secret in secrets(input) {
        assert!(!said.contains(&secret), "what could be a share is repeated: {secret}: {said}");
    }
}

/// The words of the input that could be a share or a token.
fn secrets(input: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(input);
    let part = |c: char| c.is_ascii_alphanumeric() || "+/=._-".contains(c);
    text.split(|c: char| !part(c)).filter(|word| could_be_secret(word)).map(str::to_owned).collect()
}
