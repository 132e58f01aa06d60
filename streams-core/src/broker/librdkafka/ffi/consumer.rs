use super::{Code, TransactionError, bytes, check, check_error, create_client, global_error, text};
use crate::broker::Waker;
use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaType;
use std::ffi::{CStr, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::mem;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Told by librdkafka's threads that something has come into the consumer's queue.
struct Arrivals {
    arrived: AtomicBool,
    waker: Waker,
    /// Errors of partitions that librdkafka tells as errors of the client.
    failures: Mutex<Vec<PartitionFailure>>,
}

/// A partition that cannot be read.
pub(in super::super) struct PartitionFailure {
    pub(in super::super) topic: String,
    pub(in super::super) partition: i32,
    pub(in super::super) code: Code,
    pub(in super::super) text: String,
}

impl PartitionFailure {
    /// Reads `TOPIC [PARTITION]: REASON`, which is all that librdkafka says about where it is.
    fn parse(code: Code, text: &str) -> Option<Self> {
        let (topic, rest) = text.split_once(" [")?;
        let (partition, _) = rest.split_once("]: ")?;
        let partition = partition.parse().ok()?;
        Some(Self { topic: topic.to_owned(), partition, code, text: text.to_owned() })
    }
}

impl ClientContext for Arrivals {}

/// A consumer that reads message by message from its one queue, without joining any group.
pub(in super::super) struct NativeConsumer {
    client: Client<Arrivals>,
    queue: NonNull<sys::rd_kafka_queue_t>,
}

// SAFETY: librdkafka's handles may be used from any thread; `queue` is a counted reference to one.
unsafe impl Send for NativeConsumer {}

impl NativeConsumer {
    /// A consumer that wakes `waker` whenever its queue receives something. `group.id` must be set.
    pub(in super::super) fn new(config: &ClientConfig, waker: Waker) -> Result<Self, KafkaError> {
        let arrivals = Arrivals { arrived: AtomicBool::new(false), waker, failures: Mutex::default() };
        let client = create_client(config, RDKafkaType::RD_KAFKA_CONSUMER, arrivals, |native| {
            // SAFETY: the configuration is alive, the callback a plain function; the opaque pointer that it is called
            // with is the client's context of this very type, which `Client::new` sets.
            unsafe { sys::rd_kafka_conf_set_error_cb(native, Some(client_error)) }
        })?;
        // SAFETY: the client is alive. The queue is a new reference, released in `drop` before the client. The opaque
        // pointer is the client's own context, which outlives the callback: `drop` takes the callback off first.
        let queue = unsafe {
            sys::rd_kafka_poll_set_consumer(client.native_ptr());
            let queue = NonNull::new(sys::rd_kafka_queue_get_consumer(client.native_ptr()))
                .ok_or_else(|| KafkaError::ClientCreation("group.id is not set".to_owned()))?;
            let context = Arc::as_ptr(client.context()).cast_mut().cast();
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(queue_not_empty), context);
            queue
        };
        Ok(Self { client, queue })
    }

    /// Whether something has come since the last call.
    pub(in super::super) fn take_arrived(&self) -> bool {
        self.client.context().arrived.swap(false, Ordering::AcqRel)
    }

    /// Errors of partitions that did not come as messages since the last call.
    pub(in super::super) fn take_failures(&self) -> Vec<PartitionFailure> {
        mem::take(&mut self.client.context().failures.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// The next message, error or end of a partition that is there already. Also serves log lines and errors.
    pub(in super::super) fn next_message(&self) -> Option<NativeMessage<'_>> {
        // SAFETY: the queue is alive; a message belongs to the caller until destroyed, which its `drop` does.
        let message = unsafe { sys::rd_kafka_consume_queue(self.queue.as_ptr(), 0) };
        NonNull::new(message).map(|message| NativeMessage { message, consumer: PhantomData })
    }

    pub(in super::super) fn assign(&self, partitions: &TopicPartitionList) -> Result<(), TransactionError> {
        // SAFETY: client and list are alive; the list is copied.
        check_error(unsafe { sys::rd_kafka_incremental_assign(self.client.native_ptr(), partitions.ptr()) })
    }

    pub(in super::super) fn unassign(&self, partitions: &TopicPartitionList) -> Result<(), TransactionError> {
        // SAFETY: client and list are alive; the list is copied.
        check_error(unsafe { sys::rd_kafka_incremental_unassign(self.client.native_ptr(), partitions.ptr()) })
    }

    /// Stops fetching and drops what was fetched ahead.
    pub(in super::super) fn pause(&self, partitions: &TopicPartitionList) -> Result<(), Code> {
        // SAFETY: client and list are alive.
        check(unsafe { sys::rd_kafka_pause_partitions(self.client.native_ptr(), partitions.ptr()) })
    }

    /// Fetches again from behind the last message taken. Only for partitions that are paused: resuming another one
    /// makes librdkafka fetch from where that partition was last started.
    pub(in super::super) fn resume(&self, partitions: &TopicPartitionList) -> Result<(), Code> {
        // SAFETY: client and list are alive.
        check(unsafe { sys::rd_kafka_resume_partitions(self.client.native_ptr(), partitions.ptr()) })
    }

    /// Where librdkafka stands in each partition of the list, in the list's order: behind the last message taken and the
    /// transaction markers that followed it. Negative where unknown. No round trip.
    pub(in super::super) fn positions(&self, partitions: &TopicPartitionList, positions: &mut Vec<i64>) {
        positions.clear();
        // SAFETY: client and list are alive; the list's elements are an array of `cnt`, which nobody else touches, since
        // lists of this module are not shared between threads.
        unsafe {
            sys::rd_kafka_position(self.client.native_ptr(), partitions.ptr());
            let list = &*partitions.ptr();
            for index in 0..usize::try_from(list.cnt).unwrap_or(0) {
                let element = &*list.elems.add(index);
                positions.push(if check(element.err).is_ok() { element.offset } else { -1 });
            }
        }
    }

    /// The high watermark that the last fetch of the partition brought. No round trip.
    pub(in super::super) fn high_watermark(&self, topic: &CStr, partition: i32) -> Option<i64> {
        let (mut low, mut high) = (-1, -1);
        // SAFETY: client and string are alive; the out parameters are valid for the call.
        let answer = unsafe {
            sys::rd_kafka_get_watermark_offsets(
                self.client.native_ptr(),
                topic.as_ptr(),
                partition,
                &raw mut low,
                &raw mut high,
            )
        };
        (check(answer).is_ok() && high >= 0).then_some(high)
    }
}

impl Drop for NativeConsumer {
    fn drop(&mut self) {
        // SAFETY: queue and client are alive; without the callback no thread touches the context any more; the queue's
        // reference is released once, before the client is destroyed.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_consumer_close(self.client.native_ptr());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

/// An error of the client, or of one partition; called from within [`NativeConsumer::next_message`].
unsafe extern "C" fn client_error(rk: *mut sys::rd_kafka_t, code: c_int, reason: *const c_char, context: *mut c_void) {
    // SAFETY: librdkafka passes a string that lives for the call, and the client's context, which lives as long as the
    // client.
    let (reason_text, arrivals) = unsafe { (text(reason), &*context.cast::<Arrivals>()) };
    let known = match code {
        -190 => Some(Code::UnknownPartition),
        -188 => Some(Code::UnknownTopic),
        3 => Some(Code::UnknownTopicOrPartition),
        29 => Some(Code::TopicAuthorizationFailed),
        _ => None,
    };
    match known.and_then(|code| PartitionFailure::parse(code, reason_text)) {
        Some(failure) => arrivals.failures.lock().unwrap_or_else(PoisonError::into_inner).push(failure),
        // SAFETY: the arguments are handed on as they came.
        None => unsafe { global_error(rk, code, reason, context) },
    }
}

unsafe extern "C" fn queue_not_empty(_: *mut sys::rd_kafka_t, context: *mut c_void) {
    // SAFETY: the pointer given with this callback: the client's context, alive as long as the callback is set.
    let arrivals = unsafe { &*context.cast::<Arrivals>() };
    arrivals.arrived.store(true, Ordering::Release);
    arrivals.waker.wake();
}

/// A message, or an error in its place; freed when dropped.
pub(in super::super) struct NativeMessage<'a> {
    message: NonNull<sys::rd_kafka_message_t>,
    consumer: PhantomData<&'a NativeConsumer>,
}

impl NativeMessage<'_> {
    fn raw(&self) -> &sys::rd_kafka_message_t {
        // SAFETY: owned by this value until dropped, and read only.
        unsafe { self.message.as_ref() }
    }

    /// A number that stands for the topic while it is assigned.
    pub(in super::super) fn topic_key(&self) -> usize {
        self.raw().rkt as usize
    }

    pub(in super::super) fn topic(&self) -> &str {
        if self.raw().rkt.is_null() {
            return "";
        }
        // SAFETY: the topic object is kept alive by the message, and its name with it.
        unsafe { text(sys::rd_kafka_topic_name(self.raw().rkt)) }
    }

    pub(in super::super) fn partition(&self) -> i32 {
        self.raw().partition
    }

    pub(in super::super) fn offset(&self) -> i64 {
        self.raw().offset
    }

    /// `None` for a record.
    pub(in super::super) fn error(&self) -> Option<Code> {
        check(self.raw().err).err()
    }

    /// What librdkafka says about the error.
    pub(in super::super) fn error_text(&self) -> &str {
        // SAFETY: the message is alive, and the string is part of it or static.
        unsafe { text(sys::rd_kafka_message_errstr(self.message.as_ptr())) }
    }

    /// Milliseconds since the epoch; -1 where there is none.
    pub(in super::super) fn timestamp(&self) -> i64 {
        // SAFETY: the message is alive; the type of the timestamp is not asked for.
        unsafe { sys::rd_kafka_message_timestamp(self.message.as_ptr(), ptr::null_mut()) }
    }

    pub(in super::super) fn key(&self) -> Option<&[u8]> {
        // SAFETY: pointer and length of one buffer that lives as long as the message.
        unsafe { bytes(self.raw().key, self.raw().key_len) }
    }

    pub(in super::super) fn value(&self) -> Option<&[u8]> {
        // SAFETY: pointer and length of one buffer that lives as long as the message.
        unsafe { bytes(self.raw().payload, self.raw().len) }
    }

    /// The headers in order. A name that is not UTF-8 reads as empty.
    pub(in super::super) fn headers(&self) -> impl Iterator<Item = (&str, Option<&[u8]>)> {
        let mut headers = ptr::null_mut();
        // SAFETY: the message is alive; the headers stay part of it.
        let answer = unsafe { sys::rd_kafka_message_headers(self.message.as_ptr(), &raw mut headers) };
        let present = check(answer).is_ok() && !headers.is_null();
        (0..).map_while(move |index| {
            let (mut name, mut value, mut size) = (ptr::null(), ptr::null(), 0);
            // SAFETY: the headers live as long as the message, name and value with them.
            unsafe {
                let found = present
                    && check(sys::rd_kafka_header_get_all(
                        headers,
                        index,
                        &raw mut name,
                        &raw mut value,
                        &raw mut size,
                    ))
                    .is_ok();
                found.then(|| (text(name), bytes(value, size)))
            }
        })
    }
}

impl Drop for NativeMessage<'_> {
    fn drop(&mut self) {
        // SAFETY: owned by this value; not used afterwards.
        unsafe { sys::rd_kafka_message_destroy(self.message.as_ptr()) }
    }
}
