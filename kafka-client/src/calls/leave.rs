use bytes::BytesMut;
use kafka_protocol::messages::leave_group_request::MemberIdentity;
use kafka_protocol::messages::{ApiKey, GroupId, LeaveGroupRequest};

use super::{Call, Refusal, VersionRange, optional_text, text, write};
use crate::ClientError;
use crate::group::LeaveGroup;
use crate::wire::{Reader, WireError};

impl Call for LeaveGroup {
    const KEY: ApiKey = ApiKey::LeaveGroup;
    const NAME: &'static str = "LeaveGroup";
    const VERSIONS: VersionRange = VersionRange { min: 5, max: 5 };
    type Answer = ();

    fn encode(&self, version: i16, buffer: &mut BytesMut) -> Result<(), ClientError> {
        let member = MemberIdentity::default()
            .with_member_id(text(&self.member.member_id))
            .with_group_instance_id(optional_text(self.member.group_instance_id.as_ref()))
            .with_reason(optional_text(self.reason.as_ref()));
        let request =
            LeaveGroupRequest::default().with_group_id(GroupId(text(&self.member.group_id))).with_members(vec![member]);
        write(&request, version, buffer)
    }

    fn decode(&self, _version: i16, body: &mut Reader) -> Result<Result<Self::Answer, Refusal>, WireError> {
        body.i32()?; // throttle time
        let code = body.i16()?;
        let members = body.compact_array(|member| {
            member.compact_string()?; // member id
            member.compact_nullable_string()?; // group instance id
            let code = member.i16()?;
            member.tags()?;
            Ok(code)
        })?;
        // The group's own error comes first; else that of the one member asked for.
        let code = if code == 0 { members.into_iter().find(|code| *code != 0).unwrap_or(0) } else { code };
        Ok(Refusal::check(code, || format!("leaving group {}", self.member.group_id)))
    }
}
