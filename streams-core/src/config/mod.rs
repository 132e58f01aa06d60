//! Configuration: Kafka Streams' keys and defaults, checked as a whole before anything starts.
//!
//! Keys for one kind of client carry a prefix: `consumer.`, `main.consumer.`, `restore.consumer.`, `producer.`, `admin.`; keys
//! for internal topics `topic.`. Everything wrong is reported at once; a key that nobody knows is warned about.

mod clients;
mod keys;
mod optimization;
mod settings;

pub use clients::ClientRole;
pub use keys::{ConfigKey, KEYS};
pub use optimization::TopologyOptimization;
pub use settings::{GroupSettings, Settings};

use crate::error::{
    DeserializationExceptionHandler, ProcessingExceptionHandler, ProductionExceptionHandler, StreamsError,
};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The configuration of an application, by Kafka Streams' keys.
///
/// ```
/// use streams_core::config::StreamsConfig;
///
/// let config = StreamsConfig::new("word-count", "localhost:9092")
///     .set("num.stream.threads", 2)
///     .set("consumer.auto.offset.reset", "latest");
/// assert!(config.validate().is_ok());
/// ```
#[derive(Clone, Default)]
pub struct StreamsConfig {
    values: BTreeMap<String, String>,
    handlers: Handlers,
}

/// Exception handlers given as objects, which win over those given by name.
#[derive(Clone, Default)]
struct Handlers {
    deserialization: Option<Arc<dyn DeserializationExceptionHandler>>,
    processing: Option<Arc<dyn ProcessingExceptionHandler>>,
    production: Option<Arc<dyn ProductionExceptionHandler>>,
}

impl StreamsConfig {
    /// A configuration with the two keys that have no default. `application_id` is also the group's name and the prefix of internal
    /// topics; `bootstrap_servers` is a comma-separated list of `host:port`.
    pub fn new(application_id: impl Into<String>, bootstrap_servers: impl Into<String>) -> Self {
        Self::default().set("application.id", application_id.into()).set("bootstrap.servers", bootstrap_servers.into())
    }

    /// Sets a key. Values are checked by [`validate`](Self::validate), not here.
    #[must_use]
    pub fn set(mut self, key: impl Into<String>, value: impl ToString) -> Self {
        self.values.insert(key.into(), value.to_string());
        self
    }

    /// The value set for a key; not its default.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.values.get(key).map(String::as_str)
    }

    /// All keys that are set, with their values, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.values.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Decides about input records that cannot be decoded; by default the first one stops the application.
    #[must_use]
    pub fn with_deserialization_exception_handler(mut self, handler: impl DeserializationExceptionHandler) -> Self {
        self.handlers.deserialization = Some(Arc::new(handler));
        self
    }

    /// Decides about records at which user code fails; by default the first one stops the application.
    #[must_use]
    pub fn with_processing_exception_handler(mut self, handler: impl ProcessingExceptionHandler) -> Self {
        self.handlers.processing = Some(Arc::new(handler));
        self
    }

    /// Decides about records that the cluster does not take; by default the first one stops the application.
    #[must_use]
    pub fn with_production_exception_handler(mut self, handler: impl ProductionExceptionHandler) -> Self {
        self.handlers.production = Some(Arc::new(handler));
        self
    }

    /// Checks everything and answers the settings in force.
    ///
    /// # Errors
    /// [`StreamsError::Config`] lists every fault.
    pub fn validate(&self) -> Result<Settings, StreamsError> {
        Settings::parse(self)
    }
}

#[cfg(test)]
mod tests;
