use super::threads::lock;
use crate::error::StreamsError;
use crate::task::TaskId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Duration, SystemTime};
use uuid::Uuid;

const LOCK_FILE: &str = ".lock";
const PROCESS_FILE: &str = "kafka-streams-process-metadata";

/// The folder `<state.dir>/<application.id>` of this instance: one folder per task below it, locked against other processes.
///
/// It also keeps the process id, by which an instance is known to the group after a restart, so that it gets its tasks back.
#[derive(Debug)]
pub(crate) struct StateDirectory {
    root: PathBuf,
    process_id: Uuid,
    /// Locked for as long as it is open: until the instance has ended, though views of its stores may live on.
    lock: Mutex<Option<File>>,
}

#[derive(Serialize, Deserialize)]
struct ProcessMetadata {
    #[serde(rename = "processId")]
    process_id: Uuid,
}

impl StateDirectory {
    /// Creates and locks the folder.
    ///
    /// # Errors
    /// Another process has it, or it cannot be written; names the folder.
    pub(crate) fn open(state_dir: &Path, application_id: &str) -> Result<Self, StreamsError> {
        let root = state_dir.join(application_id);
        fs::create_dir_all(&root).map_err(|error| fault(&root, format!("cannot be created: {error}")))?;
        restrict(&root);
        let lock_path = root.join(LOCK_FILE);
        let lock = File::options().create(true).truncate(false).write(true).open(&lock_path);
        let lock = lock.map_err(|error| fault(&root, format!("cannot be written: {error}")))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message =
                    "is in use by another instance of this application; give each instance on a host its own state.dir";
                return Err(fault(&root, message.to_owned()));
            }
            Err(TryLockError::Error(error)) => return Err(fault(&root, format!("cannot be locked: {error}"))),
        }
        let process_id = process_id(&root)?;
        Ok(Self { root, process_id, lock: Mutex::new(Some(lock)) })
    }

    /// Lets another instance use the folder.
    pub(crate) fn unlock(&self) {
        lock(&self.lock).take();
    }

    /// The id by which the instance is known to its group.
    pub(crate) fn process_id(&self) -> Uuid {
        self.process_id
    }

    /// The folder of a task; not created yet.
    pub(crate) fn task_directory(&self, task: TaskId) -> PathBuf {
        self.root.join(task.to_string())
    }

    /// The tasks that have a folder.
    /// The folder of a global store.
    pub(crate) fn global_directory(&self, store: &str) -> PathBuf {
        self.root.join("global").join(store)
    }

    pub(crate) fn tasks(&self) -> BTreeSet<TaskId> {
        let Ok(entries) = fs::read_dir(&self.root) else { return BTreeSet::new() };
        entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect()
    }

    /// Deletes the folders of tasks that are not `in_use` and have not been touched for `delay`; answers which.
    pub(crate) fn clean(&self, in_use: impl Fn(TaskId) -> bool, delay: Duration) -> Vec<TaskId> {
        let mut deleted = Vec::new();
        for task in self.tasks() {
            let directory = self.task_directory(task);
            if in_use(task) || last_touched(&directory).is_none_or(|age| age < delay) {
                continue;
            }
            match fs::remove_dir_all(&directory) {
                Ok(()) => {
                    tracing::info!(
                        "deleted the state of task {task}, unused for over {delay:?}: {}",
                        directory.display()
                    );
                    deleted.push(task);
                }
                Err(error) => tracing::warn!("cannot delete {}: {error}", directory.display()),
            }
        }
        deleted
    }
}

/// How long ago something in the task's folder was written last.
fn last_touched(directory: &Path) -> Option<Duration> {
    let files = [directory.to_path_buf(), directory.join("rocksdb")];
    let newest = files.iter().flat_map(|folder| {
        let own = fs::metadata(folder).and_then(|metadata| metadata.modified()).ok();
        let entries = fs::read_dir(folder).into_iter().flatten().flatten();
        own.into_iter().chain(entries.filter_map(|entry| entry.metadata().ok()?.modified().ok()))
    });
    newest.max().map(|time| SystemTime::now().duration_since(time).unwrap_or_default())
}

/// Reads the process id, or makes one. A file that does not parse (the process died while writing it) is replaced.
fn process_id(root: &Path) -> Result<Uuid, StreamsError> {
    let path = root.join(PROCESS_FILE);
    if let Ok(text) = fs::read_to_string(&path)
        && let Ok(metadata) = serde_json::from_str::<ProcessMetadata>(&text)
    {
        return Ok(metadata.process_id);
    }
    let metadata = ProcessMetadata { process_id: Uuid::new_v4() };
    let text = serde_json::to_string(&metadata).map_err(|error| fault(root, error.to_string()))?;
    let temporary = root.join(format!("{PROCESS_FILE}.tmp"));
    fs::write(&temporary, text)
        .and_then(|()| fs::rename(&temporary, &path))
        .map_err(|error| fault(root, format!("cannot be written: {error}")))?;
    Ok(metadata.process_id)
}

/// State may hold anything that went through the application: others shall not read it (rwxr-x---, as Kafka Streams).
fn restrict(root: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = fs::set_permissions(root, fs::Permissions::from_mode(0o750)) {
            tracing::warn!("cannot restrict access to {}: {error}", root.display());
        }
    }
    #[cfg(not(unix))]
    let _ = root;
}

fn fault(root: &Path, message: String) -> StreamsError {
    StreamsError::StateDirectory { directory: root.display().to_string(), message }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_instance_is_refused_and_told_which_directory() {
        let folder = tempfile::tempdir().unwrap();
        let first = StateDirectory::open(folder.path(), "app").unwrap();
        let error = StateDirectory::open(folder.path(), "app").unwrap_err().to_string();
        assert!(error.contains("in use") && error.contains(folder.path().to_str().unwrap()), "{error}");
        StateDirectory::open(folder.path(), "other").unwrap();
        let id = first.process_id();
        drop(first);
        assert_eq!(StateDirectory::open(folder.path(), "app").unwrap().process_id(), id);
    }

    #[test]
    fn a_torn_process_file_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        drop(StateDirectory::open(folder.path(), "app").unwrap());
        fs::write(folder.path().join("app").join(PROCESS_FILE), "{\"proc").unwrap();
        let id = StateDirectory::open(folder.path(), "app").unwrap().process_id();
        assert_eq!(StateDirectory::open(folder.path(), "app").unwrap().process_id(), id);
    }

    #[test]
    fn only_unused_and_old_task_folders_are_deleted() {
        let folder = tempfile::tempdir().unwrap();
        let directory = StateDirectory::open(folder.path(), "app").unwrap();
        let (used, unused) = (TaskId::new(0, 0), TaskId::new(0, 1));
        for task in [used, unused] {
            fs::create_dir_all(directory.task_directory(task)).unwrap();
        }
        fs::create_dir_all(folder.path().join("app/not-a-task")).unwrap();
        assert!(directory.clean(|task| task == used, Duration::from_secs(60)).is_empty());
        assert_eq!(directory.clean(|task| task == used, Duration::ZERO), [unused]);
        assert_eq!(directory.tasks().into_iter().collect::<Vec<_>>(), [used]);
        assert!(folder.path().join("app/not-a-task").exists());
    }
}
