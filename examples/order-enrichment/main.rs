//! Orders with the name and address of their customer: a stream joined with a table.

use examples::{Example, Sample};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use streams_dsl::serde::{DefaultSerde, JsonSerde};
use streams_dsl::{Consumed, Materialized, StreamsBuilder, StreamsError, Topology};

/// An order, as it comes.
#[derive(Clone, Serialize, Deserialize)]
struct Order {
    order_id: String,
    customer_id: String,
    amount: f64,
}

impl DefaultSerde for Order {
    type Serde = JsonSerde<Self>;
}

/// A customer; the key is the customer's id.
#[derive(Clone, Serialize, Deserialize)]
struct Customer {
    name: String,
    address: String,
}

impl DefaultSerde for Customer {
    type Serde = JsonSerde<Self>;
}

/// An order with its customer, null where nobody knows the customer.
#[derive(Clone, Serialize, Deserialize)]
struct EnrichedOrder {
    #[serde(flatten)]
    order: Order,
    customer_name: Option<String>,
    customer_address: Option<String>,
}

impl DefaultSerde for EnrichedOrder {
    type Serde = JsonSerde<Self>;
}

const EXAMPLE: Example = Example {
    name: "order-enrichment",
    input: "orders",
    output: "joined_orders",
    sample: Sample::Keyed(&[
        ("o1", r#"{"order_id":"o1","customer_id":"c1","amount":100.0}"#),
        ("o2", r#"{"order_id":"o2","customer_id":"c2","amount":25.5}"#),
        ("o3", r#"{"order_id":"o3","customer_id":"c9","amount":7.0}"#),
        ("o4", r#"{"order_id":"o4","customer_id":"c1","amount":12.0}"#),
    ]),
    tables: &[(
        "customers",
        Sample::Timed(&[
            (1767225600000, "c1", r#"{"name":"Ada","address":"12 Analytical Way"}"#),
            (1767225600000, "c2", r#"{"name":"Brian","address":"6 C Street"}"#),
            (1767225660000, "c2", r#"{"name":"Brian","address":"7 Unix Avenue"}"#),
        ]),
    )],
    topology,
    ..Example::DEFAULT
};

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let customers =
        builder.table_with("customers", Consumed::new(), Materialized::<String, Customer>::named("customers-store"));
    builder
        .stream::<String, Order>(input)
        .select_key(|_, order| order.customer_id.clone())
        .left_join_table(&customers, |order, customer: Option<Customer>| {
            let (customer_name, customer_address) = customer.map(|found| (found.name, found.address)).unzip();
            EnrichedOrder { order, customer_name, customer_address }
        })
        .select_key(|_, enriched| enriched.order.order_id.clone())
        .to(output);
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
