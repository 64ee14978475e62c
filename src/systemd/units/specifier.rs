//! `%` specifiers, as far as they are the same on every machine (systemd.unit(5), "SPECIFIERS").

/// The text with its specifiers replaced, for the unit of this name and the system manager; `None` where only the
/// running systemd knows what one stands for.
pub(super) fn expand(text: &str, unit: &str) -> Option<String> {
    let (stem, _) = unit.rsplit_once('.').unwrap_or((unit, ""));
    let (prefix, instance) = stem.split_once('@').unwrap_or((stem, ""));
    let mut expanded = String::new();
    let mut rest = text.chars();
    while let Some(character) = rest.next() {
        if character != '%' {
            expanded.push(character);
            continue;
        }
        match rest.next() {
            // A lone one at the end is itself.
            Some('%') | None => expanded.push('%'),
            Some('n') => expanded.push_str(unit),
            Some('N') => expanded.push_str(stem),
            Some('p') => expanded.push_str(prefix),
            Some('i') => expanded.push_str(instance),
            Some('P') => expanded.push_str(&unescaped(prefix)?),
            Some('I') => expanded.push_str(&unescaped(instance)?),
            Some('E') => expanded.push_str("/etc"),
            Some('S') => expanded.push_str("/var/lib"),
            Some('C') => expanded.push_str("/var/cache"),
            Some('L') => expanded.push_str("/var/log"),
            Some('t') => expanded.push_str("/run"),
            // The host's name, its identity, its temporary directories, and what newer versions add.
            Some(_) => return None,
        }
    }
    Some(expanded)
}

/// What `systemd-escape` made, back again: `-` was a slash, `\x2d` a byte.
fn unescaped(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        rest = rest.get(first.len_utf8()..)?;
        match first {
            '-' => bytes.push(b'/'),
            '\\' => {
                let (number, after) = rest.strip_prefix('x')?.split_at_checked(2)?;
                bytes.push(u8::from_str_radix(number, 16).ok()?);
                rest = after;
            }
            other => bytes.extend_from_slice(other.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    String::from_utf8(bytes).ok()
}
