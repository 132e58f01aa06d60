use super::{Code, check, check_error, create_client, millis};
use crate::record::HeaderIter;
use kafka_client::group::{CommittedOffset, MemberIdentity};
use rdkafka::bindings as sys;
use rdkafka::bindings::rd_kafka_vtype_t as field;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaType;
use std::ffi::{CString, c_int, c_void};
use std::ptr::{self, NonNull};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Told of the fate of each record, from within [`NativeProducer`]'s own calls.
pub(in super::super) trait DeliveryReport: Send {
    /// The record produced with this `tag` is in the log at `offset`.
    fn acknowledged(&mut self, tag: usize, offset: i64);
    /// The record produced with this `tag` will not be.
    fn failed(&mut self, tag: usize, code: Code);
}

struct Reports<R>(Mutex<R>);

impl<R: DeliveryReport> ClientContext for Reports<R> {}

/// A topic of one producer.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct TopicHandle(usize);

/// A record to produce.
pub(in super::super) struct ProduceRecord<'a> {
    pub(in super::super) topic: TopicHandle,
    pub(in super::super) partition: i32,
    /// Milliseconds; 0 lets librdkafka take its clock.
    pub(in super::super) timestamp: i64,
    pub(in super::super) key: Option<&'a [u8]>,
    pub(in super::super) value: Option<&'a [u8]>,
    /// In the encoding of [`Headers`](crate::record::Headers).
    pub(in super::super) headers: &'a [u8],
    /// Comes back with the delivery report.
    pub(in super::super) tag: usize,
}

/// Why a call of the transactional API, or an assignment, failed.
#[derive(Debug)]
pub(in super::super) struct TransactionError {
    pub(in super::super) code: Code,
    pub(in super::super) message: String,
    pub(in super::super) fatal: bool,
    pub(in super::super) retriable: bool,
    pub(in super::super) requires_abort: bool,
}

/// A producer that is served by the thread that uses it.
pub(in super::super) struct NativeProducer<R: DeliveryReport> {
    client: Client<Reports<R>>,
    topics: Vec<NonNull<sys::rd_kafka_topic_t>>,
}

// SAFETY: librdkafka's handles may be used from any thread; `topics` are counted references to such.
unsafe impl<R: DeliveryReport> Send for NativeProducer<R> {}

impl<R: DeliveryReport> NativeProducer<R> {
    pub(in super::super) fn new(config: &ClientConfig, reports: R) -> Result<Self, KafkaError> {
        let context = Reports(Mutex::new(reports));
        let client = create_client(config, RDKafkaType::RD_KAFKA_PRODUCER, context, |native| {
            // SAFETY: the configuration is alive, the callback a plain function; the opaque pointer that it is called
            // with is the client's context of this very type, which `Client::new` sets.
            unsafe { sys::rd_kafka_conf_set_dr_msg_cb(native, Some(delivered::<R>)) }
        })?;
        Ok(Self { client, topics: Vec::new() })
    }

