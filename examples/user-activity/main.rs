//! How often each user has logged in and out, in a store of the program's own.

mod activity;

use activity::Activities;
use examples::{Example, Sample};
use std::process::ExitCode;
use streams_dsl::processor_api::{CustomStore, Processor, ProcessorContext, ProcessorResult, Stores};
use streams_dsl::{Record, StreamsBuilder, StreamsError, Topology};

const STORE: &str = "user-activities";

const EXAMPLE: Example = Example {
    name: "user-activity",
    input: "custom-state-input",
    output: "user-activity-counts",
    sample: Sample::Keyed(&[
        ("user1", "login"),
        ("user2", "login"),
        ("user1", "logout"),
        ("user3", "login"),
        ("user2", "logout"),
        ("user1", "login"),
    ]),
    topology,
    ..Example::DEFAULT
};

/// Notes each login and logout, and forwards the user's counts.
#[derive(Default)]
struct CountActivity {
    activities: CustomStore<Activities>,
}

impl Processor<String, String, String, String> for CountActivity {
    fn init(&mut self, context: &mut ProcessorContext<'_, String, String>) -> ProcessorResult {
        self.activities = context.state_store(STORE)?;
        Ok(())
    }

    fn process(
        &mut self,
        context: &mut ProcessorContext<'_, String, String>,
        event: Record<String, String>,
    ) -> ProcessorResult {
        let activity = self.activities.borrow_mut()?.note(&event.key, &event.value)?;
        context.forward(event.with_value(activity.to_string()))?;
        Ok(())
    }
}

fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    let activities = builder.add_state_store(Stores::custom_store(STORE, Activities::default));
    builder.stream::<String, String>(input).process(CountActivity::default, &activities).to(output);
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
