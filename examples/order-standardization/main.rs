//! Orders of several shops in one form.

use examples::{Example, Sample};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use streams_dsl::serde::{DefaultSerde, JsonSerde};
use streams_dsl::{LogAndContinue, StreamsBuilder, StreamsError, Topology};

/// An order as a shop writes it.
#[derive(Clone, Serialize, Deserialize)]
struct ShopOrder {
    #[serde(alias = "orderId", alias = "id")]
    order_id: String,
    #[serde(alias = "sku")]
    product: String,
    #[serde(alias = "total")]
    amount: f64,
    #[serde(default)]
    currency: Option<String>,
}

impl DefaultSerde for ShopOrder {
    type Serde = JsonSerde<Self>;
}

/// An order as all others want it: amounts in cents, currencies in capitals.
#[derive(Clone, Serialize, Deserialize)]
struct Order {
    order_id: String,
    product: String,
    amount_cents: i64,
    currency: String,
}

impl DefaultSerde for Order {
    type Serde = JsonSerde<Self>;
}

const EXAMPLE: Example = Example {
    name: "order-standardization",
    input: "orders",
    output: "standardized-orders",
    sample: Sample::Keyed(&[
        ("shop-a", r#"{"order_id":"a-1","product":" Lamp ","amount":19.99,"currency":"eur"}"#),
        ("shop-b", r#"{"orderId":"b-7","sku":"CHAIR","total":120,"currency":"USD"}"#),
        ("shop-c", r#"{"id":"c-3","product":"Table","amount":49.5}"#),
        ("shop-d", "not an order"),
    ]),
    topology,
    config: |config| config.with_deserialization_exception_handler(LogAndContinue),
    ..Example::DEFAULT
};

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder.stream::<String, ShopOrder>(input).map_values(standardize).to(output);
    builder.build()
}

fn standardize(order: ShopOrder) -> Order {
    Order {
        order_id: order.order_id,
        product: order.product.trim().to_lowercase(),
        amount_cents: (order.amount * 100.0).round() as i64,
        currency: order.currency.map_or_else(|| "EUR".to_owned(), |currency| currency.to_uppercase()),
    }
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
