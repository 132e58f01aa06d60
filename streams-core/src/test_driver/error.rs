use crate::error::StreamsError;

/// The test asks for what is not there.
pub(super) fn misuse(message: impl Into<String>) -> StreamsError {
    StreamsError::InvalidState(message.into())
}
