use streams_dsl::serde::{Payload, Serde, SerdeError};

/// Shows the key and value of an output record: which row it is about, and what is known of it.
pub type Row = fn(&[u8], &[u8]) -> Result<(String, String), SerdeError>;

/// Bytes that are text.
pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Bytes that a serde has written.
///
/// # Errors
/// Where they are no such value.
pub fn read<T>(serde: impl Serde<T>, bytes: &[u8]) -> Result<T, SerdeError> {
    serde.deserialize("", Some(Payload::new(bytes)))
}
