use std::collections::BTreeMap;

/// How much a [suppression](crate::Suppressed) may hold back, and that it gives the oldest records early when that is not enough.
///
/// One that ends the application instead is a [`StrictBufferConfig`]; [`shut_down_when_full`](Self::shut_down_when_full) makes one.
#[derive(Debug, Clone)]
pub struct BufferConfig {
    pub(crate) limits: Limits,
    pub(crate) when_full: WhenFull,
}

/// How much a [suppression](crate::Suppressed) may hold back, where nothing may be given early: unbounded, or with an error when it is full.
#[derive(Debug, Clone)]
pub struct StrictBufferConfig {
    limits: Limits,
}

/// What both say.
#[derive(Debug, Clone)]
pub(crate) struct Limits {
    pub max_records: u64,
    pub max_bytes: u64,
    /// Settings of the changelog topic; `None` where there is none.
    pub logging: Option<BTreeMap<String, String>>,
}

/// What happens to a record for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// It is taken, and the oldest are given early.
    EmitEarly,
    /// The task fails.
    ShutDown,
}

impl Limits {
    const NONE: Self = Self { max_records: u64::MAX, max_bytes: u64::MAX, logging: Some(BTreeMap::new()) };
}

impl BufferConfig {
    /// Up to so many records, one for each key.
    pub fn max_records(records: u64) -> Self {
        Self::eager(Limits { max_records: records, ..Limits::NONE })
    }

    /// Up to so many bytes, as Kafka Streams reckons them: keys, values, topic names and headers, and 36 bytes for each record.
    pub fn max_bytes(bytes: u64) -> Self {
        Self::eager(Limits { max_bytes: bytes, ..Limits::NONE })
    }

    /// No limit: for what is known to fit into memory.
    pub fn unbounded() -> StrictBufferConfig {
        StrictBufferConfig { limits: Limits::NONE }
    }

    fn eager(limits: Limits) -> Self {
        Self { limits, when_full: WhenFull::EmitEarly }
    }
}

impl From<StrictBufferConfig> for BufferConfig {
    fn from(strict: StrictBufferConfig) -> Self {
        Self { limits: strict.limits, when_full: WhenFull::ShutDown }
    }
}

macro_rules! common_limits {
    ($config:ty) => {
        impl $config {
            /// Also up to so many records.
            #[must_use]
            pub fn with_max_records(mut self, records: u64) -> Self {
                self.limits.max_records = records;
                self
            }

            /// Also up to so many bytes, reckoned as for [`BufferConfig::max_bytes`].
            #[must_use]
            pub fn with_max_bytes(mut self, bytes: u64) -> Self {
                self.limits.max_bytes = bytes;
                self
            }

            /// No limit.
            #[must_use]
            pub fn with_no_bound(self) -> StrictBufferConfig {
                let limits = Limits { logging: self.limits.logging, ..Limits::NONE };
                StrictBufferConfig { limits }
            }

            /// With a full buffer the task fails, with [`StreamsError::InvalidState`](crate::StreamsError::InvalidState): no record is given
            /// before its time. The uncaught exception handler decides what then becomes of the application.
            #[must_use]
            pub fn shut_down_when_full(self) -> StrictBufferConfig {
                StrictBufferConfig { limits: self.limits }
            }

            /// With a full buffer the oldest records are given early, until the others fit.
            #[must_use]
            pub fn emit_early_when_full(self) -> BufferConfig {
                BufferConfig::eager(self.limits)
            }

            /// Keeps no changelog: what is held back is lost when the task moves or the application restarts.
            #[must_use]
            pub fn with_logging_disabled(mut self) -> Self {
                self.limits.logging = None;
                self
            }

            /// Logs what is held back to a changelog topic with these settings beyond the default ones (`cleanup.policy=compact`). Logging is
            /// the default.
            #[must_use]
            pub fn with_logging_enabled<C, S>(mut self, config: C) -> Self
            where
                C: IntoIterator<Item = (S, S)>,
                S: Into<String>,
            {
                self.limits.logging =
                    Some(config.into_iter().map(|(name, value)| (name.into(), value.into())).collect());
                self
            }
        }
    };
}

common_limits!(BufferConfig);
common_limits!(StrictBufferConfig);
