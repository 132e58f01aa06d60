//! Total and number of the orders in every five minutes, by the time that stands in the order. What is no order is skipped and counted.

use examples::{Example, Sample, date_time};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{DefaultSerde, JsonSerde, OptionSerde, StringSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{
    Consumed, LogAndContinue, Materialized, StreamsBuilder, StreamsError, TimestampedRecord, Topology, Windowed,
};

const FIVE_MINUTES: Duration = Duration::from_secs(5 * 60);
/// Orders come from several partitions, which are not read in step: a window waits for those that are behind.
const GRACE: Duration = Duration::from_secs(10 * 60);

/// What is looked at of an order; it may have more fields.
#[derive(Clone, Serialize, Deserialize)]
struct Order {
    amount: f64,
    /// As `2024-01-01 10:00:00`, in UTC.
    timestamp: String,
}

impl DefaultSerde for Order {
    type Serde = JsonSerde<Self>;
}

/// The orders of a window so far.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Totals {
    total: f64,
    count: u64,
}

impl DefaultSerde for Totals {
    type Serde = JsonSerde<Self>;
}

/// What is told of a window.
#[derive(Clone, Serialize, Deserialize)]
struct OrderStats {
    window_start: String,
    window_end: String,
    #[serde(flatten)]
    totals: Totals,
}

impl DefaultSerde for OrderStats {
    type Serde = JsonSerde<Self>;
}

const EXAMPLE: Example = Example {
    name: "order-totals",
    input: "orders",
    output: "order_stats",
    sample: Sample::Values(&[
        r#"{"order_id":1,"amount":100.0,"timestamp":"2024-01-01 10:00:00"}"#,
        r#"{"order_id":2,"amount":60.5,"timestamp":"2024-01-01 10:06:30"}"#,
        r#"{"order_id":3,"amount":"#,
        r#"{"order_id":4,"amount":39.5,"timestamp":"2024-01-01 10:09:59"}"#,
        r#"{"order_id":5,"amount":12.25,"timestamp":"2024-01-01 10:10:00"}"#,
        r#"{"order_id":6,"amount":1.0,"timestamp":"yesterday"}"#,
        r#"{"order_id":7,"amount":20.0,"timestamp":"2024-01-01 10:07:00"}"#,
    ]),
    topology,
    config: |config| config.with_deserialization_exception_handler(LogAndContinue),
    ..Example::DEFAULT
};

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let orders = Consumed::with(OptionSerde::new(StringSerde), JsonSerde::<Order>::new());
    builder
        .stream_with(input, orders.with_timestamp(time_of_order))
        .group_by(|_, _| "all".to_owned())
        .windowed_by(TimeWindows::of_size_and_grace(FIVE_MINUTES, GRACE))
        .aggregate_with(
            Totals::default,
            |_, order, totals| Totals { total: totals.total + order.amount, count: totals.count + 1 },
            Materialized::named("order-totals-store"),
        )
        .to_stream()
        .map(order_stats)
        .to(output);
    builder.build()
}

/// The order's own time. A negative one drops the record.
fn time_of_order(order: &TimestampedRecord<'_, Option<String>, Order>) -> i64 {
    date_time::parse(&order.value.timestamp).unwrap_or(-1)
}

fn order_stats(window: Windowed<String>, totals: Option<Totals>) -> (String, Option<OrderStats>) {
    let (window_start, window_end) = (date_time::format(window.start()), date_time::format(window.end()));
    (window_start.clone(), totals.map(|totals| OrderStats { window_start, window_end, totals }))
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
