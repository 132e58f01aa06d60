use super::Output;
use super::output::Stopped;
use flate2::{Compress, Compression as Level, Decompress, FlushCompress, FlushDecompress, Status};

/// As large as the format has it; readers accept no less.
const WINDOW_BITS: u8 = 15;

const DAMAGED: &str = "the gzip data is damaged or ends early";

/// Levels as of `compression.gzip.level`: -1 for the library's own default.
pub(super) fn writer(level: Option<i32>) -> Option<Compress> {
    let level = match level {
        None | Some(-1) => Level::default(),
        Some(level @ 1..=9) => Level::new(level as u32),
        Some(_) => return None,
    };
    Some(Compress::new_gzip(level, WINDOW_BITS))
}

/// Compresses into `buffer`, which grows as needed; returns the bytes written.
pub(super) fn compress(state: &mut Compress, input: &[u8], buffer: &mut Vec<u8>) -> Result<usize, &'static str> {
    state.reset();
    loop {
        let written = state.total_out() as usize;
        if written == buffer.len() {
            buffer.resize((buffer.len() * 2).max(input.len() / 2).max(1024), 0);
        }
        let rest = &input[state.total_in() as usize..];
        match state.compress(rest, &mut buffer[written..], FlushCompress::Finish) {
            Ok(Status::StreamEnd) => return Ok(state.total_out() as usize),
            Ok(_) => {}
            Err(_) => return Err("zlib refuses the input"),
        }
    }
}

/// Decompresses all members, of which there is mostly one.
pub(super) fn decompress(mut input: &[u8], output: &mut Output<'_>) -> Result<(), Stopped> {
    loop {
        input = member(input, output)?;
        if input.is_empty() {
            return Ok(());
        }
    }
}

/// Decompresses one member; what follows it.
fn member<'a>(input: &'a [u8], output: &mut Output<'_>) -> Result<&'a [u8], Stopped> {
    let mut state = Decompress::new_gzip(WINDOW_BITS);
    loop {
        let (read, written) = (state.total_in(), state.total_out());
        let rest = &input[read as usize..];
        // At the limit the trailer may still be unread: one byte more tells whether there is more.
        let mut beyond = [0];
        let full = output.filled() >= output.limit();
        let room = if full { &mut beyond[..] } else { output.room((rest.len() * 3).max(4096))? };
        let status = state.decompress(rest, room, FlushDecompress::None).map_err(|_| Some(DAMAGED))?;
        let progress = (state.total_out() - written) as usize;
        if full && progress > 0 {
            return Err(None);
        }
        output.advance(progress);
        if status == Status::StreamEnd {
            return Ok(&input[state.total_in() as usize..]);
        }
        if progress == 0 && state.total_in() == read {
            return Err(Some(DAMAGED));
        }
    }
}
