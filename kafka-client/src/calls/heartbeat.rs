use bytes::BytesMut;
use kafka_protocol::messages::{ApiKey, GroupId, HeartbeatRequest};

use super::{Call, Refusal, VersionRange, optional_text, text, write};
use crate::ClientError;
use crate::group::Heartbeat;
use crate::wire::{Reader, WireError};

impl Call for Heartbeat {
    const KEY: ApiKey = ApiKey::Heartbeat;
    const NAME: &'static str = "Heartbeat";
    const VERSIONS: VersionRange = VersionRange { min: 4, max: 4 };
    type Answer = ();

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let request = HeartbeatRequest::default()
            .with_group_id(GroupId(text(&self.member.group_id)))
            .with_generation_id(self.member.generation)
            .with_member_id(text(&self.member.member_id))
            .with_group_instance_id(optional_text(self.member.group_instance_id.as_ref()));
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let code = body.i16()?;
        Ok(Refusal::check(code, || format!("a heartbeat to group {}", self.member.group_id)))
    }
}
