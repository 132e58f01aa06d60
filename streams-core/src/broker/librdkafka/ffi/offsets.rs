use super::{Code, TransactionError, check, check_error, millis, text};
use crate::record::TopicPartition;
use hashbrown::HashMap;
use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use std::ffi::c_char;
use std::ptr::NonNull;
use std::time::Duration;

/// Frees what librdkafka allocated when it goes out of scope.
struct Owned<T> {
    object: NonNull<T>,
    free: unsafe extern "C" fn(*mut T),
}

impl<T> Owned<T> {
    fn new(object: *mut T, free: unsafe extern "C" fn(*mut T)) -> Result<Self, TransactionError> {
        let object = NonNull::new(object).ok_or_else(|| refused(Code::Fail, "librdkafka made no object"))?;
        Ok(Self { object, free })
    }

    fn ptr(&self) -> *mut T {
        self.object.as_ptr()
    }
}

impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        // SAFETY: owned by this value, freed once, with the function that belongs to its type.
        unsafe { (self.free)(self.ptr()) }
    }
}

/// Asks the leaders of all `partitions` for an offset each, in one request per broker. No partition may be named twice. The
/// number is a timestamp, -1 for the end or -2 for the beginning; where `committed`, the end is the last stable offset.
/// Answers in order; -1 where no record has the timestamp or a later one.
pub(in super::super) fn list_offsets<C: ClientContext>(
    client: &Client<C>,
    partitions: &[(&TopicPartition, i64)],
    committed: bool,
    timeout: Duration,
) -> Result<Vec<Result<i64, Code>>, TransactionError> {
    let rk = client.native_ptr();
    let mut list = TopicPartitionList::with_capacity(partitions.len());
    for (partition, spec) in partitions {
        list.add_partition(&partition.topic, partition.partition)
            .set_offset(Offset::from_raw(*spec))
            .map_err(|error| refused(Code::InvalidArgument, &error.to_string()))?;
    }
    // SAFETY: the client is alive throughout; each object is freed by its owner after its last use.
    let (queue, options) = unsafe {
        (
            Owned::new(sys::rd_kafka_queue_new(rk), sys::rd_kafka_queue_destroy)?,
            Owned::new(
                sys::rd_kafka_AdminOptions_new(rk, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS),
                sys::rd_kafka_AdminOptions_destroy,
            )?,
        )
    };
    set_options(&options, committed, timeout)?;
    // SAFETY: client, list, options and queue are alive; list and options are copied.
    unsafe { sys::rd_kafka_ListOffsets(rk, list.ptr(), options.ptr(), queue.ptr()) };
    // The request times out by itself; a second more, so that its own answer comes first.
    // SAFETY: the queue is alive; the event belongs to the caller.
    let event = unsafe { sys::rd_kafka_queue_poll(queue.ptr(), millis(timeout + Duration::from_secs(1))) };
    if event.is_null() {
        return Err(refused(Code::OperationTimedOut, "no answer"));
    }
    let event = Owned::new(event, sys::rd_kafka_event_destroy)?;
    // SAFETY: the event is alive, and its strings with it.
    unsafe {
        if let Err(code) = check(sys::rd_kafka_event_error(event.ptr())) {
            return Err(refused(code, text(sys::rd_kafka_event_error_string(event.ptr()))));
        }
    }
    let answers = read_answers(&event);
    let answer = |partition: &TopicPartition| {
        let found = answers.get(&partition.partition).and_then(|topics| topics.get(&*partition.topic));
        found.copied().unwrap_or(Err(Code::UnknownTopicOrPartition))
    };
    Ok(partitions.iter().map(|(partition, _)| answer(partition)).collect())
}

fn set_options(
    options: &Owned<sys::rd_kafka_AdminOptions_t>,
    committed: bool,
    timeout: Duration,
) -> Result<(), TransactionError> {
    let level = match committed {
        true => sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED,
        false => sys::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED,
    };
    let mut reason = [0u8; 256];
    // SAFETY: the options are alive; the buffer is valid for its length, which is given with it.
    let answer = unsafe {
        sys::rd_kafka_AdminOptions_set_request_timeout(
            options.ptr(),
            // librdkafka takes no less than 1 ms and no more than an hour.
            millis(timeout).clamp(1, 3_600_000),
            reason.as_mut_ptr().cast::<c_char>(),
            reason.len(),
        )
    };
    check(answer).map_err(|code| refused(code, "the request's timeout"))?;
    // SAFETY: the options are alive.
    check_error(unsafe { sys::rd_kafka_AdminOptions_set_isolation_level(options.ptr(), level) })
}

type Answers = HashMap<i32, HashMap<String, Result<i64, Code>>>;

fn read_answers(event: &Owned<sys::rd_kafka_event_t>) -> Answers {
    let mut answers = Answers::default();
    // SAFETY: the result is part of the event, which is alive; the array has as many elements as it says, each pointing to
    // a partition that lives as long.
    unsafe {
        let result = sys::rd_kafka_event_ListOffsets_result(event.ptr());
        if result.is_null() {
            return answers;
        }
        let mut count = 0;
        let infos = sys::rd_kafka_ListOffsets_result_infos(result, &raw mut count);
        for index in 0..count {
            let answer = &*sys::rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(index));
            let topic = text(answer.topic).to_owned();
            let offset = check(answer.err).map(|()| answer.offset);
            answers.entry(answer.partition).or_default().insert(topic, offset);
        }
    }
    answers
}

fn refused(code: Code, message: &str) -> TransactionError {
    TransactionError { code, message: message.to_owned(), fatal: false, retriable: false, requires_abort: false }
}
