//! What a broker forgets when it is stopped: no client can do anything about it, so it is shown here by plain requests.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

use bytes::{BufMut, Bytes, BytesMut};
use kafka_client::records::{BatchWriter, Compression, Compressor, EncodedHeaders, ProducerStamp};
use kafka_protocol::messages::produce_request::{PartitionProduceData, TopicProduceData};
use kafka_protocol::messages::{ApiKey, ProduceRequest, ProduceResponse, RequestHeader, ResponseHeader, TopicName};
use kafka_protocol::protocol::{Decodable, Encodable, StrBytes, encode_request_header_into_buffer};

use crate::brokers::Brokers;
use crate::load;

const VERSION: i16 = 9;
const NOT_LEADER: i16 = 6;

/// Sends a batch with the same sequence before and after a clean stop: of the present it is recognized; of long ago, it is taken twice.
#[test]
fn a_broker_that_was_stopped_knows_only_producers_of_records_that_are_not_old() {
    let broker = Brokers::one("faults-forgotten");
    let topic = load::create_topic(&broker.servers, 1, &[]);
    let send = |partition, timestamp| produce(&broker.servers, &topic, partition, timestamp);
    let (present, old) = (load::timestamp(0), 1_700_000_000_000);
    assert_eq!((send(0, present), send(1, old)), (0, 0));
    assert_eq!((send(0, present), send(1, old)), (0, 0));
    broker.restart(0, false);
    assert_eq!((send(0, present), send(1, old)), (0, 1));
}

/// Appends one record with sequence 7 and answers its offset. A broker that has just started does not lead at once.
fn produce(server: &str, topic: &str, partition: i32, timestamp: i64) -> i64 {
    let start = Instant::now();
    loop {
        match try_produce(server, topic, partition, timestamp) {
            (0, offset) => return offset,
            (code, _) => assert!(code == NOT_LEADER && start.elapsed() < load::PATIENCE, "error {code}"),
        }
        std::thread::yield_now();
    }
}

/// The error code and the offset.
fn try_produce(server: &str, topic: &str, partition: i32, timestamp: i64) -> (i16, i64) {
    let stamp = ProducerStamp { producer_id: 4711, producer_epoch: 0, base_sequence: 7, transactional: false };
    let mut writer = BatchWriter::new(1000);
    writer.append(timestamp, None, Some(b"value"), EncodedHeaders::NONE).unwrap();
    let batch = writer.finish(&mut Compressor::new(Compression::None, None).unwrap(), &stamp).unwrap();
    let data = PartitionProduceData::default().with_index(partition).with_records(Some(Bytes::from(batch)));
    let topic = TopicProduceData::default()
        .with_name(TopicName(StrBytes::from_string(topic.to_owned())))
        .with_partition_data(vec![data]);
    let request = ProduceRequest::default().with_acks(-1).with_timeout_ms(10_000).with_topic_data(vec![topic]);
    let header = RequestHeader::default()
        .with_request_api_key(ApiKey::Produce as i16)
        .with_request_api_version(VERSION)
        .with_client_id(Some("faults".into()));
    let mut frame = BytesMut::from(&[0; 4][..]);
    encode_request_header_into_buffer(&mut frame, &header).unwrap();
    request.encode(&mut frame, VERSION).unwrap();
    let length = frame.len() as u32 - 4;
    (&mut frame[..4]).put_u32(length);
    let mut stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(load::PATIENCE)).unwrap();
    stream.write_all(&frame).unwrap();
    let mut length = [0; 4];
    stream.read_exact(&mut length).unwrap();
    let mut answer = vec![0; u32::from_be_bytes(length) as usize];
    stream.read_exact(&mut answer).unwrap();
    let mut answer = Bytes::from(answer);
    ResponseHeader::decode(&mut answer, ApiKey::Produce.response_header_version(VERSION)).unwrap();
    let answer = ProduceResponse::decode(&mut answer, VERSION).unwrap();
    let told = &answer.responses[0].partition_responses[0];
    (told.error_code, told.base_offset)
}
