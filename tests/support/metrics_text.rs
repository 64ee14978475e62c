//! A strict reader of the text format of Prometheus (0.0.4), and Prometheus' own judgement of it.

use std::collections::BTreeSet;
use std::io::Write;
use std::process::{Command, Stdio};

/// A metric with its samples.
#[derive(Debug)]
pub(crate) struct Family {
    pub(crate) name: String,
    pub(crate) help: String,
    pub(crate) kind: String,
    pub(crate) samples: Vec<Sample>,
}

/// A sample.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) value: f64,
}

/// What was scraped at a time.
#[derive(Debug)]
pub(crate) struct Scrape(pub(crate) Vec<Family>);

impl Scrape {
    /// Reads it, and panics at whatever no scrape may have.
    pub(crate) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end");
        let mut families: Vec<Family> = Vec::new();
        let mut seen = BTreeSet::new();
        let mut lines = text.split_terminator('\n').peekable();
        while let Some(line) = lines.next() {
            let head = line.strip_prefix("# HELP ").unwrap_or_else(|| panic!("no HELP: {line}"));
            let (name, help) = head.split_once(' ').unwrap();
            assert!(is_name(name) && !help.is_empty() && !help.contains('\\'), "{line}");
            let line = lines.next().unwrap();
            let kind =
                line.strip_prefix(&format!("# TYPE {name} ")).unwrap_or_else(|| panic!("no TYPE: {line}"));
            assert!(["gauge", "counter", "histogram"].contains(&kind), "{line}");
            assert_eq!(kind == "counter", name.ends_with("_total"), "{line}");
            assert!(families.iter().all(|family| family.name != name), "{name} is there twice");
            let mut samples = Vec::new();
            while let Some(line) = lines.next_if(|line| !line.starts_with('#')) {
                let sample = sample(line);
                let suffixes: &[&str] =
                    if kind == "histogram" { &["_bucket", "_sum", "_count"] } else { &[""] };
                let suffix = sample.name.strip_prefix(name).unwrap_or_else(|| panic!("{line} below {name}"));
                assert!(suffixes.contains(&suffix), "{line} below {name}");
                assert!(seen.insert(line.rsplit_once(' ').unwrap().0.to_owned()), "{line} is there twice");
                samples.push(sample);
            }
            assert!(!samples.is_empty(), "{name} has no samples");
            let family =
                Family { name: name.to_owned(), help: help.to_owned(), kind: kind.to_owned(), samples };
            if kind == "histogram" {
                family.judge_histograms();
            }
            families.push(family);
        }
        Self(families)
    }

    /// A metric, if there is any of it.
    pub(crate) fn family(&self, name: &str) -> Option<&Family> {
        self.0.iter().find(|family| family.name == name)
    }

    /// The value of the sample with this name that has these labels, and maybe others.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> Option<f64> {
        let has = |sample: &Sample, (label, value): &(&str, &str)| {
            sample.labels.iter().any(|(other, has)| other == label && has == value)
        };
        let mut found = self.0.iter().flat_map(|family| &family.samples);
        found
            .find(|sample| sample.name == name && labels.iter().all(|label| has(sample, label)))
            .map(|sample| sample.value)
    }
}

impl Family {
    /// Each is whole: ascending buckets that count up to the infinite one, which is the count, and a sum.
    fn judge_histograms(&self) {
        let mut rest = self.samples.as_slice();
        while !rest.is_empty() {
            let buckets = rest.iter().take_while(|sample| sample.name.ends_with("_bucket")).count();
            let (of_buckets, [sum, count, others @ ..]) = rest.split_at(buckets) else {
                panic!("{} ends early", self.name)
            };
            let bounds: Vec<f64> = of_buckets
                .iter()
                .map(|bucket| match bucket.labels.last().unwrap() {
                    (label, bound) if label == "le" && bound == "+Inf" => f64::INFINITY,
                    (label, bound) if label == "le" => number(bound),
                    _ => panic!("{bucket:?}"),
                })
                .collect();
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]), "{bounds:?}");
            assert!(of_buckets.windows(2).all(|pair| pair[0].value <= pair[1].value), "{of_buckets:?}");
            assert_eq!(bounds.last(), Some(&f64::INFINITY));
            assert_eq!(of_buckets.last().unwrap().value.to_bits(), count.value.to_bits(), "{count:?}");
            assert!(sum.name.ends_with("_sum") && count.name.ends_with("_count"), "{sum:?} {count:?}");
            let of_all = |sample: &Sample| sample.labels.split_last().unwrap().1.to_vec();
            assert!(
                of_buckets.iter().all(|bucket| of_all(bucket) == sum.labels && sum.labels == count.labels)
            );
            rest = others;
        }
    }
}

fn is_name(name: &str) -> bool {
    let letter = |c: char| c.is_ascii_lowercase() || c == '_';
    name.starts_with(letter) && name.chars().all(|c| letter(c) || c.is_ascii_digit())
}

/// Digits, with or without more of them behind a point: no zeros at the end, no exponent, no sign.
fn number(text: &str) -> f64 {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "1"));
    for digits in [whole, rest] {
        assert!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()), "{text}");
    }
    assert!((whole == "0" || !whole.starts_with('0')) && !rest.ends_with('0'), "{text}");
    text.parse().unwrap()
}

fn sample(line: &str) -> Sample {
    let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line}"));
    let amount = number(value);
    let Some((name, labels)) = series.split_once('{') else {
        assert!(is_name(series), "{line}");
        return Sample { name: series.to_owned(), labels: Vec::new(), value: amount };
    };
    assert!(is_name(name), "{line}");
    let mut rest = labels;
    let mut labels = Vec::new();
    loop {
        let (label, behind) = rest.split_once("=\"").unwrap_or_else(|| panic!("{line}"));
        assert!(is_name(label) && labels.iter().all(|(other, _)| other != label), "{line}");
        let mut value = String::new();
        let mut characters = behind.chars();
        loop {
            match characters.next().unwrap_or_else(|| panic!("no end: {line}")) {
                '"' => break,
                '\\' => value.push(match characters.next() {
                    Some('n') => '\n',
                    Some(same @ ('\\' | '"')) => same,
                    other => panic!("\\{other:?}: {line}"),
                }),
                other => value.push(other),
            }
        }
        labels.push((label.to_owned(), value));
        rest = characters.as_str();
        if rest == "}" {
            return Sample { name: name.to_owned(), labels, value: amount };
        }
        rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("{line}"));
    }
}

/// Has Prometheus judge what was scraped: `promtool` of Debian's package `prometheus`, where it is installed.
pub(crate) fn judge(text: &str) {
    let promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut promtool = match promtool {
        Ok(promtool) => promtool,
        Err(error) => {
            eprintln!("Prometheus' own judgement of metrics is skipped: promtool cannot be started: {error}");
            return;
        }
    };
    let mut input = promtool.stdin.take().unwrap();
    // One that ends early says why.
    let _ = input.write_all(text.as_bytes());
    drop(input);
    let output = promtool.wait_with_output().unwrap();
    let told = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && told.is_empty(), "{}", String::from_utf8_lossy(&told));
}
