//! Snappy. Java's library cuts the input into blocks and frames them (the framing of the "xerial" library, not Snappy's own); others write one
//! raw block. Both are read, the framing is written.

use super::Output;
use super::output::Stopped;
use snap::raw::{Decoder, Encoder, decompress_len, max_compress_len};

const MAGIC: &[u8] = b"\x82SNAPPY\0";
/// Version, and lowest version that can read it.
const VERSIONS: &[u8] = &[0, 0, 0, 1, 0, 0, 0, 1];
const FRAME_HEADER: usize = MAGIC.len() + VERSIONS.len();
/// Uncompressed bytes per block, as Java's library takes them.
const BLOCK: usize = 32 << 10;

const ENDS_EARLY: Stopped = Some("the snappy data ends early");
const DAMAGED: Stopped = Some("the snappy data is damaged");

/// Compresses into `buffer`, which grows as needed; returns the bytes written.
pub(super) fn compress(state: &mut Encoder, input: &[u8], buffer: &mut Vec<u8>) -> Result<usize, &'static str> {
    let blocks = input.len().div_ceil(BLOCK);
    let bound = FRAME_HEADER + blocks * (4 + max_compress_len(BLOCK));
    if buffer.len() < bound {
        buffer.resize(bound, 0);
    }
    buffer[..MAGIC.len()].copy_from_slice(MAGIC);
    buffer[MAGIC.len()..FRAME_HEADER].copy_from_slice(VERSIONS);
    let mut at = FRAME_HEADER;
    for block in input.chunks(BLOCK) {
        let length = state.compress(block, &mut buffer[at + 4..]).map_err(|_| "snappy refuses the input")?;
        buffer[at..at + 4].copy_from_slice(&(length as u32).to_be_bytes());
        at += 4 + length;
    }
    Ok(at)
}

pub(super) fn decompress(input: &[u8], output: &mut Output<'_>) -> Result<(), Stopped> {
    if !input.starts_with(MAGIC) {
        return block(input, output);
    }
    let mut rest = input.get(FRAME_HEADER..).ok_or(ENDS_EARLY)?;
    while let Some((length, after)) = rest.split_first_chunk::<4>() {
        let (compressed, after) = after.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or(ENDS_EARLY)?;
        block(compressed, output)?;
        rest = after;
    }
    if rest.is_empty() { Ok(()) } else { Err(ENDS_EARLY) }
}

fn block(input: &[u8], output: &mut Output<'_>) -> Result<(), Stopped> {
    let length = decompress_len(input).map_err(|_| DAMAGED)?;
    // No element makes more than 64 bytes of 3: what claims more is damaged, and gets no memory.
    if length / 32 > input.len() {
        return Err(DAMAGED);
    }
    let written = Decoder::new().decompress(input, output.exact(length)?).map_err(|_| DAMAGED)?;
    output.advance(written);
    Ok(())
}
