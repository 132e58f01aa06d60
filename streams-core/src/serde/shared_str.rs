use super::{DefaultSerde, Payload, Serde, SerdeError, Written, non_null};
use arrayvec::ArrayString;
use bytes::Bytes;
use bytestring::ByteString;
use serde::de::{Deserializer, Error, Visitor};
use serde::ser::Serializer;
use std::borrow::Borrow;
use std::cell::RefCell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::ops::Deref;
use std::str::Utf8Error;

thread_local! {
    /// The buffer whose bytes were decoded last on this thread: where text to be shared most likely lies.
    static LAST_BUFFER: RefCell<Bytes> = const { RefCell::new(Bytes::new()) };
}

/// Text that is cheap to have: short text (up to 32 bytes) is held in place, longer text is a slice of the batch it came in, where it can be,
/// instead of a copy. Neither reading nor cloning allocates.
///
/// As a key or value of its own it has the bytes of a [`String`]. As a field of a type that is read with
/// [`JsonSerde`](super::JsonSerde) it takes the place of a borrowed `&str`: text without escapes is not copied.
///
/// A slice keeps the whole batch in memory as long as it lives, so what is kept for long (in a collection of your own) is better a [`String`].
/// What a store holds is bytes, and keeps nothing alive.
///
/// It has the methods of `str`, and some of them again, which make a `SharedStr` without a copy where one can be spared:
/// [`to_lowercase`](Self::to_lowercase), [`to_uppercase`](Self::to_uppercase), [`into_split`](Self::into_split).
///
/// ```
/// use streams_core::serde::SharedStr;
///
/// let page = SharedStr::from("/index");
/// assert_eq!(page, "/index");
/// assert!(page.starts_with('/'));
/// let words: Vec<_> = SharedStr::from("Streams of words").to_lowercase().into_split(|c| c == ' ').collect();
/// assert_eq!(words, ["streams", "of", "words"]);
/// ```
#[derive(Clone)]
pub struct SharedStr(Text);

/// Longest text that is held in place: as much as makes the type no larger.
const INLINE: usize = 32;

#[derive(Clone)]
enum Text {
    Inline(ArrayString<INLINE>),
    Shared(ByteString),
}

/// UTF-8 text, as Kafka's `StringSerializer`, shared with the batch it came in. Bytes that are not UTF-8 are an error.
#[derive(Debug, Clone, Copy, Default)]
pub struct SharedStrSerde;

