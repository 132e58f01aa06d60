use super::TaskStore;
use super::rows::Rows;
use super::time_to_live::TimeToLive;
use super::versions::VersionedRows;
use crate::error::StreamsError;
use crate::processor::{Downstream, OperatorId, PunctuationType, TaskContext};
use crate::record::{Headers, Record, Written};
use crate::serde::{Payload, SerdeRef};
use state_stores::VersionPut;
use std::rc::Rc;

/// An update of a table's row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change<V> {
    /// The row before; `None` where there was none, or where nobody downstream asked for it.
    pub old: Option<V>,
    /// The row now; `None` where it was deleted.
    pub new: Option<V>,
}

/// The rows of a table in a timestamped store, with the rule by which updates go downstream: at once for a store without
/// cache, else at the commit, when only the last update of each key goes on (KIP-63), with the headers of that update.
pub struct TableStore<K, V> {
    rows: Rows<V>,
    key_serde: SerdeRef<K>,
    key: Vec<u8>,
    time_to_live: Option<TimeToLive>,
    /// What the table has instead of plain rows, in a versioned store.
    versions: Option<VersionedRows>,
}

impl<K: Clone + 'static, V: Clone + 'static> TableStore<K, V> {
    /// The table in `store`. With `send_old`, changes carry the row before; the store must then keep it (`keep_prior`).
    pub fn new(store: Rc<TaskStore>, key_serde: SerdeRef<K>, value_serde: SerdeRef<V>, send_old: bool) -> Self {
        let versions = VersionedRows::of(&store);
        let rows = Rows::new(store, value_serde, send_old);
        Self { rows, key_serde, key: Vec::new(), time_to_live: None, versions }
    }

    /// Whether it is kept in a versioned store.
    pub fn is_versioned(&self) -> bool {
        self.versions.is_some()
    }

    /// Lets rows die that have not been updated for so long, in milliseconds of stream time; `None`: never. The node that owns the table then calls
    /// [`init`](Self::init) and [`punctuate`](Self::punctuate).
    #[must_use]
    pub fn with_time_to_live(mut self, millis: Option<i64>) -> Self {
        self.time_to_live = millis.map(TimeToLive::new);
        self
    }

    /// Begins to look for rows that have died, on behalf of the node `operator`.
    ///
    /// # Errors
    /// As [`TaskContext::schedule`].
    pub fn init(&self, context: &mut TaskContext, operator: OperatorId) -> Result<(), StreamsError> {
        if let Some(time_to_live) = &self.time_to_live {
            context.schedule(operator, time_to_live.interval(), PunctuationType::StreamTime)?;
        }
        Ok(())
    }

