mod names;
mod steps;

use super::{KStream, user};
use crate::data::Data;
use crate::operators::kstream::join::Match;
use crate::options::StreamJoined;
use crate::windows::JoinWindows;
use names::Kind;
use std::convert::Infallible;
use std::error::Error;
use streams_core::serde::DefaultSerde;

/// Joins of two streams: a result for each two records that have the same key and belong together by their times.
///
/// A result has the larger of the two timestamps, and the headers of the record that completed it. Where keys of a side have changed since its records
/// were partitioned by them, that side goes through a repartition topic; and both sides' topics must have the same number of partitions.
/// Records are remembered as long as their window and its grace last, by the timestamps of their own stream. Those with a null value are
/// dropped and counted, and so are those with a null key, unless they may go on without partner.
///
/// The short methods use the serdes known from above, or else the default ones of the types; those ending in `_with` take them, names and
/// stores; those ending in `_with_key` also show the key to the function; and the function of those that begin with `try_` may also fail.
impl<K: Data, V: Data> KStream<K, V> {
    /// A result for each record with each one of the other stream that it belongs to.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use streams_dsl::{StreamsBuilder, windows::JoinWindows};
    /// # let builder = StreamsBuilder::new();
    /// let views = builder.stream::<String, String>("views");
    /// let purchases = builder.stream::<String, i64>("purchases");
    /// // Purchases up to five minutes after a view.
    /// let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(300)).before(Duration::ZERO);
    /// views.join(&purchases, |page, amount| format!("{page}: {amount}"), windows).to("sales-by-page");
    /// ```
    pub fn join<V2: Data + DefaultSerde, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&V, &V2) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.join_with(other, joiner, windows, StreamJoined::defaults())
    }

    /// [`join`](Self::join) with serdes, names and stores.
    pub fn join_with<V2: Data, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&V, &V2) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR> {
        self.join_with_key(other, move |_: &K, left: &V, right: &V2| joiner(left, right), windows, joined)
    }

    /// [`join_with`](Self::join_with) with a function that sees the key.
    pub fn join_with_key<V2: Data, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, &V, &V2) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR> {
        let joiner = move |key: &K, left: &V, right: &V2| Ok::<_, Infallible>(joiner(key, left, right));
        self.try_join(other, joiner, windows, joined)
    }

    /// [`join_with_key`](Self::join_with_key) with a function that may fail.
    pub fn try_join<V2: Data, VR: Data, E>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, &V, &V2) -> Result<VR, E> + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let joiner = move |key: &K, matched: Match<'_, V, V2>| match matched {
            Match::Both(left, right) => user(joiner(key, left, right)).map(Some),
            Match::Left(_) | Match::Right(_) => Ok(None),
        };
        self.declare_join(other, Kind::INNER, joiner, &windows, &joined)
    }

    /// A result for each record with each one of the other stream that it belongs to, and one for each record of this stream for which
    /// there is none: that goes on when its window closes. A record that comes when its window has ended already, and finds no partner, goes on
    /// at once. So a record comes with `None` and with a partner only where one of the two was late.
    ///
    /// Windows close by the timestamps of both streams: while no record comes, nothing closes. It is looked once a second at most for what has
    /// closed, and, as in Kafka Streams, after a look that came too early for some records perhaps only when the last of them has waited long enough. Records of this stream with a null key go on at once.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use streams_dsl::{StreamsBuilder, windows::JoinWindows};
    /// # let builder = StreamsBuilder::new();
    /// let views = builder.stream::<String, String>("views");
    /// let purchases = builder.stream::<String, i64>("purchases");
    /// let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(300)).before(Duration::ZERO);
    /// views.left_join(&purchases, |page, amount: Option<&i64>| format!("{page}: {}", amount.unwrap_or(&0)), windows);
    /// ```
    pub fn left_join<V2: Data + DefaultSerde, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&V, Option<&V2>) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.left_join_with(other, joiner, windows, StreamJoined::defaults())
    }

    /// [`left_join`](Self::left_join) with serdes, names and stores.
    pub fn left_join_with<V2: Data, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&V, Option<&V2>) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR> {
        self.left_join_with_key(other, move |_: &K, left: &V, right: Option<&V2>| joiner(left, right), windows, joined)
    }

    /// [`left_join_with`](Self::left_join_with) with a function that sees the key.
    pub fn left_join_with_key<V2: Data, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, &V, Option<&V2>) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR> {
        let joiner = move |key: &K, left: &V, right: Option<&V2>| Ok::<_, Infallible>(joiner(key, left, right));
        self.try_left_join(other, joiner, windows, joined)
    }

    /// [`left_join_with_key`](Self::left_join_with_key) with a function that may fail.
    pub fn try_left_join<V2: Data, VR: Data, E>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, &V, Option<&V2>) -> Result<VR, E> + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let joiner = move |key: &K, matched: Match<'_, V, V2>| match matched {
            Match::Both(left, right) => user(joiner(key, left, Some(right))).map(Some),
            Match::Left(left) => user(joiner(key, left, None)).map(Some),
            Match::Right(_) => Ok(None),
        };
        self.declare_join(other, Kind::LEFT, joiner, &windows, &joined)
    }

    /// A result for each record with each one of the other stream that it belongs to, and one for each record of either stream for which
    /// there is none: that goes on when its window closes, as in a [left join](Self::left_join). At least one of the function's arguments is `Some`.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # use streams_dsl::{StreamsBuilder, windows::JoinWindows};
    /// # let builder = StreamsBuilder::new();
    /// let cpu = builder.stream::<String, f64>("cpu");
    /// let memory = builder.stream::<String, f64>("memory");
    /// let windows = JoinWindows::of_time_difference_with_no_grace(Duration::from_secs(10));
    /// cpu.outer_join(&memory, |cpu, memory| format!("cpu {cpu:?}, memory {memory:?}"), windows).to("samples");
    /// ```
    pub fn outer_join<V2: Data + DefaultSerde, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(Option<&V>, Option<&V2>) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
    ) -> KStream<K, VR>
    where
        K: DefaultSerde,
        V: DefaultSerde,
    {
        self.outer_join_with(other, joiner, windows, StreamJoined::defaults())
    }

    /// [`outer_join`](Self::outer_join) with serdes, names and stores.
    pub fn outer_join_with<V2: Data, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(Option<&V>, Option<&V2>) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR> {
        let joiner = move |_: &K, left: Option<&V>, right: Option<&V2>| joiner(left, right);
        self.outer_join_with_key(other, joiner, windows, joined)
    }

    /// [`outer_join_with`](Self::outer_join_with) with a function that sees the key.
    pub fn outer_join_with_key<V2: Data, VR: Data>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, Option<&V>, Option<&V2>) -> VR + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR> {
        let joiner = move |key: &K, left: Option<&V>, right: Option<&V2>| Ok::<_, Infallible>(joiner(key, left, right));
        self.try_outer_join(other, joiner, windows, joined)
    }

    /// [`outer_join_with_key`](Self::outer_join_with_key) with a function that may fail.
    pub fn try_outer_join<V2: Data, VR: Data, E>(
        &self,
        other: &KStream<K, V2>,
        joiner: impl Fn(&K, Option<&V>, Option<&V2>) -> Result<VR, E> + Send + Sync + 'static,
        windows: JoinWindows,
        joined: StreamJoined<K, V, V2>,
    ) -> KStream<K, VR>
    where
        E: Into<Box<dyn Error + Send + Sync>> + 'static,
    {
        let joiner = move |key: &K, matched: Match<'_, V, V2>| {
            let (left, right) = match matched {
                Match::Both(left, right) => (Some(left), Some(right)),
                Match::Left(left) => (Some(left), None),
                Match::Right(right) => (None, Some(right)),
            };
            user(joiner(key, left, right)).map(Some)
        };
        self.declare_join(other, Kind::OUTER, joiner, &windows, &joined)
    }
}
