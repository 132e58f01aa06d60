//! Where the broker, the programs and `./dev` are: `./dev test` says so in the environment.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// The address of the broker that all tests share.
///
/// # Panics
/// Where the environment does not say.
pub fn bootstrap_servers() -> String {
    variable("KAFKA_BOOTSTRAP_SERVERS", "the address of a broker, as 127.0.0.1:9092")
}

/// The program of an example, built in release mode.
///
/// # Panics
/// Where the environment does not say, or the program is not built.
pub fn example(name: &str) -> PathBuf {
    let program = PathBuf::from(variable("EXAMPLE_BIN_DIR", "the folder of the examples' release programs")).join(name);
    assert!(program.is_file(), "{} is not built: cargo build --release -p examples", program.display());
    program
}

/// The client that the programs use, where it is not to be the default one: `./dev test` runs the suites with each.
pub fn client_implementation() -> Option<String> {
    std::env::var("TEST_CLIENT_IMPLEMENTATION").ok().filter(|name| !name.is_empty())
}

/// This project's `./dev`.
///
/// # Panics
/// Where the environment does not say.
pub fn dev() -> PathBuf {
    variable("KAFKA_DEV", "the path of this project's ./dev").into()
}

/// The Java program, and the classes of this project's programs on Kafka Streams.
///
/// # Panics
/// Where the environment does not say.
pub fn java() -> (PathBuf, String) {
    let java = variable("BENCH_JAVA", "the path of the program java");
    (java.into(), variable("BENCH_JAVA_CLASSPATH", "the classes of benches/java and their libraries"))
}

/// Python, with the clients that `python/requirements.txt` names.
///
/// # Panics
/// Where the environment does not say.
pub fn python() -> PathBuf {
    variable("KAFKA_PYTHON", "a Python with what tests/python/requirements.txt names").into()
}

fn variable(name: &str, meaning: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("set {name} to {meaning}; ./dev test does"))
}

/// A name that no other test and no earlier run has used.
pub fn unique(name: &str) -> String {
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    format!("e2e-{name}-{nanos}")
}
