//! A broker that a test may stop, and Kafka's own tools, both by `./dev kafka`.

use super::environment::dev;
use std::process::{Command, Output};

/// A broker of this test alone. Its data is deleted at the end.
pub struct OwnBroker {
    name: String,
    servers: String,
}

impl OwnBroker {
    /// Starts the broker `name` of this checkout, on empty data.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn start(name: &str) -> Self {
        let mut broker = Self { name: name.to_owned(), servers: String::new() };
        broker.call(&["down", "--purge"]);
        broker.servers = broker.up();
        broker
    }

    /// Its address, the same after each start.
    pub fn servers(&self) -> &str {
        &self.servers
    }

    /// Starts it (again); returns its address when it answers.
    ///
    /// # Panics
    /// Where it does not start.
    pub fn up(&self) -> String {
        let output = self.call(&["up"]);
        let servers = output.lines().find_map(|line| line.strip_prefix("bootstrap.servers="));
        servers.unwrap_or_else(|| panic!("no address in the answer of ./dev kafka up: {output}")).to_owned()
    }

    /// Stops it as an administrator does.
    ///
    /// # Panics
    /// Where it does not stop.
    pub fn down(&self) {
        self.call(&["down"]);
    }

    /// Ends it as a crash does.
    ///
    /// # Panics
    /// Where it does not run.
    pub fn kill(&self) {
        self.call(&["kill"]);
    }

    fn call(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "./dev kafka {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(dev());
        command.arg("kafka").args(arguments).env("KAFKA_INSTANCE", &self.name);
        command.output().unwrap_or_else(|error| panic!("{}: {error}", dev().display()))
    }
}

impl Drop for OwnBroker {
    fn drop(&mut self) {
        let output = self.run(&["down", "--purge"]);
        if !output.status.success() {
            eprintln!("{}", String::from_utf8_lossy(&output.stderr));
        }
    }
}

/// What one of Kafka's command-line tools says about the cluster at `servers`.
///
/// # Panics
/// Where it fails.
pub fn tool(servers: &str, name: &str, arguments: &[&str]) -> String {
    let mut command = Command::new(dev());
    command.args(["kafka", "tool", name, "--bootstrap-server", servers]).args(arguments);
    let output = command.output().unwrap_or_else(|error| panic!("{}: {error}", dev().display()));
    assert!(output.status.success(), "{name} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
