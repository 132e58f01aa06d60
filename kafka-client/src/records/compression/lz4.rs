//! LZ4 frames, as far as Kafka uses them: blocks that do not depend on each other.

use super::Output;
use super::output::Stopped;
use lz4::block::{CompressionMode, compress_bound, compress_to_buffer, decompress_to_buffer};

/// Magic number; version 1 with independent blocks and no checksums; blocks of 64 KiB; checksum of the two bytes before.
const FRAME_HEADER: [u8; 7] = [0x04, 0x22, 0x4d, 0x18, 0x60, 0x40, 0x82];
const BLOCK: usize = 64 << 10;
/// Bit of a block's length that says that the block is stored as it is.
const STORED: u32 = 1 << 31;

const VERSION: u8 = 0b1100_0000;
const INDEPENDENT: u8 = 1 << 5;
const BLOCK_CHECKSUM: u8 = 1 << 4;
const CONTENT_SIZE: u8 = 1 << 3;
const CONTENT_CHECKSUM: u8 = 1 << 2;
const DICTIONARY: u8 = 1;

const ENDS_EARLY: Stopped = Some("the lz4 frame ends early");
const DAMAGED: Stopped = Some("an lz4 block is damaged");

/// Levels as of `compression.lz4.level`: the default, 9, stands for the fast compressor, as in Java; others for the strong one.
pub(super) fn mode(level: Option<i32>) -> Option<CompressionMode> {
    match level {
        None | Some(9) => Some(CompressionMode::DEFAULT),
        Some(level @ 1..=17) => Some(CompressionMode::HIGHCOMPRESSION(level)),
        Some(_) => None,
    }
}

/// Compresses into `buffer`, which grows as needed; returns the bytes written.
pub(super) fn compress(mode: CompressionMode, input: &[u8], buffer: &mut Vec<u8>) -> Result<usize, &'static str> {
    const REFUSED: &str = "lz4 refuses the input";
    let block_bound = compress_bound(BLOCK).map_err(|_| REFUSED)?.max(BLOCK);
    let bound = FRAME_HEADER.len() + input.len().div_ceil(BLOCK) * (4 + block_bound) + 4;
    if buffer.len() < bound {
        buffer.resize(bound, 0);
    }
    buffer[..FRAME_HEADER.len()].copy_from_slice(&FRAME_HEADER);
    let mut at = FRAME_HEADER.len();
    for block in input.chunks(BLOCK) {
        let (prefix, room) = buffer[at..].split_at_mut(4);
        let length = compress_to_buffer(block, Some(mode), false, room).map_err(|_| REFUSED)?;
        let (length, stored) = if length < block.len() {
            (length, 0)
        } else {
            room[..block.len()].copy_from_slice(block);
            (block.len(), STORED)
        };
        prefix.copy_from_slice(&(length as u32 | stored).to_le_bytes());
        at += 4 + length;
    }
    buffer[at..at + 4].fill(0);
    Ok(at + 4)
}

pub(super) fn decompress(input: &[u8], output: &mut Output<'_>) -> Result<(), Stopped> {
    let (&[m0, m1, m2, m3, flags, descriptor], rest) = input.split_first_chunk::<6>().ok_or(ENDS_EARLY)?;
    if [m0, m1, m2, m3] != FRAME_HEADER[..4] || flags & VERSION != 1 << 6 {
        return Err(Some("the data is not an lz4 frame of version 1"));
    }
    if flags & DICTIONARY != 0 {
        return Err(Some("the lz4 frame needs a dictionary"));
    }
    let block_size = match descriptor >> 4 & 7 {
        exponent @ 4..=7 => 1usize << (8 + 2 * exponent),
        _ => return Err(Some("the lz4 frame has an unknown block size")),
    };
    // The checksum of the frame's header is one byte.
    let skipped = 1 + if flags & CONTENT_SIZE != 0 { 8 } else { 0 };
    let mut rest = rest.get(skipped..).ok_or(ENDS_EARLY)?;
    let mut first = true;
    loop {
        let (length, after) = rest.split_first_chunk::<4>().ok_or(ENDS_EARLY)?;
        let length = u32::from_le_bytes(*length);
        if length == 0 {
            rest = after;
            break;
        }
        if !first && flags & INDEPENDENT == 0 {
            return Err(Some("the lz4 frame has blocks that depend on each other, which Kafka does not allow"));
        }
        first = false;
        let (compressed, after) = after.split_at_checked((length & !STORED) as usize).ok_or(ENDS_EARLY)?;
        block(compressed, length & STORED != 0, block_size, output)?;
        rest = after.get(if flags & BLOCK_CHECKSUM != 0 { 4 } else { 0 }..).ok_or(ENDS_EARLY)?;
    }
    match rest.len() {
        0 if flags & CONTENT_CHECKSUM == 0 => Ok(()),
        4 if flags & CONTENT_CHECKSUM != 0 => Ok(()),
        _ => Err(Some("bytes are missing or left over behind the lz4 frame")),
    }
}

fn block(input: &[u8], stored: bool, block_size: usize, output: &mut Output<'_>) -> Result<(), Stopped> {
    if stored {
        if input.len() > block_size {
            return Err(DAMAGED);
        }
        output.exact(input.len())?.copy_from_slice(input);
        output.advance(input.len());
        return Ok(());
    }
    // A byte of lz4 makes at most 255.
    let most = block_size.min(input.len().saturating_mul(255));
    let room = output.room(most)?;
    let (size, at_limit) = (room.len().min(most), room.len() < most);
    let written =
        decompress_to_buffer(input, Some(size as i32), room).map_err(|_| if at_limit { None } else { DAMAGED })?;
    output.advance(written);
    Ok(())
}
