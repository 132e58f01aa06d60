use super::{DefaultSerde, Payload, Serde, SerdeError, Written, non_null};
use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use std::borrow::Borrow;
use std::cell::RefCell;
use std::fmt;
use std::ops::Deref;

thread_local! {
    /// The buffer whose bytes were decoded last on this thread: where text to be shared most likely lies.
    static LAST_BUFFER: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
}

/// Text that is a slice of the batch it came in, where it can be, instead of a copy. Cloning costs a reference count.
///
/// As a key or value of its own it has the bytes of a [`String`]. As a field of a type that is read with
/// [`JsonSerde`](super::JsonSerde) it takes the place of a borrowed `&str`: text without escapes is not copied.
///
/// A slice keeps the whole batch in memory as long as it lives, so what is kept for long (in a collection of your own) is better a [`String`].
/// What a store holds is bytes, and keeps nothing alive.
///
/// ```
/// use streams_core::serde::SharedStr;
///
/// let page = SharedStr::from("/index");
/// assert_eq!(page, "/index");
/// assert!(page.starts_with('/'));
/// ```
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SharedStr(ByteString);

/// UTF-8 text, as Kafka's `StringSerializer`, shared with the batch it came in. Bytes that are not UTF-8 are an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct SharedStrSerde;

impl SharedStr {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `text`, shared with the buffer that was decoded last where it lies in that.
    fn share(text: &str) -> Self {
        let shared = LAST_BUFFER.try_with(|buffer| {
            let buffer = buffer.borrow();
            holds(&buffer, text.as_bytes()).then(|| buffer.slice_ref(text.as_bytes()))
        });
        match shared.ok().flatten().map(ByteString::try_from) {
            Some(Ok(shared)) => Self(shared),
            _ => Self(ByteString::from(text)),
        }
    }
}

/// Notes the buffer of `payload`, so that [`SharedStr`]s decoded from it can be slices of it. One buffer per thread is held.
pub(super) fn note_buffer(payload: Payload<'_>) {
    if let Some(buffer) = payload.buffer {
        // No failure of consequence: without a note the text is copied.
        let _ = LAST_BUFFER.try_with(|last| {
            let mut last = last.borrow_mut();
            if last.as_ptr() != buffer.as_ptr() || last.len() != buffer.len() {
                *last = buffer.clone();
            }
        });
    }
}

/// Whether `part` lies in `buffer`. As the buffer is held, nothing else can lie there.
fn holds(buffer: &Bytes, part: &[u8]) -> bool {
    let (whole, part) = (buffer.as_ptr_range(), part.as_ptr_range());
    whole.start <= part.start && part.end <= whole.end
}

impl Serde<SharedStr> for SharedStrSerde {
    fn serialize(&self, _topic: &str, value: &SharedStr, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        out.extend_from_slice(value.as_bytes());
        Ok(Written::Bytes)
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<SharedStr, SerdeError> {
        let bytes = non_null(data, "SharedStr")?;
        match ByteString::try_from(bytes.to_bytes()) {
            Ok(text) => Ok(SharedStr(text)),
            Err(error) => Err(SerdeError::Invalid(format!("not UTF-8: {error}"))),
        }
    }
}

impl DefaultSerde for SharedStr {
    type Serde = SharedStrSerde;
}

impl Deref for SharedStr {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for SharedStr {
    fn as_ref(&self) -> &str {
        self
    }
}

impl Borrow<str> for SharedStr {
    fn borrow(&self) -> &str {
        self
    }
}

impl From<&str> for SharedStr {
    fn from(text: &str) -> Self {
        Self(text.into())
    }
}

impl From<String> for SharedStr {
    fn from(text: String) -> Self {
        Self(text.into())
    }
}

impl From<SharedStr> for String {
    fn from(text: SharedStr) -> Self {
        text.as_str().to_owned()
    }
}

impl PartialEq<str> for SharedStr {
    fn eq(&self, other: &str) -> bool {
        self.as_str() == other
    }
}

impl PartialEq<&str> for SharedStr {
    fn eq(&self, other: &&str) -> bool {
        self.as_str() == *other
    }
}

impl fmt::Debug for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for SharedStr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl serde::Serialize for SharedStr {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for SharedStr {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(TextVisitor)
    }
}

struct TextVisitor;

impl<'de> Visitor<'de> for TextVisitor {
    type Value = SharedStr;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_borrowed_str<E: Error>(self, text: &'de str) -> Result<SharedStr, E> {
        Ok(SharedStr::share(text))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<SharedStr, E> {
        Ok(text.into())
    }

    fn visit_string<E: Error>(self, text: String) -> Result<SharedStr, E> {
        Ok(text.into())
    }
}
