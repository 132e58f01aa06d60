//! Whole frames, and the addresses in them: clients must find the proxy where brokers name themselves.

use std::collections::VecDeque;
use std::io;

use bytes::{Buf, Bytes, BytesMut};
use kafka_protocol::messages::{ApiKey, FindCoordinatorResponse, MetadataResponse, ResponseHeader};
use kafka_protocol::protocol::{Decodable, Encodable};
use tokio::io::{AsyncRead, AsyncReadExt};

/// The next frame, its length included; none at the end of the stream.
pub async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Bytes> {
    let mut frame = vec![0; 4];
    stream.read_exact(&mut frame).await?;
    let length = frame.as_slice().get_u32() as usize;
    assert!(length <= 200 << 20, "a frame of {length} bytes");
    frame.resize(4 + length, 0);
    stream.read_exact(&mut frame[4..]).await?;
    Ok(frame.into())
}

/// Requests of one connection that are not answered: an answer does not say what it answers.
#[derive(Default)]
pub struct Requests(VecDeque<(i16, i16)>);

impl Requests {
    pub fn note(&mut self, frame: &Bytes) {
        let mut header = &frame[4..];
        self.0.push_back((header.get_i16(), header.get_i16()));
    }

    /// The answer with every broker at `host`:`port`.
    pub fn redirect(&mut self, frame: Bytes, host: &str, port: u16) -> Bytes {
        let (key, version) = self.0.pop_front().expect("an answer to a request");
        if key == ApiKey::Metadata as i16 {
            rewrite(frame, ApiKey::Metadata, version, |answer: &mut MetadataResponse| {
                for broker in &mut answer.brokers {
                    broker.host = host.to_owned().into();
                    broker.port = port.into();
                }
            })
        } else if key == ApiKey::FindCoordinator as i16 {
            rewrite(frame, ApiKey::FindCoordinator, version, |answer: &mut FindCoordinatorResponse| {
                if version < 4 {
                    answer.host = host.to_owned().into();
                    answer.port = port.into();
                }
                for coordinator in &mut answer.coordinators {
                    coordinator.host = host.to_owned().into();
                    coordinator.port = port.into();
                }
            })
        } else {
            frame
        }
    }
}

fn rewrite<A: Decodable + Encodable>(frame: Bytes, key: ApiKey, version: i16, change: impl FnOnce(&mut A)) -> Bytes {
    let mut body = frame.slice(4..);
    let header_version = key.response_header_version(version);
    let header = ResponseHeader::decode(&mut body, header_version).unwrap();
    let mut answer = A::decode(&mut body, version).unwrap();
    change(&mut answer);
    let mut changed = BytesMut::from(&[0; 4][..]);
    header.encode(&mut changed, header_version).unwrap();
    answer.encode(&mut changed, version).unwrap();
    let length = changed.len() as u32 - 4;
    changed[..4].copy_from_slice(&length.to_be_bytes());
    changed.freeze()
}
