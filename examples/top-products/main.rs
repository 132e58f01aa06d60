//! The five products of which most was sold, per day: first the units of each product and day, then a bounded heap of the best per day.

use examples::{Example, Sample, date_time};
use serde::{Deserialize, Serialize};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{DefaultSerde, JsonSerde, StringSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{Consumed, Materialized, StreamsBuilder, StreamsError, Topology, Windowed};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long a day waits for sales that come late.
const GRACE: Duration = Duration::from_secs(60 * 60);
const BEST: usize = 5;

/// The units of a product on one day. Ordered by units, so that the heap is.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
struct Sold {
    units: i64,
    product: String,
}

impl DefaultSerde for Sold {
    type Serde = JsonSerde<Self>;
}

/// The best products of a day, never more than [`BEST`]. The worst of them is on top, ready to be thrown out.
#[derive(Clone, Default, Serialize, Deserialize)]
struct TopProducts(BinaryHeap<Reverse<Sold>>);

impl DefaultSerde for TopProducts {
    type Serde = JsonSerde<Self>;
}

impl TopProducts {
    /// Takes the new number of a product, in place of its former one. Numbers only grow, so one that was thrown out comes back when it has
    /// become one of the best.
    fn with(mut self, sold: Sold) -> Self {
        self.0.retain(|Reverse(other)| other.product != sold.product);
        self.0.push(Reverse(sold));
        if self.0.len() > BEST {
            self.0.pop();
        }
        self
    }

    /// Best first.
    fn ranked(self) -> Ranking {
        Ranking(self.0.into_sorted_vec().into_iter().map(|Reverse(sold)| sold).collect())
    }
}

/// The best products, best first.
#[derive(Clone, Serialize, Deserialize)]
struct Ranking(Vec<Sold>);

impl DefaultSerde for Ranking {
    type Serde = JsonSerde<Self>;
}

const EXAMPLE: Example = Example {
    name: "top-products",
    input: "product-sales",
    output: "top-products",
    // The first sale is at 2026-01-01 08:00, the last ones are the day after.
    sample: Sample::Timed(&[
        (1767254400000, "tea", "4"),
        (1767254460000, "coffee", "7"),
        (1767254520000, "milk", "2"),
        (1767254580000, "bread", "9"),
        (1767254640000, "butter", "3"),
        (1767254700000, "honey", "1"),
        (1767258000000, "cheese", "5"),
        // Out of the best five until now, at 1 and 2.
        (1767261600000, "honey", "5"),
        (1767265200000, "milk", "1"),
        (1767265260000, "tea", "4"),
        (1767340800000, "tea", "1"),
        (1767340860000, "honey", "2"),
    ]),
    topology,
    ..Example::DEFAULT
};

/// The key of a sale is the product, its value the number of units as a JSON number. The key of a ranking is the day.
fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream_with(input, Consumed::with(StringSerde, JsonSerde::<i64>::new()))
        .group_by_key()
        .windowed_by(TimeWindows::of_size_and_grace(DAY, GRACE))
        .reduce_with(|units, more| units + more, Materialized::named("units-per-day-store"))
        .to_stream()
        .flat_map(|product, units| units.map(|units| by_day(product, units)))
        .group_by_key()
        .aggregate_with(
            TopProducts::default,
            |_day, sold, best| best.with(sold),
            Materialized::named("top-products-store"),
        )
        .map_values(TopProducts::ranked)
        .to_stream()
        .to(output);
    builder.build()
}

fn by_day(product: Windowed<String>, units: i64) -> (String, Sold) {
    (date_time::date(product.start()), Sold { units, product: product.key })
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
