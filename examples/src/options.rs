use crate::Example;
use std::path::PathBuf;
use streams_dsl::StreamsConfig;

/// The options that every example takes.
#[derive(Debug, Clone)]
pub struct Options {
    /// Kafka's address; none: the embedded broker.
    pub bootstrap_servers: Option<String>,
    /// On Kafka, too: write the sample input, print what comes of it, and end.
    pub sample: bool,
    /// The application id.
    pub application_id: String,
    /// The input topic.
    pub input: String,
    /// The output topic.
    pub output: String,
    /// Where state is kept.
    pub state_dir: Option<PathBuf>,
    /// Further configuration.
    pub settings: Vec<(String, String)>,
}

impl Options {
    /// The options of an example that is given none.
    pub fn of(example: &Example) -> Self {
        Self {
            bootstrap_servers: None,
            sample: false,
            application_id: example.name.to_owned(),
            input: example.input.to_owned(),
            output: example.output.to_owned(),
            state_dir: None,
            settings: Vec::new(),
        }
    }

    pub(crate) fn parse(example: &Example, mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut options = Self::of(example);
        while let Some(option) = arguments.next() {
            let mut value = || arguments.next().ok_or_else(|| format!("{option} needs a value"));
            match option.as_str() {
                "--bootstrap-servers" => options.bootstrap_servers = Some(value()?),
                "--sample" => options.sample = true,
                "--application-id" => options.application_id = value()?,
                "--input" => options.input = value()?,
                "--output" => options.output = value()?,
                "--state-dir" => options.state_dir = Some(value()?.into()),
                "--set" => {
                    let setting = value()?;
                    let (key, value) =
                        setting.split_once('=').ok_or_else(|| format!("--set {setting} is not KEY=VALUE"))?;
                    options.settings.push((key.to_owned(), value.to_owned()));
                }
                _ => return Err(format!("unknown option {option}")),
            }
        }
        Ok(options)
    }

    pub(crate) fn usage(example: &Example) -> String {
        format!(
            "usage: {} [--bootstrap-servers HOST:PORT] [--application-id ID] [--input TOPIC] [--output TOPIC]\n       \
             [--state-dir DIR] [--sample] [--set KEY=VALUE]...\n\
             Without --bootstrap-servers: the embedded broker, with sample input. With it, and --sample: that input on Kafka, to its end.",
            example.name
        )
    }

    /// The configuration that the options stand for.
    pub fn config(&self, bootstrap_servers: &str) -> StreamsConfig {
        let mut config = StreamsConfig::new(self.application_id.as_str(), bootstrap_servers);
        if let Some(directory) = &self.state_dir {
            config = config.set("state.dir", directory.display());
        }
        self.settings.iter().fold(config, |config, (key, value)| config.set(key.as_str(), value))
    }
}
