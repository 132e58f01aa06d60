//! Processes to be killed: the test starts its own binary again.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Names the directory, in the process to be killed.
pub const VICTIM: &str = "STATE_STORES_TEST_VICTIM";

/// Starts this test again, as the process to be killed.
pub fn spawn(directory: &Path, test: &str) -> (Child, impl BufRead + use<>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture"])
        .env(VICTIM, directory)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = BufReader::new(child.stdout.take().unwrap());
    (child, output)
}

/// Reads the child's output until it has committed so many times.
pub fn wait_for_commits(output: &mut impl BufRead, commits: i64) {
    let mut line = String::new();
    while !line.contains(&format!("committed {commits}\n")) {
        line.clear();
        assert_ne!(output.read_line(&mut line).unwrap(), 0, "the child ended by itself");
    }
}
