use super::context::ProcessingContext;
use super::{Processor, ProcessorContext, ProcessorResult};
use crate::error::StreamsError;
use crate::processor::{Cancellable, PunctuationType};
use crate::record::{Headers, Record};
use std::ops::Deref;
use std::time::Duration;

/// A [`Processor`](super::Processor) that cannot change keys: it forwards the records that it took, with other values. So records stay in their partitions,
/// and no step further down needs a repartition topic for its sake.
///
/// ```
/// # use streams_core::processor_api::{FixedKeyProcessor, FixedKeyProcessorContext, FixedKeyRecord, ProcessorResult};
/// struct Lengths;
///
/// impl FixedKeyProcessor<String, String, i64> for Lengths {
///     fn process(
///         &mut self,
///         context: &mut FixedKeyProcessorContext<'_, String, i64>,
///         record: FixedKeyRecord<String, String>,
///     ) -> ProcessorResult {
///         let length = record.value().len() as i64;
///         context.forward(record.with_value(length))?;
///         Ok(())
///     }
/// }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no fixed-key processor that takes keys of `{K}` with values of `{VIn}` and forwards values of `{VOut}`",
    label = "does not implement `FixedKeyProcessor<{K}, {VIn}, {VOut}>`"
)]
pub trait FixedKeyProcessor<K, VIn, VOut>: 'static {
    /// As [`Processor::init`](super::Processor::init).
    ///
    /// # Errors
    /// Stop the task; no handler is asked.
    fn init(&mut self, context: &mut FixedKeyProcessorContext<'_, K, VOut>) -> ProcessorResult {
        let _ = context;
        Ok(())
    }

    /// As [`Processor::process`](super::Processor::process).
    ///
    /// # Errors
    /// Go to the processing exception handler.
    fn process(
        &mut self,
        context: &mut FixedKeyProcessorContext<'_, K, VOut>,
        record: FixedKeyRecord<K, VIn>,
    ) -> ProcessorResult;

    /// As [`Processor::close`](super::Processor::close).
    fn close(&mut self) {}
}

/// A record whose key cannot be changed, only read: a [`FixedKeyProcessor`] gets it, and makes of it what it forwards.
#[derive(Debug, Clone, PartialEq)]
pub struct FixedKeyRecord<K, V> {
    record: Record<K, V>,
}

impl<K, V> FixedKeyRecord<K, V> {
    /// The key.
    pub fn key(&self) -> &K {
        &self.record.key
    }

    /// The value.
    pub fn value(&self) -> &V {
        &self.record.value
    }

    /// Event time in milliseconds since the epoch.
    pub fn timestamp(&self) -> i64 {
        self.record.timestamp
    }

    /// The headers.
    pub fn headers(&self) -> &Headers {
        &self.record.headers
    }

    /// The same record with another value.
    #[must_use]
    pub fn with_value<V2>(self, value: V2) -> FixedKeyRecord<K, V2> {
        FixedKeyRecord { record: self.record.with_value(value) }
    }

    /// The value, to be consumed, and the record without it.
    pub fn take_value(self) -> (V, FixedKeyRecord<K, ()>) {
        let Record { key, value, timestamp, headers } = self.record;
        (value, FixedKeyRecord { record: Record { key, value: (), timestamp, headers } })
    }

    /// The same record at another time. A negative one is refused when it is forwarded.
    #[must_use]
    pub fn with_timestamp(mut self, timestamp: i64) -> Self {
        self.record.timestamp = timestamp;
        self
    }

    /// The same record with other headers.
    #[must_use]
    pub fn with_headers(mut self, headers: Headers) -> Self {
        self.record.headers = headers;
        self
    }
}

/// What a [`FixedKeyProcessor`] sees of its surroundings, and the way to its children.
///
/// All of [`ProcessingContext`] can be called on it.
pub struct FixedKeyProcessorContext<'a, K, VOut> {
    inner: ProcessorContext<'a, K, VOut>,
}

