use bytes::BytesMut;
use kafka_protocol::messages::join_group_request::JoinGroupRequestProtocol;
use kafka_protocol::messages::{ApiKey, GroupId, JoinGroupRequest};

use super::{Call, PROTOCOL_TYPE, Refusal, VersionRange, millis, optional_text, text, write};
use crate::ClientError;
use crate::group::{GroupMember, JoinGroup, JoinedGroup};
use crate::wire::{Reader, WireError};

const MEMBER_ID_REQUIRED: i16 = 79;

impl Call for JoinGroup {
    const KEY: ApiKey = ApiKey::JoinGroup;
    const NAME: &'static str = "JoinGroup";
    const VERSIONS: VersionRange = VersionRange { min: 9, max: 9 };
    type Answer = JoinedGroup;

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let protocols = self.protocols.iter().map(|protocol| {
            JoinGroupRequestProtocol::default().with_name(text(&protocol.name)).with_metadata(protocol.metadata.clone())
        });
        let request = JoinGroupRequest::default()
            .with_group_id(GroupId(text(&self.group_id)))
            .with_session_timeout_ms(millis(self.session_timeout))
            .with_rebalance_timeout_ms(millis(self.rebalance_timeout))
            .with_member_id(text(&self.member_id))
            .with_group_instance_id(optional_text(self.group_instance_id.as_ref()))
            .with_protocol_type(PROTOCOL_TYPE)
            .with_protocols(protocols.collect())
            .with_reason(optional_text(self.reason.as_ref()));
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let code = body.i16()?;
        let generation = body.i32()?;
        body.compact_nullable_string()?; // protocol type
        let protocol_name = body.compact_nullable_string()?;
        let leader_id = body.compact_string()?;
        let skip_assignment = body.bool()?;
        let member_id = body.compact_string()?;
        let members = body.compact_array(|member| {
            let read = GroupMember {
                member_id: member.compact_string()?,
                group_instance_id: member.compact_nullable_string()?,
                metadata: member.compact_bytes()?,
            };
            member.tags()?;
            Ok(read)
        })?;
        let checked = Refusal::check(code, || match code {
            MEMBER_ID_REQUIRED => member_id.clone(),
            _ => format!("joining group {}", self.group_id),
        });
        Ok(checked.map(|()| JoinedGroup { generation, member_id, leader_id, protocol_name, skip_assignment, members }))
    }
}
