use super::*;
use proptest::prelude::*;

const ALL: [Compression; 4] = [Compression::Gzip, Compression::Snappy, Compression::Lz4, Compression::Zstd];

/// Bytes that compress to about a third, more than one block of each format.
fn compressible(length: usize) -> Vec<u8> {
    let mut seed = 7u64;
    let words = std::iter::from_fn(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        Some(format!("{{\"user\":{},\"page\":\"/home\"}}", seed >> 44))
    });
    words.flat_map(String::into_bytes).take(length).collect()
}

fn compressed(compression: Compression, level: Option<i32>, input: &[u8]) -> Vec<u8> {
    let mut compressor = Compressor::new(compression, level).unwrap();
    compressor.compress(input).unwrap().expect("it becomes smaller").to_vec()
}

#[test]
fn codes_and_names_are_those_of_kafka() {
    for (code, name) in ["none", "gzip", "snappy", "lz4", "zstd"].into_iter().enumerate() {
        let compression = Compression::from_name(name).unwrap();
        assert_eq!((compression.code(), compression.name()), (code as u8, name));
        assert_eq!(Compression::from_code(code as u8), Some(compression));
    }
    assert_eq!((Compression::from_code(5), Compression::from_name("brotli")), (None, None));
}

#[test]
fn what_is_compressed_comes_back_however_large_and_at_every_level() {
    let mut decompressor = Decompressor::default();
    for length in [100, 32 << 10, 100_000, 3 << 20] {
        let input = compressible(length);
        for compression in ALL {
            let levels: &[Option<i32>] = match compression {
                Compression::Gzip => &[None, Some(-1), Some(1), Some(9)],
                Compression::Lz4 => &[None, Some(1), Some(9), Some(12)],
                Compression::Zstd => &[None, Some(-5), Some(1)],
                _ => &[None],
            };
            for &level in levels {
                let bytes = compressed(compression, level, &input);
                let output = decompressor.decompress(compression, &bytes, length).unwrap();
                assert!(output == input, "{compression} {level:?} {length}");
                assert_eq!(
                    decompressor.decompress(compression, &bytes, length - 1),
                    Err(None),
                    "{compression} {length}"
                );
            }
        }
    }
}

#[test]
fn a_compressor_is_used_again() {
    for compression in ALL {
        let mut compressor = Compressor::new(compression, None).unwrap();
        for length in [70_000, 200, 90_000] {
            let input = compressible(length);
            let bytes = compressor.compress(&input).unwrap().unwrap().to_vec();
            assert!(Decompressor::default().decompress(compression, &bytes, length).unwrap() == input, "{compression}");
        }
    }
}

#[test]
fn levels_outside_their_range_are_errors() {
    for (compression, level) in [
        (Compression::None, 1),
        (Compression::Snappy, 1),
        (Compression::Gzip, 0),
        (Compression::Gzip, 10),
        (Compression::Lz4, 18),
        (Compression::Zstd, 23),
    ] {
        let error = Compressor::new(compression, Some(level)).err().unwrap().to_string();
        assert!(error.starts_with(&format!("{compression} has no compression level {level}; ")), "{error}");
    }
}

#[test]
fn what_does_not_become_smaller_stays_as_it_is() {
    for compression in ALL {
        assert_eq!(Compressor::new(compression, None).unwrap().compress(b"abc"), Ok(None));
    }
}

#[test]
fn raw_snappy_and_several_gzip_members_are_read() {
    let input = compressible(50_000);
    let raw = snap::raw::Encoder::new().compress_vec(&input).unwrap();
    assert!(Decompressor::default().decompress(Compression::Snappy, &raw, 1 << 20).unwrap() == input);
    let twice = compressed(Compression::Gzip, None, &input).repeat(2);
    assert!(Decompressor::default().decompress(Compression::Gzip, &twice, 1 << 20).unwrap() == input.repeat(2));
}

#[test]
fn data_that_ends_early_is_an_error() {
    let input = compressible(1000);
    for compression in ALL {
        let bytes = compressed(compression, None, &input);
        for length in 0..bytes.len() {
            let result = Decompressor::default().decompress(compression, &bytes[..length], 1 << 20);
            let whole_frames = compression == Compression::Snappy && (length == 0 || length == 16);
            assert!(result.is_err() || whole_frames, "{compression} {length}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn damaged_data_neither_panics_nor_exceeds_the_limit(
        length in 50usize..3000,
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
        limit in 0usize..5000,
    ) {
        for compression in ALL {
            let mut bytes = compressed(compression, None, &compressible(length.max(200)));
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let mut decompressor = Decompressor::default();
            if let Ok(output) = decompressor.decompress(compression, &bytes, limit) {
                prop_assert!(output.len() <= limit);
            }
            prop_assert!(decompressor.kept() <= limit);
        }
    }

    #[test]
    fn any_bytes_neither_panic_nor_exceed_the_limit(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        for compression in ALL {
            let mut decompressor = Decompressor::default();
            drop(decompressor.decompress(compression, &bytes, 1000));
            prop_assert!(decompressor.kept() <= 1000);
        }
    }
}
