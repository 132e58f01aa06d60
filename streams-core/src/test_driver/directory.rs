use crate::error::StreamsError;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// A temporary directory that goes when the driver does.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn create() -> Result<Self, StreamsError> {
        let path = std::env::temp_dir().join(format!("topology-test-driver-{}", Uuid::new_v4()));
        match std::fs::create_dir_all(&path) {
            Ok(()) => Ok(Self(path)),
            Err(error) => Err(StreamsError::StateDirectory {
                directory: path.display().to_string(),
                message: format!("it cannot be made: {error}; set TMPDIR to a directory that can be written"),
            }),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!("test directory {} is left behind: {error}", self.0.display());
        }
    }
}
