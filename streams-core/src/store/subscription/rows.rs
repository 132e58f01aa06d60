use super::message::Parts;
use super::{RowHash, Subscription, SubscriptionSerde};
use crate::error::StreamsError;
use crate::processor::TaskContext;
use crate::record::{Headers, Written};
use crate::serde::{DefaultSerde, Serde, SerdeError, SerdeRef};
use crate::store::TaskStore;
use bytes::Bytes;
use state_stores::formats::split_timestamped;
use state_stores::{ReadOnlyKeyValueStore, Update, WriteContext};
use std::rc::Rc;
use std::sync::Arc;

/// The subscriptions that the right side of a foreign-key join has, in a timestamped store without cache.
///
/// A row's key is the length of the foreign key, the foreign key and the primary key, so that the subscriptions of a foreign key are together; its
/// value is the subscription as it came.
pub struct SubscriptionStore<KO> {
    store: Rc<TaskStore>,
    foreign_keys: SerdeRef<KO>,
    /// What the serde of the foreign keys is told.
    topic: Arc<str>,
    subscriptions: SubscriptionSerde<Bytes>,
    key: Vec<u8>,
}

/// A left row that is subscribed to a foreign key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Subscriber<'a> {
    /// The bytes of its key.
    pub primary_key: &'a [u8],
    /// The hash of the row when it subscribed.
    pub hash: Option<RowHash>,
    /// Its partition, where that is known.
    pub partition: Option<i32>,
}

impl<KO: 'static> SubscriptionStore<KO> {
    /// The subscriptions in `store`, to keys of this serde, which is told the topic `topic`.
    pub fn new(store: Rc<TaskStore>, foreign_keys: SerdeRef<KO>, topic: impl Into<Arc<str>>) -> Self {
        let subscriptions = SubscriptionSerde::new(&Bytes::default_serde(), "");
        Self { store, foreign_keys, topic: topic.into(), subscriptions, key: Vec::new() }
    }

    /// Keeps a subscription to `foreign_key`, or forgets it where its instruction says so. The headers go to the changelog only, as in Kafka Streams.
    ///
    /// # Errors
    /// The store cannot be read, or the key not be encoded.
    pub fn put(
        &mut self,
        context: &mut TaskContext,
        foreign_key: &KO,
        subscription: &Subscription<Bytes>,
        timestamp: i64,
        headers: &Headers,
    ) -> Result<(), StreamsError> {
        self.encode_prefix(foreign_key)?;
        self.key.extend_from_slice(&subscription.primary_key);
        let mut buffer = self.store.handle().borrow_mut();
        let slot = buffer.lookup(&self.key)?;
        let written = WriteContext { timestamp, source: 0, offset: context.record.offset };
        buffer.update(slot, written, |_, out| {
            if subscription.instruction.deletes() {
                return Ok(Update::Delete);
            }
            out.extend_from_slice(&timestamp.to_be_bytes());
            self.subscriptions.serialize("", subscription, out).map_err(|error| self.unencodable("value", error))?;
            Ok::<_, StreamsError>(Update::Put)
        })?;
        self.store.log_slot_with(context, &mut buffer, slot, headers);
        Ok(())
    }

    /// Shows the subscribers of `foreign_key` to `visit`, in the order of their keys' bytes.
    ///
    /// # Errors
    /// The store cannot be read, a key not be encoded, or `visit` fails.
    pub fn for_each(
        &mut self,
        foreign_key: &KO,
        mut visit: impl FnMut(Subscriber<'_>) -> Result<(), StreamsError>,
    ) -> Result<(), StreamsError> {
        self.encode_prefix(foreign_key)?;
        let mut rows = self.store.handle().prefix_scan(&self.key);
        while let Some((key, row)) = rows.next_row()? {
            let parts = match split_timestamped(row) {
                Some((_, subscription)) => Parts::parse(subscription),
                None => Err(SerdeError::Invalid("a row without timestamp".to_owned())),
            };
            let Parts { hash, partition, .. } = parts.map_err(|error| StreamsError::StoredBytes {
                store: self.store.name().to_string(),
                part: "value",
                error,
            })?;
            visit(Subscriber { primary_key: &key[self.key.len()..], hash, partition })?;
        }
        Ok(())
    }

    /// What the keys of all subscriptions to `foreign_key` begin with.
    fn encode_prefix(&mut self, foreign_key: &KO) -> Result<(), StreamsError> {
        const LENGTH: usize = size_of::<u32>();
        self.key.clear();
        self.key.extend_from_slice(&[0; LENGTH]);
        let written = self.foreign_keys.serialize(&self.topic, foreign_key, &mut self.key);
        let written = written.and_then(|written| match written {
            Written::Bytes => Ok(()),
            Written::Null => Err(SerdeError::Invalid("a null foreign key has no subscriptions".to_owned())),
        });
        written.map_err(|error| self.unencodable("key", error))?;
        let length = (self.key.len() - LENGTH) as u32;
        self.key[..LENGTH].copy_from_slice(&length.to_be_bytes());
        Ok(())
    }

    #[cold]
    fn unencodable(&self, part: &'static str, error: SerdeError) -> StreamsError {
        StreamsError::Serialization { topic: self.topic.to_string(), part, error }
    }
}
