//! Alerts about suspicious transactions: large ones of risky accounts, and many within a minute.

use examples::{Example, Sample};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{DefaultSerde, JsonSerde, StringSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{Consumed, KStream, KTable, Materialized, StreamsBuilder, StreamsError, Topology};

const MINUTE: Duration = Duration::from_secs(60);
const LARGE: f64 = 1000.0;
const RISKY: f64 = 0.8;
const MANY: i64 = 4;

/// A transaction; the key is the account.
#[derive(Clone, Serialize, Deserialize)]
struct Transaction {
    id: String,
    amount: f64,
}

impl DefaultSerde for Transaction {
    type Serde = JsonSerde<Self>;
}

const EXAMPLE: Example = Example {
    name: "fraud-alerts",
    input: "transactions",
    output: "alerts",
    sample: Sample::Timed(&[
        (1767225600000, "acc-1", r#"{"id":"t1","amount":5000.0}"#),
        (1767225601000, "acc-2", r#"{"id":"t2","amount":5000.0}"#),
        (1767225602000, "acc-2", r#"{"id":"t3","amount":20.0}"#),
        (1767225603000, "acc-3", r#"{"id":"t4","amount":-1.0}"#),
        (1767225610000, "acc-3", r#"{"id":"t5","amount":1.0}"#),
        (1767225620000, "acc-3", r#"{"id":"t6","amount":1.0}"#),
        (1767225630000, "acc-3", r#"{"id":"t7","amount":1.0}"#),
        (1767225640000, "acc-3", r#"{"id":"t8","amount":1.0}"#),
        (1767225650000, "acc-3", r#"{"id":"t9","amount":1.0}"#),
        (1767225660000, "acc-1", r#"{"id":"t10","amount":1.0}"#),
    ]),
    tables: &[("risk-scores", Sample::Timed(&[(1767225000000, "acc-1", "0.1"), (1767225000000, "acc-2", "0.93")]))],
    topology,
    ..Example::DEFAULT
};

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let risks =
        builder.table_with("risk-scores", Consumed::with(StringSerde, JsonSerde::<f64>::new()), Materialized::new());
    // What is no payment is not looked at.
    let payments = builder.stream::<String, Transaction>(input).filter(|_, transaction| transaction.amount > 0.0);
    large_and_risky(&payments, &risks).merge(&many_within_a_minute(&payments)).to(output);
    builder.build()
}

/// An account of which nobody knows the risk counts as risky.
fn large_and_risky(payments: &KStream<String, Transaction>, risks: &KTable<String, f64>) -> KStream<String, String> {
    payments
        .left_join_table(risks, |payment, risk| (payment, risk.unwrap_or(1.0)))
        .filter(|_, (payment, risk)| payment.amount >= LARGE && *risk >= RISKY)
        .map_values(|(payment, risk)| format!("transaction {} of {} at risk {risk}", payment.id, payment.amount))
}

/// Told once per account and minute.
fn many_within_a_minute(payments: &KStream<String, Transaction>) -> KStream<String, String> {
    payments
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(MINUTE))
        .count_with(Materialized::named("payments-per-minute").with_caching_disabled())
        .to_stream()
        .filter(|_, count| *count == Some(MANY))
        .map(|window, _| (window.key, format!("{MANY} transactions within a minute")))
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