impl SharedStr {
    /// The text.
    #[inline]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Inline(text) => text,
            Text::Shared(text) => text,
        }
    }

    /// `part`, which is a part of this text, without a copy of its own where it is long. (What is no part of it is copied.)
    pub fn slice_ref(&self, part: &str) -> Self {
        Self::inline(part).unwrap_or_else(|| match &self.0 {
            Text::Shared(text) if holds(text.as_bytes(), part.as_bytes()) => Self(Text::Shared(text.slice_ref(part))),
            _ => part.to_owned().into(),
        })
    }

    /// As `str::to_lowercase`. ASCII text that is in lower case already stays what it is.
    #[must_use]
    pub fn to_lowercase(&self) -> Self {
        match all(self, |byte| byte.is_ascii() & !byte.is_ascii_uppercase()) {
            true => self.clone(),
            false => str::to_lowercase(self).into(),
        }
    }

    /// As `str::to_uppercase`. ASCII text that is in upper case already stays what it is.
    #[must_use]
    pub fn to_uppercase(&self) -> Self {
        match all(self, |byte| byte.is_ascii() & !byte.is_ascii_lowercase()) {
            true => self.clone(),
            false => str::to_uppercase(self).into(),
        }
    }

    /// The parts of the text between the characters for which `separator` holds, as `str::split`: two separators in a row have an empty part between
    /// them. The iterator owns the text, so that it can be what a closure answers.
    pub fn into_split(self, separator: impl Fn(char) -> bool) -> impl Iterator<Item = Self> {
        let mut start = Some(0);
        std::iter::from_fn(move || {
            let rest = self.get(start?..)?;
            let found = rest.char_indices().find(|&(_, character)| separator(character));
            let part = found.map_or(rest, |(end, _)| &rest[..end]);
            start = found.map(|(end, character)| self.len() - rest.len() + end + character.len_utf8());
            Some(self.slice_ref(part))
        })
    }

    #[inline]
    fn inline(text: &str) -> Option<Self> {
        ArrayString::from(text).ok().map(|text| Self(Text::Inline(text)))
    }

    /// Text of no more than [`INLINE`] bytes. With zeros up to a fixed length it is looked at by the word, instead of by the byte.
    fn short(bytes: &[u8]) -> Result<Self, Utf8Error> {
        #[repr(align(8))]
        struct Padded([u8; INLINE]);
        let mut padded = Padded([0; INLINE]);
        padded.0[..bytes.len()].copy_from_slice(bytes);
        match ArrayString::from_byte_string(&padded.0) {
            Ok(mut text) => {
                text.truncate(bytes.len());
                Ok(Self(Text::Inline(text)))
            }
            Err(_) => std::str::from_utf8(bytes).map(Self::from),
        }
    }

    /// `text`, shared with the buffer that was decoded last where it lies in that.
    fn share(text: &str) -> Self {
        if let Some(inline) = Self::inline(text) {
            return inline;
        }
        let shared = LAST_BUFFER.try_with(|buffer| {
            let buffer = buffer.borrow();
            holds(&buffer, text.as_bytes()).then(|| buffer.slice_ref(text.as_bytes()))
        });
        match shared.ok().flatten().map(ByteString::try_from) {
            Some(Ok(shared)) => Self(Text::Shared(shared)),
            _ => Self(Text::Shared(ByteString::from(text))),
        }
    }
}

/// Whether `holds` for each byte; written without a way out, so that the bytes are looked at many at a time.
fn all(text: &str, holds: impl Fn(u8) -> bool) -> bool {
    text.bytes().fold(true, |all, byte| all & holds(byte))
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
fn holds(buffer: &[u8], part: &[u8]) -> bool {
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
        if bytes.as_slice().len() <= INLINE {
            return SharedStr::short(bytes.as_slice()).map_err(not_text);
        }
        Ok(SharedStr(Text::Shared(ByteString::try_from(bytes.to_bytes()).map_err(not_text)?)))
    }
}

#[cold]
fn not_text(error: impl fmt::Display) -> SerdeError {
    SerdeError::Invalid(format!("not UTF-8: {error}"))
}

impl DefaultSerde for SharedStr {
    type Serde = SharedStrSerde;
}

impl Deref for SharedStr {
    type Target = str;

    #[inline]
    fn deref(&self) -> &str {
        self.as_str()
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
        Self::inline(text).unwrap_or_else(|| Self(Text::Shared(text.into())))
    }
}

impl From<String> for SharedStr {
    fn from(text: String) -> Self {
        Self::inline(&text).unwrap_or_else(|| Self(Text::Shared(text.into())))
    }
}

impl From<SharedStr> for String {
    fn from(text: SharedStr) -> Self {
        text.as_str().to_owned()
    }
}

impl Default for SharedStr {
    fn default() -> Self {
        Self(Text::Inline(ArrayString::new_const()))
    }
}

impl PartialEq for SharedStr {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for SharedStr {}

impl PartialOrd for SharedStr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for SharedStr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

/// As the hash of the text: what is [borrowed](Borrow) as `str` is found by it.
impl Hash for SharedStr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
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

#[cfg(test)]
mod tests {
    use super::*;

    const LONG: &str = "a text that is too long for its place";

    fn decode(bytes: &Bytes) -> SharedStr {
        SharedStrSerde.deserialize("topic", Some(Payload::in_buffer(bytes, bytes))).unwrap()
    }