    /// Deletes some of the rows that have died, and tells downstream.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn punctuate(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
        now: i64,
    ) -> Result<(), StreamsError> {
        let Some(time_to_live) = &mut self.time_to_live else { return Ok(()) };
        for key in time_to_live.step(&self.rows, now)? {
            let changed = self.rows.update(context, &key, &Headers::default(), |_| Ok((now, None)))?;
            if let Some((timestamp, change)) = changed {
                let key = decode_key(&self.key_serde, self.rows.store(), self.rows.topic(), &key)?;
                downstream.forward(context, Record::new(key, change, timestamp))?;
            }
        }
        Ok(())
    }

    /// The row of `key` with its timestamp.
    ///
    /// # Errors
    /// Where the store cannot be read or the key not encoded.
    pub fn get(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        match self.encode_key(key)? {
            Written::Null => Ok(None),
            Written::Bytes => match &mut self.versions {
                Some(versions) => versions.get(&self.rows, &self.key),
                None => self.rows.get(&self.key),
            },
        }
    }

    /// The row that `key` had at this time, with its timestamp. In a store without versions: the row that it has.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_as_of(&mut self, key: &K, time: i64) -> Result<Option<(i64, V)>, StreamsError> {
        match self.encode_key(key)? {
            Written::Null => Ok(None),
            Written::Bytes => match &mut self.versions {
                Some(versions) => versions.get_as_of(&self.rows, &self.key, time),
                None => self.rows.get(&self.key),
            },
        }
    }

    /// The row of `key` with its timestamp as it was sent downstream last, where the store has a cache: a change that waits for the commit does not
    /// count yet. The store must keep the rows before (`keep_prior`).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_forwarded(&mut self, key: &K) -> Result<Option<(i64, V)>, StreamsError> {
        match self.encode_key(key)? {
            Written::Null => Ok(None),
            Written::Bytes => match &mut self.versions {
                Some(versions) => versions.get(&self.rows, &self.key),
                None => self.rows.get_forwarded(&self.key),
            },
        }
    }

    /// Replaces the row of `key` by what `update` makes of it, and sends the change on by the store's rule.
    ///
    /// `update` gets the key and the present row with its timestamp, and answers the new row (`None` deletes) with its
    /// timestamp. A key that is null is dropped and counted. In a versioned store the new row holds since that time: it may be one of the past
    /// ([`TaskContext::is_latest`]), and one that is too late is dropped and counted.
    ///
    /// # Errors
    /// Where the store cannot be read, something cannot be encoded, or `update` fails.
    pub fn update(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
        key: K,
        headers: Headers,
        update: impl FnOnce(&K, Option<(i64, V)>) -> Result<(i64, Option<V>), StreamsError>,
    ) -> Result<(), StreamsError> {
        if self.encode_key(&key)? == Written::Null {
            context.drop_record("its key is null");
            return Ok(());
        }
        if self.versions.is_some() {
            return self.update_version(context, downstream, key, headers, update);
        }
        let now = context.stream_time;
        let time_to_live = self.time_to_live.as_ref();
        let lives = |timestamp| time_to_live.is_none_or(|time_to_live| !time_to_live.is_dead(timestamp, now));
        let changed = self
            .rows
            .update(context, &self.key, &headers, |row| update(&key, row.filter(|(timestamp, _)| lives(*timestamp))))?;
        match changed {
            // Whatever it came of, it is what the table has now.
            Some((timestamp, value)) => context.forward_as(true, downstream, Record { key, value, timestamp, headers }),
            None => Ok(()),
        }
    }

    /// [`update`](Self::update) in a versioned store, for the key that was encoded.
    fn update_version(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
        key: K,
        headers: Headers,
        update: impl FnOnce(&K, Option<(i64, V)>) -> Result<(i64, Option<V>), StreamsError>,
    ) -> Result<(), StreamsError> {
        let Some(versions) = &mut self.versions else { return Ok(()) };
        let row = versions.get(&self.rows, &self.key)?;
        let old = if self.rows.wants_old() { row.as_ref().map(|(_, row)| row.clone()) } else { None };
        let (timestamp, mut new) = update(&key, row)?;
        let is_latest = match versions.put(context, &self.rows, &self.key, &mut new, timestamp)? {
            VersionPut::Latest => true,
            VersionPut::Until(_) => false,
            VersionPut::TooLate => {
                context.drop_record("it is older than the history of its table");
                return Ok(());
            }
        };
        context.forward_as(is_latest, downstream, Record { key, value: Change { old, new }, timestamp, headers })
    }

    /// Before a commit: appends the updates to the changelog and sends them downstream, in the order of the last write of each key.
    ///
    /// # Errors
    /// As [`update`](Self::update).
    pub fn flush(
        &mut self,
        context: &mut TaskContext,
        downstream: &Downstream<K, Change<V>>,
    ) -> Result<(), StreamsError> {
        let topic = self.rows.store().serde_topic();
        let (serde, store) = (&self.key_serde, Rc::clone(self.rows.store()));
        self.rows.flush(context, downstream, |bytes| Ok((decode_key(serde, &store, &topic, bytes)?, None)))
    }

    fn encode_key(&mut self, key: &K) -> Result<Written, StreamsError> {
        self.key.clear();
        let written = self.key_serde.serialize(self.rows.topic(), key, &mut self.key);
        written.map_err(|error| self.rows.unencodable("key", error))
    }
}

fn decode_key<K: 'static>(
    serde: &SerdeRef<K>,
    store: &TaskStore,
    topic: &str,
    bytes: &[u8],
) -> Result<K, StreamsError> {
    let key = serde.deserialize(topic, Some(Payload::new(bytes)));
    key.map_err(|error| StreamsError::StoredBytes { store: store.name().to_string(), part: "key", error })
}
