//! Brokers that a test may stop, by `./dev kafka`.

use std::path::PathBuf;
use std::process::Command;

/// Brokers of this test alone. Their data is deleted at the end.
pub struct Brokers {
    name: String,
    pub servers: String,
}

impl Brokers {
    /// One broker.
    pub fn one(name: &str) -> Self {
        Self::start(name, &["up"])
    }

    /// A cluster of three.
    pub fn three(name: &str) -> Self {
        Self::start(name, &["up", "--brokers", "3"])
    }

    fn start(name: &str, up: &[&str]) -> Self {
        // Before it starts, so that a start that fails is cleaned up as well.
        let mut brokers = Self { name: name.to_owned(), servers: String::new() };
        brokers.call(name, &["down", "--purge"]);
        let told = brokers.call(name, up);
        brokers.servers = address(&told);
        brokers
    }

    /// Ends a broker, as a crash does or as an administrator does, and starts it again where it was. Its number is 0 where it is the only one.
    pub fn restart(&self, number: usize, crash: bool) {
        let name = if number == 0 { self.name.clone() } else { format!("{}-{number}", self.name) };
        self.call(&name, &[if crash { "kill" } else { "down" }]);
        let told = address(&self.call(&name, &["up"]));
        assert!(self.servers.split(',').any(|server| server == told), "{told} is none of {}", self.servers);
    }

    fn call(&self, name: &str, arguments: &[&str]) -> String {
        let script = std::env::var_os("KAFKA_DEV")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../dev"), PathBuf::from);
        let mut command = Command::new(&script);
        command.arg("kafka").args(arguments).env("KAFKA_INSTANCE", name);
        let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", script.display()));
        let said = String::from_utf8_lossy(&output.stderr);
        // Where a test has failed already, there is nothing to add.
        assert!(output.status.success() || std::thread::panicking(), "./dev kafka {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

fn address(told: &str) -> String {
    let servers = told.lines().find_map(|line| line.strip_prefix("bootstrap.servers="));
    servers.unwrap_or_else(|| panic!("no address in the answer of ./dev kafka up: {told}")).to_owned()
}

impl Drop for Brokers {
    fn drop(&mut self) {
        self.call(&self.name, &["down", "--purge"]);
    }
}
