use std::cell::{Cell, RefCell};

/// Versions that were put where the changelog is out of reach, in order, until they are logged.
#[derive(Default)]
pub(super) struct VersionLog {
    any: Cell<bool>,
    puts: RefCell<Puts>,
}

#[derive(Default)]
struct Puts {
    bytes: Vec<u8>,
    ends: Vec<Put>,
}

/// Where key and value of a put end among the bytes, and since when it holds.
#[derive(Clone, Copy)]
struct Put {
    key: usize,
    value: Option<usize>,
    timestamp: i64,
}

impl VersionLog {
    pub(super) fn is_empty(&self) -> bool {
        !self.any.get()
    }

    pub(super) fn push(&self, key: &[u8], value: Option<&[u8]>, timestamp: i64) {
        let mut puts = self.puts.borrow_mut();
        puts.bytes.extend_from_slice(key);
        let key = puts.bytes.len();
        let value = value.map(|value| {
            puts.bytes.extend_from_slice(value);
            puts.bytes.len()
        });
        puts.ends.push(Put { key, value, timestamp });
        self.any.set(true);
    }

    /// Hands out what was put, and forgets it.
    pub(super) fn drain(&self, mut log: impl FnMut(&[u8], Option<&[u8]>, i64)) {
        if !self.any.replace(false) {
            return;
        }
        let mut puts = self.puts.borrow_mut();
        let Puts { bytes, ends } = &mut *puts;
        let mut start = 0;
        for put in ends.drain(..) {
            log(&bytes[start..put.key], put.value.map(|end| &bytes[put.key..end]), put.timestamp);
            start = put.value.unwrap_or(put.key);
        }
        bytes.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_come_out_once_and_in_order() {
        let log = VersionLog::default();
        log.push(b"a", Some(b"1"), 10);
        log.push(b"b", None, 9);
        log.push(b"", Some(b""), 11);
        let mut seen = Vec::new();
        let mut drain = || {
            log.drain(|key, value, time| seen.push((key.to_vec(), value.map(<[u8]>::to_vec), time)));
            std::mem::take(&mut seen)
        };
        assert_eq!(
            drain(),
            [(b"a".to_vec(), Some(b"1".to_vec()), 10), (b"b".to_vec(), None, 9), (vec![], Some(vec![]), 11)]
        );
        assert!(log.is_empty() && drain().is_empty());
    }
}
