//! The example programs print what their folders say.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The program of an example: in the folder that `EXAMPLE_BIN_DIR` names, else where cargo puts programs beside this test.
///
/// Asks for what is missing: it cannot be built from here while cargo holds its lock.
fn program(name: &str) -> PathBuf {
    let folder = match std::env::var_os("EXAMPLE_BIN_DIR") {
        Some(folder) => PathBuf::from(folder),
        None => {
            let test = std::env::current_exe().expect("this test's own path");
            test.ancestors().nth(2).expect("the folder above deps").to_path_buf()
        }
    };
    let program = folder.join(name);
    assert!(
        program.is_file(),
        "{} does not exist: run `cargo build -p examples --bins` first, or name the folder of the programs in EXAMPLE_BIN_DIR",
        program.display()
    );
    program
}

fn output(name: &str, arguments: &[&str]) -> String {
    let output = Command::new(program(name)).args(arguments).output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name} {arguments:?} ended with {}:\n{errors}", output.status);
    String::from_utf8(output.stdout).expect("text")
}

fn examples() -> Vec<(String, PathBuf)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folders = std::fs::read_dir(root).expect("the examples").flatten();
    let with_output = folders.filter(|entry| entry.path().join("expected.txt").is_file());
    with_output.map(|entry| (entry.file_name().into_string().expect("a name"), entry.path())).collect()
}

#[test]
fn every_example_prints_what_its_folder_expects() {
    let examples = examples();
    assert!(examples.len() >= 18, "{examples:?}");
    for (name, folder) in examples {
        let expected = std::fs::read_to_string(folder.join("expected.txt")).expect("the expected output");
        assert_eq!(output(&name, &[]), expected, "{name}");
    }
}

#[test]
fn final_page_views_are_those_of_the_minutes_that_are_over() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/page-views");
    let expected = std::fs::read_to_string(folder.join("expected-final.txt")).expect("the expected output");
    assert_eq!(output("page-views", &["--final"]), expected);
}

#[test]
fn every_folder_of_an_example_says_what_it_prints() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    for entry in std::fs::read_dir(root).expect("the examples").flatten() {
        let folder = entry.path();
        if folder.join("main.rs").is_file() {
            assert!(folder.join("expected.txt").is_file(), "{} has no expected.txt", folder.display());
        }
    }
}

#[test]
fn the_word_count_demo_ends_with_the_final_table() {
    let text = output("word-count", &["--demo"]);
    let table = text.split("final counts:\n").nth(1).expect("a final table");
    let rows: Vec<_> = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>()).collect();
    assert_eq!(rows[..3], [["hello", "3"], ["kafka", "3"], ["streams", "3"]]);
    assert_eq!(rows.len(), 10, "{table}");
}

#[test]
fn an_unknown_option_is_refused_with_the_usage() {
    let output = Command::new(program("filter")).arg("--no-such-option").output().expect("the program runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(errors.contains("--no-such-option") && errors.contains("usage: filter"), "{errors}");
}
