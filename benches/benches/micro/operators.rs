use crate::case::{Amount, Case, Failure};
use crate::one_task::{self, Settings, Take};
use streams_dsl::processor_api::{KeyValueStore, Processor, ProcessorContext, ProcessorResult, Stores};
use streams_dsl::serde::SharedStr;
use streams_dsl::{KStream, Materialized, Record, StreamsBuilder};

const FEW: u64 = 20_000;
const MANY: u64 = 60_000;
const KEYS: u64 = 1000;
const PER_COMMIT: u64 = 20_000;

type Text = KStream<SharedStr, SharedStr>;
/// Declares what comes after the source.
type Declare = fn(Text);

/// Each is the whole of a topology: source, operator, and an end that does nothing where the operator has none.
pub fn cases() -> Vec<Case> {
    let plain: [(&str, Declare); 8] = [
        ("source, and an end that does nothing", end),
        ("filter", |text| end(text.filter(|_, value| value.len() < 100))),
        ("map", |text| end(text.map(|key, value| (value, key)))),
        ("map_values", |text| end(text.map_values(|value| value))),
        ("process, passed on", |text| end(text.process(|| pass, ()))),
        ("flat_map_values, two of each", |text| end(text.flat_map_values(|value| [value.clone(), value]))),
        ("group_by, up to the repartition topic", |text| {
            text.group_by(|_, value| value.clone()).count();
        }),
        ("to", |text| {
            text.to("output");
        }),
    ];
    let stateful: [(&str, Declare); 3] = [
        ("count", |text| {
            text.group_by_key().count_with(Materialized::named("store")).to_stream().to("output");
        }),
        ("reduce", |text| {
            text.group_by_key().reduce(|_, value| value).to_stream().to("output");
        }),
        ("aggregate", |text| {
            text.group_by_key().aggregate(|| 0_i64, |_, value, sum| sum + value.len() as i64).to_stream().to("output");
        }),
    ];
    let plain = plain.map(|(name, topology)| case(name.to_owned(), topology, true));
    let stateful = stateful.into_iter().flat_map(|(name, topology)| {
        [(name.to_owned(), true), (format!("{name}, without cache"), false)]
            .map(|(name, cached)| case(name, topology, cached))
    });
    plain.into_iter().chain(stateful).chain([true, false].map(counted_by_processor)).collect()
}

fn pass(
    context: &mut ProcessorContext<'_, SharedStr, SharedStr>,
    record: Record<SharedStr, SharedStr>,
) -> ProcessorResult {
    Ok(context.forward(record)?)
}

/// Counts the records of each key, as `count` does.
#[derive(Default)]
struct Count(KeyValueStore<SharedStr, i64>);

impl Processor<SharedStr, SharedStr, SharedStr, i64> for Count {
    fn init(&mut self, context: &mut ProcessorContext<'_, SharedStr, i64>) -> ProcessorResult {
        self.0 = context.state_store("store")?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, SharedStr, i64>,
        record: Record<SharedStr, SharedStr>,
    ) -> ProcessorResult {
        let count = self.0.get(&record.key)?.unwrap_or(0) + 1;
        self.0.put(&record.key, &count)?;
        Ok(context.forward(record.with_value(count))?)
    }
}

/// With every update forwarded. What differs is when updates are logged.
fn counted_by_processor(cached: bool) -> Case {
    let run = move |amount: Amount| -> Result<(), Failure> {
        let builder = StreamsBuilder::new();
        let store = Stores::key_value_store::<SharedStr, i64>("store");
        let store = builder.add_state_store(if cached { store.with_caching_enabled() } else { store });
        builder.stream::<SharedStr, SharedStr>("input").process(Count::default, &store).to("output");
        let settings = Settings { subtopology: 0, cached, per_commit: PER_COMMIT };
        one_task::run(&builder.build()?, settings, amount, input)
    };
    let name = format!("process, a count in a store{}", if cached { "" } else { ", without cache" });
    Case { group: "operator", name, few: FEW, many: MANY, run: Box::new(run) }
}

fn end(text: Text) {
    text.for_each(|key, value| drop(std::hint::black_box((key, value))));
}

fn case(name: String, declare: Declare, cached: bool) -> Case {
    let run = move |amount: Amount| -> Result<(), Failure> {
        let builder = StreamsBuilder::new();
        declare(builder.stream("input"));
        let settings = Settings { subtopology: 0, cached, per_commit: PER_COMMIT };
        one_task::run(&builder.build()?, settings, amount, input)
    };
    Case { group: "operator", name, few: FEW, many: MANY, run: Box::new(run) }
}

fn input(records: u64, take: Take<'_>) {
    for number in 0..records {
        let (key, value) = (format!("customer-{:05}", number % KEYS), format!("message {number:09} for no reader"));
        take(one_task::Input { key: Some(&key), value: &value, timestamp: number as i64 });
    }
}
