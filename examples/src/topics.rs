use crate::{Example, Options};
use std::error::Error;
use std::time::Duration;
use streams_dsl::broker::{Admin, BrokerError, BrokerErrorKind, NewTopic};

/// Partitions of the topics that the examples create.
const PARTITIONS: i32 = 3;
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long the cluster may take for its first answer. Later outages are waited for; at the start a wrong address is likelier.
const FIRST_ANSWER: Duration = Duration::from_secs(10);

/// Creates those topics of an example that do not exist: input, output and tables.
pub(crate) fn create_topics(
    admin: &impl Admin,
    servers: &str,
    example: &Example,
    options: &Options,
) -> Result<(), Box<dyn Error>> {
    let tables: Vec<_> = example.tables(&options.input).map(|(topic, _)| topic).collect();
    let mut names = vec![options.input.as_str(), options.output.as_str()];
    names.extend(tables.iter().map(String::as_str));
    let no_answer = |error: BrokerError| match error.is_retriable() {
        true => format!("no answer from Kafka at {servers} within {FIRST_ANSWER:?}: {error}"),
        false => error.to_string(),
    };
    let existing = admin.describe_topics(Some(&names), FIRST_ANSWER).map_err(no_answer)?;
    let missing: Vec<_> = names
        .iter()
        .filter(|name| !existing.iter().any(|topic| topic.name == **name))
        .map(|name| NewTopic {
            name: (*name).to_owned(),
            partitions: PARTITIONS,
            replication_factor: -1,
            config: Default::default(),
        })
        .collect();
    for result in admin.create_topics(&missing, TIMEOUT)? {
        match result {
            // Another instance was faster.
            Err(error) if error.kind == BrokerErrorKind::TopicExists => {}
            other => other?,
        }
    }
    Ok(())
}
