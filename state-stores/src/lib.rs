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
