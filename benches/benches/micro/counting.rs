use crate::case::Failure;
use std::process::Command;

/// Instructions per record: of the records that the larger run has more than the smaller one.
pub fn per_record(group: &str, name: &str, few: u64, many: u64) -> Result<u64, Failure> {
    let more = instructions(group, name, many)?.saturating_sub(instructions(group, name, few)?);
    Ok((more + (many - few) / 2) / (many - few))
}

/// As cachegrind counts them, of a process of its own.
fn instructions(group: &str, name: &str, records: u64) -> Result<u64, Failure> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null"]);
    command.arg(std::env::current_exe()?).args(["--run", group, name, &records.to_string()]);
    let output = command.output().map_err(|error| format!("valgrind cannot be run: {error}; is it installed?"))?;
    let log = String::from_utf8_lossy(&output.stderr);
    let counted = log.lines().find_map(|line| match line.split_whitespace().collect::<Vec<_>>()[..] {
        [_, "I", "refs:", count] => count.replace(',', "").parse().ok(),
        _ => None,
    });
    match counted {
        Some(counted) if output.status.success() => Ok(counted),
        _ => Err(format!("{group} {name} failed under valgrind:\n{log}").into()),
    }
}
