use std::fmt::Debug;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Where and how the records of a stream are printed.
pub struct Printed<K, V> {
    pub(crate) target: Result<Target, String>,
    pub(crate) label: Option<String>,
    pub(crate) mapper: Arc<Mapper<K, V>>,
}

pub(crate) type Target = Arc<Mutex<dyn Write + Send>>;
pub(crate) type Mapper<K, V> = dyn Fn(&K, &V) -> String + Send + Sync;

impl<K: Debug, V: Debug> Printed<K, V> {
    /// To the standard output, a line per record: `[label]: key, value`.
    pub fn to_stdout() -> Self {
        Self::to_writer(io::stdout())
    }

    /// To the end of a file, which is made if it does not exist. Where it cannot be opened, `StreamsBuilder::build` says so.
    pub fn to_file(path: impl AsRef<Path>) -> Self {
        let path = path.as_ref();
        match OpenOptions::new().create(true).append(true).open(path) {
            Ok(file) => Self::to_writer(file),
            Err(error) => Self {
                target: Err(format!("cannot print to {}: {error}; give a file that can be written", path.display())),
                ..Self::to_writer(io::sink())
            },
        }
    }

    /// To any writer; all tasks share it.
    pub fn to_writer(writer: impl Write + Send + 'static) -> Self {
        Self {
            target: Ok(Arc::new(Mutex::new(writer))),
            label: None,
            mapper: Arc::new(|key, value| format!("{key:?}, {value:?}")),
        }
    }

    /// Sets the label of the lines; the name of the stream's step if not set.
    #[must_use]
    pub fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = Some(label.into());
        self
    }

    /// Sets what is printed of each record after the label.
    #[must_use]
    pub fn with_key_value_mapper(mut self, mapper: impl Fn(&K, &V) -> String + Send + Sync + 'static) -> Self {
        self.mapper = Arc::new(mapper);
        self
    }
}
