use super::shared_str::note_buffer;
use super::{DefaultSerde, Payload, Serde, SerdeError, Written, non_null};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::any::type_name;
use std::fmt;
use std::marker::PhantomData;

/// A type as its JSON text: any type of your own that derives `Serialize` and `Deserialize`, or [`serde_json::Value`] for JSON of any shape.
///
/// Made the default serde of a type with one line, so that the short methods take it:
/// ```
/// use serde::{Deserialize, Serialize};
/// use streams_core::serde::{DefaultSerde, JsonSerde, SharedStr};
///
/// #[derive(Clone, Serialize, Deserialize)]
/// struct PageView {
///     page: SharedStr,
///     user: Option<String>,
/// }
///
/// impl DefaultSerde for PageView {
///     type Serde = JsonSerde<Self>;
/// }
/// ```
///
/// # Null
/// A null key or value is an error, as with the other serdes; of an `Option<PageView>` it is the `None`. The text `null`
/// is no null: it is what `T` makes of it (`Value::Null` for a `Value`).
///
/// # Borrowed fields
/// Records outlive the buffer they are read from (they wait in queues and go through closures that know no lifetimes), so a field cannot be
/// a `&str`, and a `Cow<str>` becomes an owned copy. A [`SharedStr`](super::SharedStr) is the field that
/// borrows: a counted slice of the batch, wherever the text in the JSON has no escapes.
///
/// # Errors
/// The message names the type, what is wrong, and the line and column in the text; the runtime adds topic, partition and offset.
pub struct JsonSerde<T>(PhantomData<fn(T) -> T>);

impl<T> JsonSerde<T> {
    /// The serde; the same as `JsonSerde::default()`.
    pub const fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for JsonSerde<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for JsonSerde<T> {}

impl<T> Default for JsonSerde<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> fmt::Debug for JsonSerde<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JsonSerde<{}>", type_name::<T>())
    }
}

impl<T: Serialize + DeserializeOwned + 'static> Serde<T> for JsonSerde<T> {
    fn serialize(&self, _topic: &str, value: &T, out: &mut Vec<u8>) -> Result<Written, SerdeError> {
        let before = out.len();
        match serde_json::to_writer(&mut *out, value) {
            Ok(()) => Ok(Written::Bytes),
            Err(error) => {
                out.truncate(before);
                Err(SerdeError::Invalid(format!("{} has no JSON: {error}", type_name::<T>())))
            }
        }
    }

    fn deserialize(&self, _topic: &str, data: Option<Payload<'_>>) -> Result<T, SerdeError> {
        let data = non_null(data, type_name::<T>())?;
        note_buffer(data);
        // Text is looked at once, not anew for each name and string in it. What is none makes the message that names the place.
        let read = match std::str::from_utf8(data.as_slice()) {
            Ok(text) => serde_json::from_str(text),
            Err(_) => serde_json::from_slice(data.as_slice()),
        };
        match read {
            Ok(value) => Ok(value),
            Err(error) => Err(SerdeError::Invalid(format!("not the JSON of a {}: {error}", type_name::<T>()))),
        }
    }
}

impl DefaultSerde for Value {
    type Serde = JsonSerde<Self>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serde::SharedStr;
    use bytes::Bytes;
    use serde::Deserialize;
    use serde_json::json;

    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    struct View {
        page: SharedStr,
        #[serde(default)]
        seconds: u32,
    }

    impl DefaultSerde for View {
        type Serde = JsonSerde<Self>;
    }

    fn read<T: DefaultSerde>(text: Option<&str>) -> Result<T, String> {
        let data = text.map(|text| Payload::new(text.as_bytes()));
        T::default_serde().deserialize("topic", data).map_err(|error| error.to_string())
    }

    fn write<T: DefaultSerde>(value: &T) -> String {
        let mut out = Vec::new();
        assert_eq!(T::default_serde().serialize("topic", value, &mut out).unwrap(), Written::Bytes);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn typed_and_untyped_values_come_back() {
        let view = View { page: "/a\"b".into(), seconds: 7 };
        assert_eq!(write(&view), r#"{"page":"/a\"b","seconds":7}"#);
        assert_eq!(read::<View>(Some(&write(&view))).unwrap(), view);
        let value = json!({"list": [1, null, "x"], "deep": {"y": 1.5}});
        assert_eq!(read::<Value>(Some(&write(&value))).unwrap(), value);
        assert_eq!(write(&Value::Null), "null");
        assert_eq!(read::<Value>(Some("null")).unwrap(), Value::Null);
        assert_eq!(read::<Option<View>>(None).unwrap(), None);
    }

    #[test]
    fn errors_say_what_is_wrong_and_where() {
        // text => parts of the message
        let cases: [(Option<&str>, [&str; 2]); 7] = [
            (Some(r#"{"seconds":1}"#), ["::View", "missing field `page` at line 1 column 13"]),
            (Some("{\"page\":\"a\",\n\"seconds\":\"b\"}"), ["invalid type: string \"b\"", "line 2 column 13"]),
            (Some(r#"{"page":"a","seconds":-1}"#), ["invalid value: integer `-1`", "column 24"]),
            (Some(r#"{"page":"a""#), ["EOF while parsing", "line 1 column 11"]),
            (Some(r#"{"page":"a"} x"#), ["trailing characters", "line 1 column 14"]),
            (Some(""), ["EOF while parsing a value", "line 1 column 0"]),
            (None, ["null where a ", "View> to accept null"]),
        ];
        for (text, parts) in cases {
            let error = read::<View>(text).unwrap_err();
            assert!(parts.iter().all(|part| error.contains(part)), "{text:?}: {error}");
        }
        let deep = "[".repeat(100_000);
        assert!(read::<Value>(Some(&deep)).unwrap_err().contains("recursion limit exceeded"));
    }

    #[test]
    fn what_has_no_json_is_an_error_and_leaves_no_bytes() {
        let map = std::collections::BTreeMap::from([((1, 2), 3)]);
        let mut out = b"before".to_vec();
        let error = JsonSerde::new().serialize("topic", &map, &mut out).unwrap_err().to_string();
        assert!(error.contains("has no JSON: key must be a string"), "{error}");
        assert_eq!(out, b"before");
    }

    #[test]
    fn text_without_escapes_is_a_slice_of_the_batch() {
        let text = br#"{"page":"/index/of/a/path/that/is/longer/than/most"}{"page":"/caf\u00e9/of/a/path/that/is/longer/than/most"}"#;
        let buffer = Bytes::from(text.to_vec());
        let read = |from: usize, to: usize, buffer: &Bytes| {
            let payload = Payload::in_buffer(&buffer[from..to], buffer);
            JsonSerde::<View>::new().deserialize("topic", Some(payload)).unwrap().page
        };
        let shared = read(0, 52, &buffer);
        assert_eq!(shared, "/index/of/a/path/that/is/longer/than/most");
        assert_eq!(shared.as_ptr(), buffer[9..].as_ptr());
        assert_eq!(read(52, buffer.len(), &buffer), "/café/of/a/path/that/is/longer/than/most");
        // A payload without buffer is copied, also right after one with.
        let other = br#"{"page":"/other/of/a/path/that/is/longer/than/most"}"#.to_vec();
        let copied = JsonSerde::<View>::new().deserialize("topic", Some(Payload::new(&other))).unwrap().page;
        drop(other);
        assert_eq!(copied, "/other/of/a/path/that/is/longer/than/most");
        // The text outlives the batch.
        drop(buffer);
        assert_eq!(shared, "/index/of/a/path/that/is/longer/than/most");
    }
}
