//! Stub.
#![allow(missing_docs, unused, clippy::all)]
use std::cell::{Ref, RefCell, RefMut};
use std::path::Path;
use std::rc::Rc;
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct StoreError;
pub type Result<T, E = StoreError> = std::result::Result<T, E>;
#[derive(Clone, Copy, Debug)]
pub struct Slot(u32);
#[derive(Clone, Copy, Debug)]
pub struct WriteContext {
    pub timestamp: i64,
    pub source: u64,
    pub offset: i64,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    Put,
    Delete,
    Keep,
}
pub struct WriteBuffer;
impl WriteBuffer {
    pub fn lookup(&mut self, key: &[u8]) -> Result<Slot> {
        unimplemented!()
    }
    pub fn key(&self, s: Slot) -> &[u8] {
        unimplemented!()
    }
    pub fn value(&self, s: Slot) -> Option<&[u8]> {
        unimplemented!()
    }
    pub fn update<E: From<StoreError>>(
        &mut self,
        s: Slot,
        c: WriteContext,
        f: impl FnOnce(Option<&[u8]>, &mut Vec<u8>) -> Result<Update, E>,
    ) -> Result<Update, E> {
        unimplemented!()
    }
    pub fn begin_flush(&mut self, slots: &mut Vec<Slot>) -> Result<()> {
        unimplemented!()
    }
    pub fn prior(&self, s: Slot) -> Option<&[u8]> {
        unimplemented!()
    }
    pub fn existed(&self, s: Slot) -> Option<bool> {
        unimplemented!()
    }
    pub fn context(&self, s: Slot) -> WriteContext {
        unimplemented!()
    }
    pub fn forwarded(&mut self, s: Slot) {
        unimplemented!()
    }
    pub fn has_unforwarded(&self) -> bool {
        unimplemented!()
    }
}
#[derive(Clone)]
pub struct StoreHandle(Rc<RefCell<WriteBuffer>>);
impl StoreHandle {
    pub fn borrow(&self) -> Ref<'_, WriteBuffer> {
        self.0.borrow()
    }
    pub fn borrow_mut(&self) -> RefMut<'_, WriteBuffer> {
        self.0.borrow_mut()
    }
}
pub mod formats {
    pub fn split_timestamped(b: &[u8]) -> Option<(i64, &[u8])> {
        unimplemented!()
    }
}
#[derive(Clone)]
pub enum EngineKind {
    RocksDb,
    InMemory,
}
#[derive(Clone, Default)]
pub struct BufferOptions {
    pub limit_bytes: usize,
    pub keep_prior: bool,
    pub write_through: bool,
}
#[derive(Clone)]
pub struct StoreSpec {
    pub name: String,
    pub engine: EngineKind,
    pub buffer: BufferOptions,
}
#[derive(Clone)]
pub struct StorageEnvironment;
#[derive(Clone, Default)]
pub struct StorageLimits {
    pub block_cache_bytes: usize,
    pub write_buffer_bytes: usize,
}
impl StorageEnvironment {
    pub fn new(l: StorageLimits) -> Result<Self> {
        unimplemented!()
    }
}
pub struct TaskStores;
impl TaskStores {
    pub fn open(d: &Path, s: Vec<StoreSpec>, e: &StorageEnvironment) -> Result<Self> {
        unimplemented!()
    }
    pub fn destroy(d: &Path) -> Result<()> {
        unimplemented!()
    }
    pub fn specs(&self) -> &[StoreSpec] {
        unimplemented!()
    }
    pub fn committed_offset(&self, s: usize) -> Option<i64> {
        unimplemented!()
    }
    pub fn set_committed_offset(&self, s: usize, o: i64) -> Result<()> {
        unimplemented!()
    }
    pub fn restore<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        s: usize,
        rows: impl IntoIterator<Item = (K, Option<V>)>,
        o: i64,
    ) -> Result<()> {
        unimplemented!()
    }
    pub fn wipe(&self, s: usize) -> Result<()> {
        unimplemented!()
    }
    pub fn activate(self) -> ActiveStores {
        unimplemented!()
    }
    pub fn close(self) {}
}
pub struct ActiveStores(Rc<()>);
impl ActiveStores {
    pub fn handle(&self, s: usize) -> StoreHandle {
        unimplemented!()
    }
    pub fn needs_commit(&self) -> bool {
        unimplemented!()
    }
    pub fn has_unforwarded(&self) -> bool {
        unimplemented!()
    }
    pub fn seal(&self) -> Result<()> {
        unimplemented!()
    }
    pub fn apply(&self, o: &[(usize, i64)]) -> Result<()> {
        unimplemented!()
    }
    pub fn stores(&self) -> &TaskStores {
        unimplemented!()
    }
    pub fn deactivate(self) -> TaskStores {
        unimplemented!()
    }
}
