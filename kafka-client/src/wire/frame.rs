use std::io;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is reserved ahead of the bytes that have arrived: enough for a usual fetch at once, so that it is not moved while it grows, and
/// little enough that a claimed length costs nothing by itself (memory that is not written to is not taken).
const CHUNK: usize = 4 * 1024 * 1024;

/// What a listener for TLS answers to anything else begins with: an alert, of version 3.
const TLS_ALERT: i32 = 0x1503;

/// Reads one frame: a length of four bytes, then so many bytes.
///
/// An end of the stream is [`io::ErrorKind::UnexpectedEof`], a length that is negative or above `limit` (in bytes)
/// [`io::ErrorKind::InvalidData`].
pub(crate) async fn read_frame(stream: &mut (impl AsyncRead + Unpin), limit: usize) -> io::Result<Bytes> {
    let claimed = stream.read_i32().await?;
    let length = usize::try_from(claimed).ok().filter(|length| *length <= limit).ok_or_else(|| {
        let hint = if claimed >> 16 == TLS_ALERT { " (the port may be for TLS: see security.protocol)" } else { "" };
        let problem = format!("a frame claims {claimed} bytes; the limit is {limit}{hint}");
        io::Error::new(io::ErrorKind::InvalidData, problem)
    })?;
    let mut frame = BytesMut::new();
    while frame.len() < length {
        let missing = length - frame.len();
        frame.reserve(missing.min(CHUNK));
        if (&mut *stream).take(missing as u64).read_buf(&mut frame).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    Ok(frame.freeze())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    #[test]
    fn frames_follow_each_other() {
        block_on(async {
            let mut bytes: &[u8] = &[0, 0, 0, 2, 7, 8, 0, 0, 0, 0];
            assert_eq!(read_frame(&mut bytes, 10).await.unwrap(), &[7, 8][..]);
            assert_eq!(read_frame(&mut bytes, 10).await.unwrap(), &[][..]);
            assert_eq!(read_frame(&mut bytes, 10).await.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        });
    }

    #[test]
    fn a_large_frame_arrives_whole() {
        block_on(async {
            let body = vec![5; 3 * CHUNK + 1];
            let mut bytes = (body.len() as i32).to_be_bytes().to_vec();
            bytes.extend_from_slice(&body);
            assert_eq!(read_frame(&mut bytes.as_slice(), usize::MAX).await.unwrap(), body);
        });
    }

    #[test]
    fn a_bad_length_is_refused_before_anything_is_reserved() {
        block_on(async {
            for length in [-1, 11, i32::MAX, i32::MIN] {
                let bytes = length.to_be_bytes();
                let error = read_frame(&mut bytes.as_slice(), 10).await.unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{length}");
            }
            let truncated = [0x7f, 0xff, 0xff, 0xff, 1, 2];
            let error = read_frame(&mut truncated.as_slice(), usize::MAX).await.unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        });
    }

    proptest! {
        #[test]
        fn any_bytes_are_frames_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60), small in any::<bool>(), limit in 0usize..40) {
            let mut bytes = bytes;
            if small && bytes.len() >= 4 {
                bytes[..3].fill(0);
            }
            let mut rest = bytes.as_slice();
            loop {
                let before = rest;
                let Ok(frame) = block_on(read_frame(&mut rest, limit)) else { break };
                prop_assert!(frame.len() <= limit);
                prop_assert_eq!(&before[4..4 + frame.len()], &frame[..]);
            }
        }
    }
}