impl<K: Clone + 'static, VOut: Clone + 'static> FixedKeyProcessorContext<'_, K, VOut> {
    /// As [`ProcessorContext::forward`](super::ProcessorContext::forward).
    ///
    /// # Errors
    /// What a child failed with, where the processing exception handler did not let it pass; to be returned. In `init`: always.
    #[inline]
    pub fn forward(&mut self, record: FixedKeyRecord<K, VOut>) -> Result<(), StreamsError> {
        self.inner.forward(record.record)
    }

    /// As [`ProcessorContext::forward_to`](super::ProcessorContext::forward_to).
    ///
    /// # Errors
    /// As [`forward`](Self::forward); there is no such child.
    pub fn forward_to(&mut self, child: &str, record: FixedKeyRecord<K, VOut>) -> Result<(), StreamsError> {
        self.inner.forward_to(child, record.record)
    }

    /// Asks for a commit as soon as possible, before `commit.interval.ms` is over.
    pub fn commit(&mut self) {
        self.inner.commit();
    }

    /// As [`ProcessorContext::schedule`](super::ProcessorContext::schedule). To forward in a punctuation, keep records for that: there is no other way to a
    /// [`FixedKeyRecord`].
    ///
    /// # Errors
    /// The interval is shorter than a millisecond; the function takes another processor than this one.
    pub fn schedule<P: 'static>(
        &mut self,
        interval: Duration,
        punctuation_type: PunctuationType,
        punctuator: impl FnMut(&mut P, &mut FixedKeyProcessorContext<'_, K, VOut>, i64) -> ProcessorResult + 'static,
    ) -> Result<Cancellable, StreamsError> {
        self.inner.schedule(interval, punctuation_type, FixedKey::call(punctuator))
    }

    /// As [`ProcessorContext::schedule_at`](super::ProcessorContext::schedule_at).
    ///
    /// # Errors
    /// As [`schedule`](Self::schedule); the start is negative.
    pub fn schedule_at<P: 'static>(
        &mut self,
        start: i64,
        interval: Duration,
        punctuation_type: PunctuationType,
        punctuator: impl FnMut(&mut P, &mut FixedKeyProcessorContext<'_, K, VOut>, i64) -> ProcessorResult + 'static,
    ) -> Result<Cancellable, StreamsError> {
        self.inner.schedule_at(start, interval, punctuation_type, FixedKey::call(punctuator))
    }
}

impl<'a, K, VOut> Deref for FixedKeyProcessorContext<'a, K, VOut> {
    type Target = ProcessingContext<'a>;

    fn deref(&self) -> &ProcessingContext<'a> {
        &self.inner
    }
}

/// A fixed-key processor as a processor.
pub(super) struct FixedKey<P>(pub(super) P);

impl<P: 'static> FixedKey<P> {
    /// What is scheduled for a function on `P`.
    fn call<K: Clone + 'static, VOut: Clone + 'static>(
        mut punctuator: impl FnMut(&mut P, &mut FixedKeyProcessorContext<'_, K, VOut>, i64) -> ProcessorResult + 'static,
    ) -> impl FnMut(&mut Self, &mut ProcessorContext<'_, K, VOut>, i64) -> ProcessorResult + 'static {
        move |processor, context, now| {
            punctuator(&mut processor.0, &mut FixedKeyProcessorContext { inner: context.reborrow() }, now)
        }
    }
}

impl<K, VIn, VOut, P> Processor<K, VIn, K, VOut> for FixedKey<P>
where
    K: Clone + 'static,
    VOut: Clone + 'static,
    P: FixedKeyProcessor<K, VIn, VOut>,
{
    fn init(&mut self, context: &mut ProcessorContext<'_, K, VOut>) -> ProcessorResult {
        self.0.init(&mut FixedKeyProcessorContext { inner: context.reborrow() })
    }

    #[inline]
    fn process(&mut self, context: &mut ProcessorContext<'_, K, VOut>, record: Record<K, VIn>) -> ProcessorResult {
        self.0.process(&mut FixedKeyProcessorContext { inner: context.reborrow() }, FixedKeyRecord { record })
    }

    fn close(&mut self) {
        self.0.close();
    }
}
