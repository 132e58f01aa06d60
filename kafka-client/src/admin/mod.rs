//! Topics and their offsets: created, described, deleted, by calls that block.

mod by_leader;
mod offsets;
mod operation;
mod topics;

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::mpsc as blocking;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::spawn_local;

use crate::cluster::Cluster;
use crate::{ClientConfig, ClientError, Reactor};
pub use offsets::OffsetSpec;
use operation::Operation;
pub use topics::{NewTopic, TopicDescription};

/// Topics and their offsets. Can be shared by threads; each call blocks its caller, up to the timeout given to it.
///
/// Brokers that cannot be reached, and answers that may be different soon (a leader that moves, a controller that is being elected), are
/// tried again until the timeout. The error is then the last one that was met, with what it was about. A topic or a partition that the
/// cluster does not show may still be on its way to all brokers:
/// [`UnknownTopicOrPartition`](ClientError::Refused) is an error once
/// [`topic_metadata_propagation_max`](ClientConfig::topic_metadata_propagation_max) has passed, or the timeout.
///
/// What is under way ends with a call's timeout, or with the last handle on the reactor's thread. Calls must not be made on that thread.
///
/// ```no_run
/// use std::time::Duration;
/// use kafka_client::admin::{Admin, NewTopic, OffsetSpec};
/// use kafka_client::{ClientConfig, Reactor};
///
/// let reactor = Reactor::start("kafka-client")?;
/// let admin = Admin::start(&reactor, ClientConfig::new(["localhost:9092"], "example"))?;
/// let timeout = Duration::from_secs(30);
/// for result in admin.create_topics(&[NewTopic::new("words", 3)], timeout)? {
///     result?;
/// }
/// println!("{:?}", admin.list_offsets(&[("words", 0, OffsetSpec::Latest)], timeout)?);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Admin {
    /// Holds no more jobs than there are threads blocked in calls.
    jobs: mpsc::UnboundedSender<Job>,
    _reactor: Reactor,
}

type Job = Box<dyn FnOnce(Rc<Cluster>) + Send>;

/// Instants overflow; Kafka's timeouts are 32-bit milliseconds anyway.
const LONGEST: Duration = Duration::from_secs(24 * 24 * 60 * 60);
/// How much later than its timeout an answer may come from a thread that is busy.
const GRACE: Duration = Duration::from_secs(5);

impl Admin {
    /// A client on this reactor. Connects to no broker yet: brokers that are down are waited for by each call.
    ///
    /// # Errors
    /// [`ClientError::InvalidConfig`] with everything that is wrong.
    pub fn start(reactor: &Reactor, client: ClientConfig) -> Result<Self, ClientError> {
        let bootstrap = client.validate()?;
        let (jobs, mut receiver) = mpsc::unbounded_channel::<Job>();
        reactor.run(move || {
            spawn_local(async move {
                let cluster = Cluster::start(client, bootstrap);
                while let Some(job) = receiver.recv().await {
                    job(Rc::clone(&cluster));
                }
            });
        });
        Ok(Self { jobs, _reactor: reactor.clone() })
    }

    /// Describes the topics of these names that exist; all topics that the user may see where `names` is `None`. What does not exist
    /// is left out.
    ///
    /// # Errors
    /// Those of the cluster, of the first topic that cannot be described, or of reaching a broker in time.
    pub fn describe_topics(
        &self,
        names: Option<&[&str]>,
        timeout: Duration,
    ) -> Result<Vec<TopicDescription>, ClientError> {
        if names.is_some_and(<[_]>::is_empty) {
            return Ok(Vec::new());
        }
        let names = names.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
        self.run(timeout, |operation| topics::describe(operation, names))
    }

    /// Creates topics; one result each, in order. Returns when a broker shows each one that was created with a leader for every partition.
    ///
    /// An attempt whose answer was lost is repeated: the error that a topic exists (36) may be about the topic that this call has created.
    ///
    /// # Errors
    /// The outer one where no broker answered in time; the inner ones are the cluster's, and a time-out where a topic was created but did
    /// not become visible in time.
    pub fn create_topics(
        &self,
        topics: &[NewTopic],
        timeout: Duration,
    ) -> Result<Vec<Result<(), ClientError>>, ClientError> {
        if topics.is_empty() {
            return Ok(Vec::new());
        }
        let topics = topics.to_vec();
        self.run(timeout, |operation| topics::create(operation, topics))
    }

    /// Deletes topics; those that do not exist are passed over. Returns when a broker does not show them any more.
    ///
    /// # Errors
    /// Those of the cluster, of the first topic that cannot be deleted, or of reaching a broker in time. Other topics may be deleted then.
    pub fn delete_topics(&self, names: &[&str], timeout: Duration) -> Result<(), ClientError> {
        if names.is_empty() {
            return Ok(());
        }
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        self.run(timeout, |operation| topics::delete(operation, names))
    }

    /// The configuration in force of a topic, defaults included, by Kafka's keys; secret values are left out.
    ///
    /// # Errors
    /// Those of the cluster, or of reaching a broker in time.
    pub fn topic_config(&self, name: &str, timeout: Duration) -> Result<BTreeMap<String, String>, ClientError> {
        let name = name.to_owned();
        self.run(timeout, |operation| topics::config(operation, name))
    }

    /// The asked offset of each partition (topic and number), in order. A partition may be named several times.
    ///
    /// # Errors
    /// Those of the cluster, of the first partition that has one, or of reaching its leader in time.
    pub fn list_offsets(
        &self,
        partitions: &[(&str, i32, OffsetSpec)],
        timeout: Duration,
    ) -> Result<Vec<i64>, ClientError> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let partitions: Vec<_> =
            partitions.iter().map(|(topic, index, spec)| ((*topic).to_owned(), *index, *spec)).collect();
        self.run(timeout, |operation| offsets::list(operation, partitions))
    }

    /// Deletes the records below an offset of each partition (topic and number). An offset that is negative or above the end deletes all
    /// records there are, as far as they are replicated.
    ///
    /// # Errors
    /// Those of the cluster, of the first partition that has one, or of reaching its leader in time. Records of other partitions may be
    /// deleted then.
    pub fn delete_records(&self, before: &[(&str, i32, i64)], timeout: Duration) -> Result<(), ClientError> {
        if before.is_empty() {
            return Ok(());
        }
        let before: Vec<_> =
            before.iter().map(|(topic, index, offset)| ((*topic).to_owned(), *index, *offset)).collect();
        self.run(timeout, |operation| offsets::delete_before(operation, before))
    }

    /// Runs an operation on the reactor and waits for it.
    fn run<T: Send + 'static, F: Future<Output = Result<T, ClientError>> + 'static>(
        &self,
        timeout: Duration,
        start: impl FnOnce(Operation) -> F + Send + 'static,
    ) -> Result<T, ClientError> {
        let timeout = timeout.min(LONGEST);
        let (sender, receiver) = blocking::sync_channel(1);
        let job = move |cluster: Rc<Cluster>| {
            let operation = start(Operation::new(cluster, timeout));
            spawn_local(async move {
                // The caller waits longer than the operation lasts.
                let _ = sender.send(operation.await);
            });
        };
        self.jobs.send(Box::new(job)).map_err(|_| ClientError::Closed)?;
        match receiver.recv_timeout(timeout + GRACE) {
            Ok(result) => result,
            Err(blocking::RecvTimeoutError::Timeout) => Err(ClientError::Timeout),
            Err(blocking::RecvTimeoutError::Disconnected) => Err(ClientError::Closed),
        }
    }
}
