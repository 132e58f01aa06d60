use super::buffer_config::{BufferConfig, Limits, StrictBufferConfig, WhenFull};
use crate::data::Data;
use std::time::Duration;
use streams_core::windowed::{Window, Windowed};

/// Which changes of a table [`suppress`](crate::KTable::suppress) holds back, for how long, and in how much memory.
///
/// Time is the largest timestamp of the changes that came to the step so far. So it stands still while nothing comes, and what is held then
/// waits for the next change; see [`with_idle_timeout`](Self::with_idle_timeout).
pub struct Suppressed<K> {
    pub(crate) place: Place<K>,
    pub(crate) limits: Limits,
    pub(crate) when_full: WhenFull,
    pub(crate) name: Option<String>,
    pub(crate) idle_timeout: Option<Duration>,
}

/// Which time a change has in the buffer, and how long it stays after that.
pub(crate) enum Place<K> {
    /// Its timestamp.
    Timestamp {
        /// For how long it stays.
        wait: Duration,
    },
    /// The end of its window; it stays for the grace of the windows.
    WindowEnd(fn(&K) -> i64),
}

impl<K: Data> Suppressed<K> {
    /// Holds each change back for `wait` (in whole milliseconds), or until the buffer is full. Of several changes of a key in that time only
    /// the last goes on, when the time of the first is over; deletions go on too.
    ///
    /// With `wait` zero, changes go on at once.
    pub fn until_time_limit(wait: Duration, buffer: impl Into<BufferConfig>) -> Self {
        Self::new(Place::Timestamp { wait }, buffer.into())
    }

    /// Names the step, and its store `<name>-store`.
    #[must_use]
    pub fn with_name(mut self, name: impl Into<String>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// Lets time go on with the wall clock where no change has come for `timeout` (of one millisecond at least), so that what is held goes on
    /// though the input has ended or paused. Off by default, as in Kafka Streams, which has no such thing.
    ///
    /// When the task has seen no change at this step for `timeout`, the step's time is that of the last change plus what has passed on the
    /// wall clock since then. It is looked at when the next of the held changes would be due by that; if none is, nothing happens. Changes
    /// that come later do not set time back. The task's stream time, and with it other steps, know nothing of it.
    ///
    /// # Late changes
    /// With [`until_window_closes`](Suppressed::until_window_closes), what goes on is final all the same: when the clock has closed windows, changes
    /// of any window that ended by then (grace included) are dropped and counted as `dropped-records`, also after a restart. So
    /// records that are late by more than the timeout, in a pause of the others, are lost where they would have been in time without it:
    /// the timeout should exceed the longest expected pause of a source that will send records of the time before the pause.
    /// With [`until_time_limit`](Self::until_time_limit) nothing is dropped.
    ///
    /// After a restart the pause counts anew from the start, and the time of the last change is taken from what is held.
    #[must_use]
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.idle_timeout = Some(timeout);
        self
    }

    fn new(place: Place<K>, buffer: BufferConfig) -> Self {
        let BufferConfig { limits, when_full } = buffer;
        Self { place, limits, when_full, name: None, idle_timeout: None }
    }
}

impl<K: Data, W: Window> Suppressed<Windowed<K, W>> {
    /// Holds back all but the final result of each window: the change that is the last when the window's end and the grace are over (for
    /// sessions the gap too). A window whose last change is a deletion gives nothing.
    ///
    /// Only for tables of windowed keys, and only where the table comes from a windowed aggregation, whose grace counts (else building the
    /// topology fails). A full buffer ends the task: early results would not be final.
    ///
    /// ```
    /// use std::time::Duration;
    /// use streams_dsl::windows::TimeWindows;
    /// use streams_dsl::{BufferConfig, StreamsBuilder, Suppressed};
    ///
    /// let builder = StreamsBuilder::new();
    /// let per_minute = TimeWindows::of_size_and_grace(Duration::from_secs(60), Duration::from_secs(10));
    /// builder
    ///     .stream::<String, String>("views")
    ///     .group_by_key()
    ///     .windowed_by(per_minute)
    ///     .count()
    ///     .suppress(Suppressed::until_window_closes(BufferConfig::unbounded()))
    ///     .to_stream()
    ///     .for_each(|page, views| println!("{page}: {views:?} views, once"));
    /// # builder.build()?;
    /// # Ok::<(), streams_dsl::StreamsError>(())
    /// ```
    pub fn until_window_closes(buffer: StrictBufferConfig) -> Self {
        Self::new(Place::WindowEnd(Windowed::end), buffer.into())
    }
}
