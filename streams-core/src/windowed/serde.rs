use super::{SessionWindow, TimeWindow, Windowed};
use crate::serde::{DefaultSerde, Payload, Serde, SerdeError, SerdeRef, Written, non_null};
use std::sync::Arc;
use std::time::Duration;

/// Length of a time in bytes.
const TIME: usize = size_of::<i64>();
/// Length of the sequence number at the end of a window store's keys.
const SEQUENCE: usize = size_of::<u32>();

/// A key of a time window, as Kafka Streams' `TimeWindowedSerializer`: the key's bytes, then the window's start (8 bytes, big endian).
///
/// The end is not written: reading needs the size of the windows. As a default serde (without a size) this can write, but not read.
pub struct TimeWindowedSerde<K> {
    inner: SerdeRef<K>,
    /// In milliseconds.
    size: Option<i64>,
    changelog: bool,
}

impl<K: 'static> TimeWindowedSerde<K> {
    /// Keys written by `inner`, in windows of this size (of one millisecond at least).
    pub fn new(inner: impl Serde<K>, window_size: Duration) -> Self {
        Self::shared(Arc::new(inner), window_size)
    }

    /// The same with a serde that is shared already.
    pub fn shared(inner: SerdeRef<K>, window_size: Duration) -> Self {
        let size = i64::try_from(window_size.as_millis()).unwrap_or(i64::MAX);
        Self { inner, size: Some(size), changelog: false }
    }

    /// Reads keys of a window store's changelog topic, which end with a sequence number. Writing stays as it is.
    #[must_use]
    pub fn for_changelog(mut self) -> Self {
        self.changelog = true;
        self
    }
}

impl<K: DefaultSerde> Default for TimeWindowedSerde<K> {
    fn default() -> Self {
        Self { inner: K::default_serde(), size: None, changelog: false }
    }
}

impl<K: 'static> Serde<Windowed<K>> for TimeWindowedSerde<K> {
    fn serialize(&self, topic: &str, value: &Windowed<K>, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        serialize_key(&self.inner, topic, &value.key, out)?;
        out.extend_from_slice(&value.start().to_be_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<Payload<'_>>) -> Result<Windowed<K>, SerdeError> {
        let data = non_null(data, "Windowed")?;
        let size = self.size.ok_or_else(|| {
            let message = "the size of the windows is not known: the bytes of a windowed key hold its start only; \
                           name TimeWindowedSerde::new(key serde, window size)";
            SerdeError::Invalid(message.to_owned())
        })?;
        let sequence = if self.changelog { SEQUENCE } else { 0 };
        let (rest, _) = data.split_last(sequence).ok_or_else(|| too_short(data, TIME + sequence))?;
        let (key, start) = split_time(rest).ok_or_else(|| too_short(data, TIME + sequence))?;
        let start = valid("start", start)?;
        Ok(Windowed::new(self.inner.deserialize(topic, Some(key))?, TimeWindow::of_size(start, size)))
    }
}

impl<K: DefaultSerde> DefaultSerde for Windowed<K> {
    type Serde = TimeWindowedSerde<K>;
}

/// A key of a session window, as Kafka Streams' `SessionWindowedSerializer`: the key's bytes, then the session's end and start
/// (8 bytes each, big endian).
pub struct SessionWindowedSerde<K> {
    inner: SerdeRef<K>,
}

impl<K: 'static> SessionWindowedSerde<K> {
    /// Keys written by `inner`.
    pub fn new(inner: impl Serde<K>) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// The same with a serde that is shared already.
    pub fn shared(inner: SerdeRef<K>) -> Self {
        Self { inner }
    }
}

impl<K: DefaultSerde> Default for SessionWindowedSerde<K> {
    fn default() -> Self {
        Self { inner: K::default_serde() }
    }
}

impl<K: 'static> Serde<Windowed<K, SessionWindow>> for SessionWindowedSerde<K> {
    fn serialize(
        &self,
        topic: &str,
        value: &Windowed<K, SessionWindow>,
        out: &mut Vec<u8>,
    ) -> Result<Written, SerdeError> {
        serialize_key(&self.inner, topic, &value.key, out)?;
        out.extend_from_slice(&value.end().to_be_bytes());
        out.extend_from_slice(&value.start().to_be_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, topic: &str, data: Option<Payload<'_>>) -> Result<Windowed<K, SessionWindow>, SerdeError> {
        let data = non_null(data, "Windowed")?;
        let (rest, start) = split_time(data).ok_or_else(|| too_short(data, 2 * TIME))?;
        let (key, end) = split_time(rest).ok_or_else(|| too_short(data, 2 * TIME))?;
        let (start, end) = (valid("start", start)?, valid("end", end)?);
        if end < start {
            return Err(not_windowed(format!("its session would end ({end}) before it starts ({start})")));
        }
        Ok(Windowed::new(self.inner.deserialize(topic, Some(key))?, SessionWindow::new(start, end)))
    }
}

impl<K: DefaultSerde> DefaultSerde for Windowed<K, SessionWindow> {
    type Serde = SessionWindowedSerde<K>;
}

fn serialize_key<K: 'static>(inner: &SerdeRef<K>, topic: &str, key: &K, out: &mut Vec<u8>) -> Result<(), SerdeError> {
    match inner.serialize(topic, key, out)? {
        Written::Bytes => Ok(()),
        Written::Null => {
            Err(SerdeError::Invalid("the key of a windowed key is null; only bytes can be one".to_owned()))
        }
    }
}

fn split_time(data: Payload<'_>) -> Option<(Payload<'_>, i64)> {
    let (rest, time) = data.split_last(TIME)?;
    Some((rest, i64::from_be_bytes(time.try_into().ok()?)))
}

/// Times of windows are never negative; what is was written by something else.
fn valid(which: &str, time: i64) -> Result<i64, SerdeError> {
    if time < 0 {
        return Err(not_windowed(format!("the {which} of its window would be {time}")));
    }
    Ok(time)
}

#[cold]
fn too_short(data: Payload<'_>, least: usize) -> SerdeError {
    not_windowed(format!("{} bytes, where one has {least} or more", data.as_slice().len()))
}

#[cold]
fn not_windowed(reason: String) -> SerdeError {
    SerdeError::Invalid(format!("not a windowed key: {reason}"))
}
