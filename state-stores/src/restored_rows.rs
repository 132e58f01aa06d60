//! The rows of a batch of changelog records, on their way into a store.

use crate::commit::BatchWriter;
use crate::key_order::sort_by_key;

/// Rows in the order of the changelog, in one buffer.
#[derive(Default)]
pub(crate) struct RestoredRows {
    bytes: Vec<u8>,
    rows: Vec<Row>,
}

/// Where a row lies in the buffer: its key, then its value.
struct Row {
    start: usize,
    key_len: usize,
    /// `None` deletes.
    value_len: Option<usize>,
}

impl RestoredRows {
    pub(crate) fn push(&mut self, key: &[u8], value: Option<&[u8]>) {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.bytes.extend_from_slice(value.unwrap_or_default());
        self.rows.push(Row { start, key_len: key.len(), value_len: value.map(<[u8]>::len) });
    }

    /// Writes the rows in the order of their keys; of several with one key only the last, which is what the store has in the end.
    pub(crate) fn write(&self, writer: &mut BatchWriter<'_>) {
        let mut sorted: Vec<u32> = (0..self.rows.len() as u32).collect();
        sort_by_key(&mut sorted, &mut Vec::new(), |index| self.key(index));
        for (place, &index) in sorted.iter().enumerate() {
            let next = sorted.get(place + 1).map(|&next| self.key(next));
            if next != Some(self.key(index)) {
                writer.write(self.key(index), self.value(index));
            }
        }
    }

    fn key(&self, index: u32) -> &[u8] {
        let row = &self.rows[index as usize];
        &self.bytes[row.start..][..row.key_len]
    }

    fn value(&self, index: u32) -> Option<&[u8]> {
        let row = &self.rows[index as usize];
        row.value_len.map(|length| &self.bytes[row.start + row.key_len..][..length])
    }
}
