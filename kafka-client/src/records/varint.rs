//! Kafka's variable-length integers: seven bits per byte, lowest first, zigzag so that small negative numbers stay short.

/// Longest encodings in bytes.
pub(super) const MAX_VARINT: usize = 5;
pub(super) const MAX_VARLONG: usize = 10;

const ENDS_EARLY: &str = "its bytes end too early";
const TOO_LONG: &str = "a variable-length integer is too long";

pub(super) fn zigzag32(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

pub(super) fn zigzag64(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn unzigzag32(value: u32) -> i32 {
    (value >> 1) as i32 ^ -((value & 1) as i32)
}

fn unzigzag64(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}

/// Reads a number of 32 bits at `*at` and moves behind it.
#[inline(always)]
pub(super) fn read_i32(bytes: &[u8], at: &mut usize) -> Result<i32, &'static str> {
    let Some(&first) = bytes.get(*at) else { return Err(ENDS_EARLY) };
    *at += 1;
    if first < 0x80 {
        return Ok(unzigzag32(u32::from(first)));
    }
    // Two bytes are as frequent as one: the lengths from 64 to 8191.
    let Some(&second) = bytes.get(*at) else { return Err(ENDS_EARLY) };
    if second < 0x80 {
        *at += 1;
        return Ok(unzigzag32(u32::from(first & 0x7f) | u32::from(second) << 7));
    }
    let (value, after) = read_long(bytes, *at - 1, MAX_VARINT)?;
    *at = after;
    u32::try_from(value).map(unzigzag32).map_err(|_| TOO_LONG)
}

/// Reads a number of 64 bits at `*at` and moves behind it.
#[inline(always)]
pub(super) fn read_i64(bytes: &[u8], at: &mut usize) -> Result<i64, &'static str> {
    let Some(&first) = bytes.get(*at) else { return Err(ENDS_EARLY) };
    if first < 0x80 {
        *at += 1;
        return Ok(unzigzag64(u64::from(first)));
    }
    let (value, after) = read_long(bytes, *at, MAX_VARLONG)?;
    *at = after;
    Ok(unzigzag64(value))
}

/// The bits of a number of at most `max` bytes, and the position behind it.
#[inline(never)]
fn read_long(bytes: &[u8], from: usize, max: usize) -> Result<(u64, usize), &'static str> {
    let mut value = 0u64;
    for index in 0..max {
        let Some(&byte) = bytes.get(from + index) else { return Err(ENDS_EARLY) };
        // The tenth byte has room for one bit.
        if index == MAX_VARLONG - 1 && byte > 1 {
            return Err(TOO_LONG);
        }
        value |= u64::from(byte & 0x7f) << (7 * index);
        if byte < 0x80 {
            return Ok((value, from + index + 1));
        }
    }
    Err(TOO_LONG)
}

/// Bytes that a zigzagged number takes.
#[inline]
pub(super) fn size_u32(value: u32) -> usize {
    ((value | 1).ilog2() as usize * 9 + 73) / 64
}

/// Appends a number.
pub(super) fn push_i32(out: &mut Vec<u8>, value: i32) {
    push_u32(out, zigzag32(value));
}

/// Appends a number that is zigzagged already.
#[inline(always)]
pub(super) fn push_u32(out: &mut Vec<u8>, value: u32) {
    let mut rest = value;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn push_i64(value: i64) -> Vec<u8> {
        let (mut out, mut rest) = (Vec::new(), zigzag64(value));
        while rest >= 0x80 {
            out.push(rest as u8 | 0x80);
            rest >>= 7;
        }
        out.push(rest as u8);
        out
    }

    #[test]
    fn known_encodings() {
        // Values of org.apache.kafka.common.utils.ByteUtilsTest.
        for (value, bytes) in [
            (0, &[0x00][..]),
            (-1, &[0x01]),
            (1, &[0x02]),
            (63, &[0x7e]),
            (-64, &[0x7f]),
            (64, &[0x80, 0x01]),
            (8191, &[0xfe, 0x7f]),
            (8192, &[0x80, 0x80, 0x01]),
            (i32::MAX, &[0xfe, 0xff, 0xff, 0xff, 0x0f]),
            (i32::MIN, &[0xff, 0xff, 0xff, 0xff, 0x0f]),
        ] {
            let mut out = Vec::new();
            push_i32(&mut out, value);
            assert_eq!(out, bytes, "{value}");
        }
        assert_eq!(push_i64(i64::MIN), [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]);
    }

    #[test]
    fn what_is_too_long_or_ends_early_is_an_error() {
        for bytes in [&[][..], &[0x80], &[0xff; 4], &[0xff; 11], &[0xff, 0xff, 0xff, 0xff, 0x1f]] {
            assert!(read_i32(bytes, &mut 0).is_err(), "{bytes:?}");
        }
        for bytes in [&[][..], &[0x80], &[0xff; 9], &[0xff; 11]] {
            assert!(read_i64(bytes, &mut 0).is_err(), "{bytes:?}");
        }
        assert!(read_i64(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02], &mut 0).is_err());
    }

    proptest! {
        #[test]
        fn numbers_come_back(small in any::<i32>(), large in any::<i64>(), shift in 0..64u32) {
            for value in [small, small >> (shift % 32)] {
                let (mut out, mut at) = (vec![0xff], 1);
                push_i32(&mut out, value);
                prop_assert_eq!(read_i32(&out, &mut at), Ok(value));
                prop_assert_eq!(at, out.len());
                prop_assert_eq!(size_u32(zigzag32(value)), out.len() - 1);
            }
            for value in [large, large >> shift] {
                let (out, mut at) = (push_i64(value), 0);
                prop_assert_eq!(read_i64(&out, &mut at), Ok(value));
                prop_assert_eq!(at, out.len());
            }
        }
    }
}