    /// Gives access to the reports.
    pub(in super::super) fn with_reports<T>(&self, access: impl FnOnce(&mut R) -> T) -> T {
        access(&mut self.client.context().0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// A handle for `name`, valid as long as the producer; one call per topic.
    pub(in super::super) fn open_topic(&mut self, name: &str) -> Result<TopicHandle, Code> {
        let name = CString::new(name).map_err(|_| Code::InvalidTopic)?;
        // SAFETY: client and name are alive; without a configuration the client's default one is taken.
        let topic = unsafe { sys::rd_kafka_topic_new(self.client.native_ptr(), name.as_ptr(), ptr::null_mut()) };
        self.topics.push(NonNull::new(topic).ok_or(Code::InvalidTopic)?);
        Ok(TopicHandle(self.topics.len() - 1))
    }

    /// Hands one record over; its bytes are copied.
    pub(in super::super) fn produce(&self, record: &ProduceRecord<'_>) -> Result<(), Code> {
        let headers = native_headers(record.headers)?;
        let (key, key_len) = parts(record.key);
        let (value, value_len) = parts(record.value);
        // SAFETY: the variable arguments follow librdkafka's list: each tag is followed by values of the types it names,
        // up to END. Key and value are copied before the call returns. The headers pass to librdkafka only on success.
        let answer = unsafe {
            sys::rd_kafka_producev(
                self.client.native_ptr(),
                field::RD_KAFKA_VTYPE_RKT,
                self.topics[record.topic.0].as_ptr(),
                field::RD_KAFKA_VTYPE_PARTITION,
                record.partition,
                field::RD_KAFKA_VTYPE_MSGFLAGS,
                sys::RD_KAFKA_MSG_F_COPY as c_int,
                field::RD_KAFKA_VTYPE_KEY,
                key,
                key_len,
                field::RD_KAFKA_VTYPE_VALUE,
                value,
                value_len,
                field::RD_KAFKA_VTYPE_OPAQUE,
                record.tag as *mut c_void,
                field::RD_KAFKA_VTYPE_TIMESTAMP,
                record.timestamp,
                field::RD_KAFKA_VTYPE_HEADERS,
                headers,
                field::RD_KAFKA_VTYPE_END,
            )
        };
        let answer = check(answer);
        if answer.is_err() && !headers.is_null() {
            // SAFETY: on failure the headers still belong to us, and are not used again.
            unsafe { sys::rd_kafka_headers_destroy(headers) }
        }
        answer
    }

    /// Serves delivery reports, log lines and errors; waits up to `timeout` for a first.
    pub(in super::super) fn poll(&self, timeout: Duration) {
        // SAFETY: the client is alive.
        unsafe { sys::rd_kafka_poll(self.client.native_ptr(), millis(timeout)) };
    }

    /// Sends at once what waits for company, and waits until all is told.
    pub(in super::super) fn flush(&self, timeout: Duration) -> Result<(), Code> {
        // SAFETY: the client is alive.
        check(unsafe { sys::rd_kafka_flush(self.client.native_ptr(), millis(timeout)) })
    }

    /// Records without a delivery report so far.
    pub(in super::super) fn outstanding(&self) -> usize {
        // SAFETY: the client is alive.
        usize::try_from(unsafe { sys::rd_kafka_outq_len(self.client.native_ptr()) }).unwrap_or(0)
    }

    /// What has ended the producer for good, if anything.
    pub(in super::super) fn fatal_error(&self) -> Option<(Code, String)> {
        self.client.fatal_error()
    }

    pub(in super::super) fn init_transactions(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client is alive.
        check_error(unsafe { sys::rd_kafka_init_transactions(self.client.native_ptr(), millis(timeout)) })
    }

    pub(in super::super) fn begin_transaction(&self) -> Result<(), TransactionError> {
        // SAFETY: the client is alive.
        check_error(unsafe { sys::rd_kafka_begin_transaction(self.client.native_ptr()) })
    }

    pub(in super::super) fn commit_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client is alive.
        check_error(unsafe { sys::rd_kafka_commit_transaction(self.client.native_ptr(), millis(timeout)) })
    }

    pub(in super::super) fn abort_transaction(&self, timeout: Duration) -> Result<(), TransactionError> {
        // SAFETY: the client is alive.
        check_error(unsafe { sys::rd_kafka_abort_transaction(self.client.native_ptr(), millis(timeout)) })
    }

    /// Adds offsets to the transaction on behalf of a member that is not librdkafka's own.
    pub(in super::super) fn send_offsets(
        &self,
        offsets: &[CommittedOffset],
        member: &MemberIdentity,
        timeout: Duration,
    ) -> Result<(), TransactionError> {
        let list = offset_list(offsets)?;
        let c_string = |text: &str| CString::new(text).map_err(|_| invalid("a name with a null byte"));
        let (group, member_id) = (c_string(&member.group_id)?, c_string(&member.member_id)?);
        let instance = member.group_instance_id.as_deref().map(c_string).transpose()?;
        // SAFETY: client, list and strings are alive; the metadata copies the strings, lives for the one call, and is
        // destroyed once.
        let error = unsafe {
            let metadata = sys::rd_kafka_consumer_group_metadata_new_with_genid(
                group.as_ptr(),
                member.generation,
                member_id.as_ptr(),
                instance.as_ref().map_or(ptr::null(), |instance| instance.as_ptr()),
            );
            if metadata.is_null() {
                return Err(invalid("librdkafka refuses the member's identity"));
            }
            let error = sys::rd_kafka_send_offsets_to_transaction(
                self.client.native_ptr(),
                list.ptr(),
                metadata,
                millis(timeout),
            );
            sys::rd_kafka_consumer_group_metadata_destroy(metadata);
            error
        };
        check_error(error)
    }
}

impl<R: DeliveryReport> Drop for NativeProducer<R> {
    /// Records not yet delivered are given up: whoever needs them has flushed.
    fn drop(&mut self) {
        let flags = sys::RD_KAFKA_PURGE_F_QUEUE | sys::RD_KAFKA_PURGE_F_INFLIGHT;
        // SAFETY: the client is alive; the topics' references are released once, before it is destroyed.
        unsafe {
            sys::rd_kafka_purge(self.client.native_ptr(), flags as c_int);
            sys::rd_kafka_flush(self.client.native_ptr(), 500);
            for topic in &self.topics {
                sys::rd_kafka_topic_destroy(topic.as_ptr());
            }
        }
    }
}

unsafe extern "C" fn delivered<R: DeliveryReport>(
    _: *mut sys::rd_kafka_t,
    message: *const sys::rd_kafka_message_t,
    context: *mut c_void,
) {
    // SAFETY: the message lives for the call; the context is the client's own (see `NativeProducer::new`), which lives
    // as long as the client, and is only lent out behind its lock.
    let (message, reports) = unsafe { (&*message, &*context.cast::<Reports<R>>()) };
    let mut reports = reports.0.lock().unwrap_or_else(PoisonError::into_inner);
    let tag = message._private as usize;
    match check(message.err) {
        Ok(()) => reports.acknowledged(tag, message.offset),
        Err(code) => reports.failed(tag, code),
    }
}

fn invalid(message: &str) -> TransactionError {
    TransactionError {
        code: Code::InvalidArgument,
        message: message.to_owned(),
        fatal: false,
        retriable: false,
        requires_abort: false,
    }
}

/// Pointer and length for librdkafka; an empty slice is not null.
fn parts(bytes: Option<&[u8]>) -> (*const c_void, usize) {
    bytes.map_or((ptr::null(), 0), |bytes| (bytes.as_ptr().cast(), bytes.len()))
}

/// librdkafka's form of encoded headers; null for none.
fn native_headers(encoded: &[u8]) -> Result<*mut sys::rd_kafka_headers_t, Code> {
    if encoded.is_empty() {
        return Ok(ptr::null_mut());
    }
    // SAFETY: always answers with a new object, which the caller owns.
    let headers = unsafe { sys::rd_kafka_headers_new(4) };
    for (name, value) in HeaderIter::over(encoded) {
        let (value, length) = parts(value);
        // SAFETY: the headers are alive; name and value are valid for their lengths, and copied.
        let added = unsafe {
            sys::rd_kafka_header_add(headers, name.as_ptr().cast(), name.len() as isize, value, length as isize)
        };
        if let Err(code) = check(added) {
            // SAFETY: owned by us and not used again.
            unsafe { sys::rd_kafka_headers_destroy(headers) };
            return Err(code);
        }
    }
    Ok(headers)
}

fn offset_list(offsets: &[CommittedOffset]) -> Result<TopicPartitionList, TransactionError> {
    let mut list = TopicPartitionList::with_capacity(offsets.len());
    for committed in offsets {
        let at = format!("offset {} of {}-{}", committed.offset, committed.topic, committed.partition);
        if committed.topic.contains('\0') || committed.metadata.contains('\0') {
            return Err(invalid(&format!("{at}: a null byte in its topic or metadata")));
        }
        let mut element = list.add_partition(&committed.topic, committed.partition);
        element.set_offset(Offset::Offset(committed.offset)).map_err(|error| invalid(&format!("{at}: {error}")))?;
        if !committed.metadata.is_empty() {
            element.set_metadata(&committed.metadata);
        }
        if let Some(epoch) = committed.leader_epoch {
            // SAFETY: the element just added is the last of the list's array, which is alive and ours alone.
            unsafe {
                let raw = &*list.ptr();
                let last = raw.elems.add(usize::try_from(raw.cnt).unwrap_or(1) - 1);
                sys::rd_kafka_topic_partition_set_leader_epoch(last, epoch);
            }
        }
    }
    Ok(list)
}
