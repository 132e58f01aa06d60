use bytes::BytesMut;
use kafka_protocol::messages::sync_group_request::SyncGroupRequestAssignment;
use kafka_protocol::messages::{ApiKey, GroupId, SyncGroupRequest};

use super::{Call, PROTOCOL_TYPE, Refusal, VersionRange, optional_text, text, write};
use crate::ClientError;
use crate::group::{SyncGroup, SyncedGroup};
use crate::wire::{Reader, WireError};

impl Call for SyncGroup {
    const KEY: ApiKey = ApiKey::SyncGroup;
    const NAME: &'static str = "SyncGroup";
    const VERSIONS: VersionRange = VersionRange { min: 5, max: 5 };
    type Answer = SyncedGroup;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let assignments = self.assignments.iter().map(|(member_id, assignment)| {
            SyncGroupRequestAssignment::default().with_member_id(text(member_id)).with_assignment(assignment.clone())
        });
        let request = SyncGroupRequest::default()
            .with_group_id(GroupId(text(&self.member.group_id)))
            .with_generation_id(self.member.generation)
            .with_member_id(text(&self.member.member_id))
            .with_group_instance_id(optional_text(self.member.group_instance_id.as_ref()))
            .with_protocol_type(Some(PROTOCOL_TYPE))
            .with_protocol_name(Some(text(&self.protocol_name)))
            .with_assignments(assignments.collect());
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let code = body.i16()?;
        body.compact_nullable_string()?; // protocol type
        body.compact_nullable_string()?; // protocol name
        let assignment = body.compact_bytes()?;
        let checked = Refusal::check(code, || format!("synchronizing group {}", self.member.group_id));
        Ok(checked.map(|()| SyncedGroup { assignment }))
    }
}
