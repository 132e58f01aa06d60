use super::Output;
use super::output::Stopped;
use zstd_safe::{CCtx, DCtx, compress_bound, get_error_name, get_frame_content_size};

/// What the library answers where the output does not fit; its error codes are part of its stable interface.
const DESTINATION_TOO_SMALL: usize = 70usize.wrapping_neg();

/// Levels as of `compression.zstd.level`: Kafka's default is 3.
pub(super) fn level(level: Option<i32>) -> Option<i32> {
    match level {
        None => Some(3),
        Some(level @ -131_072..=22) => Some(level),
        Some(_) => None,
    }
}

/// Compresses into `buffer`, which grows as needed; returns the bytes written.
pub(super) fn compress(
    state: &mut CCtx<'_>,
    level: i32,
    input: &[u8],
    buffer: &mut Vec<u8>,
) -> Result<usize, &'static str> {
    let bound = compress_bound(input.len());
    if buffer.len() < bound {
        buffer.resize(bound, 0);
    }
    state.compress(&mut buffer[..], input, level).map_err(get_error_name)
}

/// Decompresses; the library's state is made when it is first needed, and kept.
#[derive(Default)]
pub(super) struct Reader {
    state: Option<DCtx<'static>>,
}

impl Reader {
    /// In one step into a buffer that is large enough: a stream would need a window of its own, megabytes of it. Java's frames do not
    /// say how large they are, so the buffer doubles until it suffices; it is kept, so that is rare.
    pub(super) fn decompress(&mut self, input: &[u8], output: &mut Output<'_>) -> Result<(), Stopped> {
        let state = match &mut self.state {
            Some(state) => state,
            empty => empty.insert(DCtx::try_create().ok_or(Some("zstd has no memory for its state"))?),
        };
        let stated = get_frame_content_size(input).map_err(|_| Some("the data is not a zstd frame"))?;
        if stated.is_some_and(|size| size > output.limit() as u64) {
            return Err(None);
        }
        // No block of a frame makes more than 128 KiB of its 4 bytes at least, so a statement beyond that is a lie.
        let justified = input.len().saturating_mul(32 << 10);
        let mut wanted = stated.map_or(input.len().saturating_mul(4), |size| size as usize).clamp(1, justified.max(1));
        loop {
            let room = output.room(wanted)?;
            let size = room.len();
            match state.decompress(room, input) {
                Ok(written) => {
                    output.advance(written);
                    return Ok(());
                }
                Err(DESTINATION_TOO_SMALL) if size >= output.limit() => return Err(None),
                Err(DESTINATION_TOO_SMALL) => wanted = size.saturating_mul(2),
                Err(code) => return Err(Some(get_error_name(code))),
            }
        }
    }
}
