/// The hash of a row's bytes: 128 bits of murmur3 for 64-bit machines, with the seed of Kafka Streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RowHash([u8; Self::LEN]);

const SEED: u64 = 104_729;
const C1: u64 = 0x87c3_7b91_1142_53d5;
const C2: u64 = 0x4cf5_ad43_2745_937f;

impl RowHash {
    /// Its length in bytes.
    pub const LEN: usize = 16;

    /// The hash of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let [high, low] = murmur3_128(bytes);
        let mut hash = [0; Self::LEN];
        hash[..8].copy_from_slice(&high.to_be_bytes());
        hash[8..].copy_from_slice(&low.to_be_bytes());
        Self(hash)
    }

    /// As it stands in messages: two numbers, big endian.
    pub fn as_bytes(&self) -> &[u8; Self::LEN] {
        &self.0
    }

    /// Splits a hash off the front; `None` where there are too few bytes.
    pub(super) fn split(bytes: &[u8]) -> Option<(Self, &[u8])> {
        let (hash, rest) = bytes.split_first_chunk()?;
        Some((Self(*hash), rest))
    }
}

fn murmur3_128(bytes: &[u8]) -> [u64; 2] {
    let (blocks, tail) = bytes.as_chunks::<16>();
    let (mut h1, mut h2) = (SEED, SEED);
    for block in blocks {
        let (k1, k2) = words(block);
        h1 = (h1 ^ mix1(k1)).rotate_left(27).wrapping_add(h2).wrapping_mul(5).wrapping_add(0x52dc_e729);
        h2 = (h2 ^ mix2(k2)).rotate_left(31).wrapping_add(h1).wrapping_mul(5).wrapping_add(0x3849_5ab5);
    }
    let mut last = [0; 16];
    last[..tail.len()].copy_from_slice(tail);
    // Words of zeros change nothing.
    let (k1, k2) = words(&last);
    h1 ^= mix1(k1);
    h2 ^= mix2(k2);
    h1 ^= bytes.len() as u64;
    h2 ^= bytes.len() as u64;
    h1 = h1.wrapping_add(h2);
    h2 = h2.wrapping_add(h1);
    (h1, h2) = (finish(h1), finish(h2));
    h1 = h1.wrapping_add(h2);
    [h1, h2.wrapping_add(h1)]
}

/// Two numbers, little endian.
fn words(block: &[u8; 16]) -> (u64, u64) {
    let both = u128::from_le_bytes(*block);
    (both as u64, (both >> 64) as u64)
}

fn mix1(word: u64) -> u64 {
    word.wrapping_mul(C1).rotate_left(31).wrapping_mul(C2)
}

fn mix2(word: u64) -> u64 {
    word.wrapping_mul(C2).rotate_left(33).wrapping_mul(C1)
}

fn finish(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}
