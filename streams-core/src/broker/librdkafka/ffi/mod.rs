//! The calls into librdkafka that rdkafka does not offer, behind safe types: the only unsafe code of this crate.
//!
//! Why rdkafka's own clients do not do: its consumer allocates per message and drops the topic, partition and offset of
//! errors and of "end of partition", on which positions depend; its producer looks topics up by name per record and
//! flushes in slices of 100 ms; and it has no way to name the member that transactional offsets are committed for.
#![allow(unsafe_code, reason = "the one module that calls librdkafka directly; each block says why it is sound")]

mod consumer;
mod offsets;
mod producer;

pub(super) use consumer::{NativeConsumer, NativeMessage};
pub(super) use offsets::list_offsets;
pub(super) use producer::{DeliveryReport, NativeProducer, ProduceRecord, TopicHandle, TransactionError};

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::config::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::{RDKafkaErrorCode as Code, RDKafkaType};
use std::ffi::{CStr, c_char, c_int, c_void};
use std::time::Duration;

/// Milliseconds for librdkafka: rounded up, so that a short wait is not turned into none.
fn millis(timeout: Duration) -> c_int {
    c_int::try_from(timeout.as_nanos().div_ceil(1_000_000)).unwrap_or(c_int::MAX)
}

/// A client whose log lines and errors go to `tracing`; `prepare` may set further callbacks of the configuration.
fn create_client<C: ClientContext>(
    config: &ClientConfig,
    kind: RDKafkaType,
    context: C,
    prepare: impl FnOnce(*mut sys::rd_kafka_conf_t),
) -> Result<Client<C>, KafkaError> {
    let native = config.create_native_config()?;
    // SAFETY: the configuration is alive until `Client::new` takes it over, and the callbacks are plain functions.
    unsafe {
        sys::rd_kafka_conf_set_log_cb(native.ptr(), Some(log_line));
        sys::rd_kafka_conf_set_error_cb(native.ptr(), Some(global_error));
    }
    prepare(native.ptr());
    Client::new(config, native, kind, context)
}

/// librdkafka's log line; called from within polls, since the lines are queued (`log.queue`).
unsafe extern "C" fn log_line(_: *const sys::rd_kafka_t, level: c_int, facility: *const c_char, line: *const c_char) {
    // SAFETY: librdkafka passes strings that live for the call.
    let (facility, line) = unsafe { (text(facility), text(line)) };
    match level {
        0..=3 => tracing::error!(target: "librdkafka", facility, "{line}"),
        4 => tracing::warn!(target: "librdkafka", facility, "{line}"),
        5 | 6 => tracing::info!(target: "librdkafka", facility, "{line}"),
        _ => tracing::debug!(target: "librdkafka", facility, "{line}"),
    }
}

/// An error that concerns the whole client; librdkafka goes on trying.
unsafe extern "C" fn global_error(_: *mut sys::rd_kafka_t, code: c_int, reason: *const c_char, _: *mut c_void) {
    // SAFETY: librdkafka passes a string that lives for the call.
    let reason = unsafe { text(reason) };
    tracing::warn!(target: "librdkafka", code, "{reason}");
}

/// A C string as text; what is not UTF-8 or null reads as empty.
///
/// # Safety
/// `string` is null or points to a C string that lives for `'a`.
unsafe fn text<'a>(string: *const c_char) -> &'a str {
    if string.is_null() {
        return "";
    }
    // SAFETY: not null, and a C string by the contract of this function.
    unsafe { CStr::from_ptr(string) }.to_str().unwrap_or("")
}

/// The bytes at `data`; `None` for null.
///
/// # Safety
/// `data` is null or points to `length` bytes that live for `'a`.
unsafe fn bytes<'a>(data: *const c_void, length: usize) -> Option<&'a [u8]> {
    // SAFETY: not null, and `length` bytes by the contract of this function.
    (!data.is_null()).then(|| unsafe { std::slice::from_raw_parts(data.cast(), length) })
}

/// The result of a call that answers with an error code.
fn check(code: sys::rd_kafka_resp_err_t) -> Result<(), Code> {
    match RDKafkaErrorCode::from(code) {
        Code::NoError => Ok(()),
        code => Err(code),
    }
}

/// The result of a call that answers with an error object, which is freed.
fn check_error(error: *mut sys::rd_kafka_error_t) -> Result<(), TransactionError> {
    if error.is_null() {
        return Ok(());
    }
    // SAFETY: a non-null error object belongs to the caller until destroyed, which happens once, after its last use.
    let failed = unsafe {
        let failed = TransactionError {
            code: sys::rd_kafka_error_code(error).into(),
            message: text(sys::rd_kafka_error_string(error)).to_owned(),
            fatal: sys::rd_kafka_error_is_fatal(error) != 0,
            retriable: sys::rd_kafka_error_is_retriable(error) != 0,
            requires_abort: sys::rd_kafka_error_txn_requires_abort(error) != 0,
        };
        sys::rd_kafka_error_destroy(error);
        failed
    };
    Err(failed)
}
