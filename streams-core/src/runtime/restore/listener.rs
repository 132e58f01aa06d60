use crate::record::TopicPartition;

/// Hears how the restoring of stores goes on (Kafka Streams' `StateRestoreListener`). Called on the restore thread: it should return soon.
pub trait RestoreListener: Send + Sync + 'static {
    /// A store starts to be restored.
    fn on_restore_start(&self, restore: &StoreRestore<'_>) {
        let _ = restore;
    }

    /// A batch of `count` records was written to the store; `restore.position` is where it stands.
    fn on_batch_restored(&self, restore: &StoreRestore<'_>, count: u64) {
        let _ = (restore, count);
    }

    /// The store is up to date; `total` records were restored, 0 where it was up to date from the start.
    fn on_restore_end(&self, restore: &StoreRestore<'_>, total: u64) {
        let _ = (restore, total);
    }

    /// The task went to another instance before its store was restored.
    fn on_restore_suspended(&self, restore: &StoreRestore<'_>, total: u64) {
        let _ = (restore, total);
    }
}

/// Which store is being restored, and how far it is.
#[derive(Debug, Clone, Copy)]
pub struct StoreRestore<'a> {
    /// Name of the store.
    pub store: &'a str,
    /// Its changelog partition.
    pub partition: &'a TopicPartition,
    /// Offset of the next record to restore.
    pub position: i64,
    /// Offset at which the store is up to date.
    pub end_offset: i64,
}
