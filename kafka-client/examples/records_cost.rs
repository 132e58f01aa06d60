//! What reading and writing records costs, for `valgrind --tool=callgrind` or a stopwatch.
//!
//! `records_cost WHAT ROUNDS [COMPRESSION]` with WHAT one of `decode` (with checksums), `parse` (without), `append`, `append_with`; each round is
//! 1000 records of 90 bytes. Instructions per record are the difference between two numbers of rounds. Prints nanoseconds per record.

use bytes::Bytes;
use kafka_client::records::{
    BatchWriter, Compression, Compressor, DecodeOptions, EncodedHeaders, ProducerStamp, RecordsReader, Written,
};
use std::error::Error;
use std::hint::black_box;
use std::time::Instant;

const RECORDS: usize = 1000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, rounds, rest @ ..] = &arguments[..] else { return Err("usage: WHAT ROUNDS [COMPRESSION]".into()) };
    let rounds: usize = rounds.parse()?;
    let name = rest.first().map_or("none", String::as_str);
    let compression = Compression::from_name(name).ok_or("unknown compression")?;
    let mut compressor = Compressor::new(compression, None)?;
    let mut writer = BatchWriter::new(128 << 10);
    let values: Vec<[u8; 80]> = (0..RECORDS).map(value).collect();
    let started = Instant::now();
    match what.as_str() {
        "decode" | "parse" => {
            append(&mut writer, &values)?;
            let batch = Bytes::from(writer.finish(&mut compressor, &ProducerStamp::NONE)?);
            let options = DecodeOptions { check_crcs: what == "decode", ..DecodeOptions::default() };
            let (mut reader, mut records) = (RecordsReader::new(), Vec::new());
            for _ in 0..rounds {
                reader.decode(batch.clone(), &options, &mut records)?;
                black_box(&records);
                records.clear();
            }
        }
        "append" | "append_with" => {
            for _ in 0..rounds {
                if what == "append" {
                    append(&mut writer, &values)?
                } else {
                    append_with(&mut writer, &values)?
                }
                if compression != Compression::None {
                    black_box(writer.finish(&mut compressor, &ProducerStamp::NONE)?);
                }
                writer.clear();
            }
        }
        _ => return Err("WHAT is decode, parse, append or append_with".into()),
    }
    println!(
        "{what} {compression}: {:.1} ns per record",
        started.elapsed().as_nanos() as f64 / (rounds * RECORDS) as f64
    );
    Ok(())
}

fn value(index: usize) -> [u8; 80] {
    let mut value = [b' '; 80];
    let text = format!("{{\"user\":{},\"page\":\"/home/{}\"}}", index * 7919 % 10_007, index % 97);
    value[..text.len()].copy_from_slice(text.as_bytes());
    value
}

fn append(writer: &mut BatchWriter, values: &[[u8; 80]]) -> Result<(), Box<dyn Error>> {
    for (index, value) in values.iter().enumerate() {
        writer.append(index as i64, Some(&value[..10]), Some(black_box(value)), EncodedHeaders::NONE)?;
    }
    Ok(())
}

fn append_with(writer: &mut BatchWriter, values: &[[u8; 80]]) -> Result<(), Box<dyn Error>> {
    for (index, value) in values.iter().enumerate() {
        let write = |length: usize| {
            move |out: &mut Vec<u8>| {
                out.extend_from_slice(&black_box(value)[..length]);
                Ok::<_, std::convert::Infallible>(Written::Bytes)
            }
        };
        writer.append_with(index as i64, write(10), write(80), EncodedHeaders::NONE)?;
    }
    Ok(())
}
