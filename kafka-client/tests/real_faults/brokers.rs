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
        self.call(&self.instance(number), &[if crash { "kill" } else { "down" }]);
        self.up(number);
    }

    pub fn kill(&self, number: usize) {
        self.call(&self.instance(number), &["kill"]);
    }

    pub fn up(&self, number: usize) {
        let told = address(&self.call(&self.instance(number), &["up"]));
        assert!(self.servers.split(',').any(|server| server == told), "{told} is none of {}", self.servers);
    }

    fn instance(&self, number: usize) -> String {
        if number == 0 { self.name.clone() } else { format!("{}-{number}", self.name) }
    }

    /// The numbers of the brokers that hold a topic's partition 0; its leader's comes first.
    pub fn replicas(&self, topic: &str) -> Vec<usize> {
        let arguments = ["tool", "topics", "--bootstrap-server", &self.servers, "--describe", "--topic", topic];
        let told = self.call(&self.name, &arguments);
        let line = told.lines().find(|line| line.contains("Partition: 0")).unwrap_or_else(|| panic!("{told}"));
        let mut words = line.split_whitespace();
        let mut after = |name: &str| {
            words.find(|word| *word == name).and_then(|_| words.next()).unwrap_or_else(|| panic!("no {name} in {line}"))
        };
        let (leader, replicas) = (after("Leader:").to_owned(), after("Replicas:"));
        let mut replicas: Vec<usize> = replicas.split(',').map(|number| number.parse().unwrap()).collect();
        replicas.sort_by_key(|number| number.to_string() != leader);
        replicas
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