    #[test]
    fn it_has_the_size_of_a_slice_and_a_word() {
        assert_eq!(size_of::<SharedStr>(), size_of::<Bytes>() + size_of::<usize>());
        assert_eq!(size_of::<Option<SharedStr>>(), size_of::<SharedStr>());
    }

    #[test]
    fn short_text_is_held_in_place_and_long_text_shares_its_batch() {
        let bytes = Bytes::from_static(LONG.as_bytes());
        let long = decode(&bytes);
        assert_eq!(long.as_ptr(), bytes.as_ptr());
        assert_eq!(long.slice_ref(&long[2..36]).as_ptr(), bytes[2..].as_ptr());
        let short = decode(&bytes.slice(..INLINE));
        assert_ne!(short.as_ptr(), bytes.as_ptr());
        assert_eq!(short, LONG[..INLINE]);
        assert_eq!(decode(&bytes.slice(..=INLINE)).as_ptr(), bytes.as_ptr());
        // What is no part of the text.
        assert_eq!(short.slice_ref(LONG), *LONG);
        assert_eq!(long.slice_ref("another text that is too long"), "another text that is too long");
    }

    #[test]
    fn texts_are_equal_wherever_they_lie() {
        use std::hash::BuildHasher;
        let (inline, shared) = (SharedStr::from("short"), SharedStr(Text::Shared("short".into())));
        assert_eq!(inline, shared);
        assert_eq!(inline.cmp(&shared), Ordering::Equal);
        let hasher = std::hash::RandomState::new();
        assert_eq!(hasher.hash_one(&inline), hasher.hash_one(&shared));
        assert_eq!(hasher.hash_one(&inline), hasher.hash_one("short"));
    }

    #[test]
    fn case_is_that_of_str_and_costs_nothing_where_nothing_changes() {
        for text in ["", "abc", "ABC", "aBc", LONG, "ÄÖÜ", "äöü", "ß and ŉ and ΑΣ of some length", "İstanbul"]
        {
            let shared = SharedStr::from(text);
            assert_eq!(shared.to_lowercase(), *text.to_lowercase());
            assert_eq!(shared.to_uppercase(), *text.to_uppercase());
        }
        let long = SharedStr::from(LONG);
        assert_eq!(long.to_lowercase().as_ptr(), long.as_ptr());
        let upper = long.to_uppercase();
        assert_eq!(upper.to_uppercase().as_ptr(), upper.as_ptr());
    }

    #[test]
    fn parts_are_those_of_str() {
        for text in ["", " ", "a", "a b", " a  b ", "ä ö", "word ", LONG] {
            let parts: Vec<_> = SharedStr::from(text).into_split(|c| c == ' ').collect();
            assert_eq!(parts, text.split(' ').collect::<Vec<_>>(), "{text:?}");
        }
        let long = SharedStr::from(format!("x,{LONG}"));
        let start = long.as_ptr();
        let parts: Vec<_> = long.into_split(|c| c == ',').collect();
        assert_eq!(parts[1].as_ptr(), start.wrapping_add(2));
    }

    #[test]
    fn text_of_every_length_comes_back() {
        let text = "aé日𝄞".repeat(5);
        for end in (0..=text.len()).filter(|&end| text.is_char_boundary(end)) {
            assert_eq!(decode(&Bytes::copy_from_slice(&text.as_bytes()[..end])), text[..end]);
        }
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_at_any_length() {
        for length in [1, INLINE, INLINE + 1] {
            let bytes = vec![0xff; length];
            let error = SharedStrSerde.deserialize("topic", Some(Payload::new(&bytes))).unwrap_err();
            assert!(error.to_string().starts_with("not UTF-8"), "{error}");
        }
        let error = SharedStrSerde.deserialize("topic", Some(Payload::new(&"é".as_bytes()[..1]))).unwrap_err();
        assert_eq!(error.to_string(), "not UTF-8: incomplete utf-8 byte sequence from index 0");
    }
}
