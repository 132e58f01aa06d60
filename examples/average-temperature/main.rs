//! The mean temperature of each sensor in every ten seconds.

use examples::{Example, Sample, read, text};
use serde::{Deserialize, Serialize};
use std::process::ExitCode;
use std::time::Duration;
use streams_dsl::serde::{DefaultSerde, JsonSerde, OptionSerde, StringSerde};
use streams_dsl::windows::TimeWindows;
use streams_dsl::{Consumed, Produced, StreamsBuilder, StreamsError, TimeWindowedSerde, Topology};

const TEN_SECONDS: Duration = Duration::from_secs(10);

/// What the mean is made of: a mean alone could not take in another reading.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Readings {
    sum: f64,
    count: u32,
}

impl DefaultSerde for Readings {
    type Serde = JsonSerde<Self>;
}

impl Readings {
    fn with(self, celsius: f64) -> Self {
        Self { sum: self.sum + celsius, count: self.count + 1 }
    }

    fn mean(self) -> f64 {
        self.sum / f64::from(self.count)
    }
}

const EXAMPLE: Example = Example {
    name: "average-temperature",
    input: "temperature-topic",
    output: "average-temperature-topic",
    sample: Sample::Timed(&[
        (1767225600000, "sensor-1", "20.0"),
        (1767225601000, "sensor-2", "-3.5"),
        (1767225603000, "sensor-1", "21.0"),
        (1767225609999, "sensor-1", "22.0"),
        (1767225610000, "sensor-1", "30.0"),
        (1767225612000, "sensor-2", "-4.5"),
        (1767225615000, "sensor-1", "31.0"),
        (1767225619000, "sensor-2", "-5.5"),
    ]),
    topology,
    row: |key, value| {
        let sensor = read(TimeWindowedSerde::new(StringSerde, TEN_SECONDS), key)?;
        Ok((sensor.to_string(), text(value)))
    },
    ..Example::DEFAULT
};

/// Readings and means are written as JSON numbers, so text is all it takes to produce and to read them.
fn topology(input: &str, output: &str) -> Result<Topology, StreamsError> {
    let builder = StreamsBuilder::new();
    builder
        .stream_with(input, Consumed::with(StringSerde, JsonSerde::<f64>::new()))
        .group_by_key()
        .windowed_by(TimeWindows::of_size_with_no_grace(TEN_SECONDS))
        .aggregate(Readings::default, |_sensor, celsius, readings| readings.with(celsius))
        .map_values(Readings::mean)
        .to_stream()
        .to_with(
            output,
            Produced::with(TimeWindowedSerde::new(StringSerde, TEN_SECONDS), OptionSerde::new(JsonSerde::new())),
        );
    builder.build()
}

fn main() -> ExitCode {
    EXAMPLE.main()
}
