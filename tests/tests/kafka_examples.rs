//! Every example does on Kafka what it does on the embedded broker.

use std::path::Path;
use std::process::Command;
use tests::kafka::Cluster;
use tests::kafka::environment::{bootstrap_servers, client_implementation, example, unique};

/// Topics of tables, which have the same names in all runs, and the same rows.
const TABLES: [&str; 2] = ["customers", "risk-scores"];

/// What an example prints of its sample input, with topics and a group of its own.
fn output(cluster: &Cluster, name: &str) -> String {
    let id = unique(name);
    let (input, output) = (format!("{id}-input"), format!("{id}-output"));
    let mut command = Command::new(example(name));
    command.args(["--bootstrap-servers", cluster.servers(), "--application-id", &id, "--sample"]);
    command.args(["--input", &input, "--output", &output]);
    if let Some(implementation) = client_implementation() {
        command.args(["--set", &format!("client.implementation={implementation}")]);
    }
    let printed = command.output().expect("the program runs");
    let errors = String::from_utf8_lossy(&printed.stderr);
    assert!(printed.status.success(), "{name} ended with {}:\n{errors}", printed.status);
    let own = cluster.topics_with_prefix(&id);
    cluster.delete_topics(&own.iter().map(String::as_str).collect::<Vec<_>>());
    cluster.delete_groups(&[&id]);
    String::from_utf8(printed.stdout).expect("text")
}

#[test]
fn every_example_gives_on_kafka_what_its_folder_expects() {
    let cluster = Cluster::new(&bootstrap_servers());
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let mut seen = 0;
    for folder in std::fs::read_dir(root).expect("the examples").flatten() {
        let Ok(expected) = std::fs::read_to_string(folder.path().join("expected.txt")) else { continue };
        let name = folder.file_name().into_string().expect("a name");
        assert_eq!(output(&cluster, &name), expected, "{name}");
        seen += 1;
    }
    assert!(seen >= 18, "{seen} examples");
    let left: Vec<_> =
        TABLES.into_iter().filter(|topic| cluster.topics_with_prefix(topic).contains(&(*topic).to_owned())).collect();
    cluster.delete_topics(&left);
}
