//! What came of a run, for a person.

use crate::run::Run;

/// Prints it; whether all is well: nothing was found, and each target did what it is there for.
pub(crate) fn print(runs: &[Run]) -> bool {
    println!();
    println!("target    seeds  accepted  executions  a second   edges  features  new inputs  findings");
    for run in runs {
        println!(
            "{:8} {:>6} {:>9} {:>11} {:>9} {:>7} {:>9} {:>11} {:>9}",
            run.target,
            run.seeds,
            run.accepted,
            run.executions,
            run.executions / run.seconds.max(1),
            run.coverage,
            run.features,
            run.added,
            run.findings.len(),
        );
    }
    println!();
    for run in runs {
        for finding in &run.findings {
            println!("{}: {}\n  {}", run.target, finding.input.display(), finding.said.replace('\n', "\n  "));
            println!("  once more: ./x fuzz again {} {}\n", run.target, finding.input.display());
        }
    }
    let complaints: Vec<String> = runs.iter().filter_map(complaint).collect();
    for complaint in &complaints {
        println!("{complaint}");
    }
    let found = runs.iter().any(|run| !run.findings.is_empty());
    if !found && complaints.is_empty() {
        println!("Nothing was found.");
    }
    !found && complaints.is_empty()
}

/// What makes a run worth nothing.
fn complaint(run: &Run) -> Option<String> {
    let what = if !run.findings.is_empty() {
        return None;
    } else if run.accepted == 0 {
        "none of its seeds is accepted: nothing shows that what follows is reached"
    } else if run.coverage == 0 || run.features <= run.coverage {
        "it counts nothing: the compiler's flags have no effect"
    } else if run.executions <= u64::try_from(run.seeds).unwrap_or(u64::MAX) {
        "it made nothing of its seeds"
    } else {
        return None;
    };
    Some(format!("{}: {what}", run.target))
}
