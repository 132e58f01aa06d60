//! What a result depends on besides the programs.

use crate::implementation::Environment;
use std::fs;
use std::process::Command;
use std::thread;

/// Names and values; "unknown" where this machine does not tell.
pub fn facts(environment: &Environment) -> Vec<(&'static str, String)> {
    let root = environment.dev.parent().map(|root| root.display().to_string()).unwrap_or_default();
    vec![
        ("date", output("date", &["-u", "+%Y-%m-%d %H:%M UTC"])),
        ("commit", output("git", &["-C", &root, "describe", "--always", "--dirty"])),
        ("processor", line_of("/proc/cpuinfo", "model name")),
        ("processors", thread::available_parallelism().map_or_else(|_| unknown(), |count| count.to_string())),
        ("memory", line_of("/proc/meminfo", "MemTotal")),
        ("kernel", output("uname", &["-sr"])),
        ("load before", fs::read_to_string("/proc/loadavg").map_or_else(|_| unknown(), |text| text.trim().to_owned())),
        (
            "Kafka",
            output(&environment.dev.display().to_string(), &["kafka", "tool", "broker-api-versions", "--version"]),
        ),
        ("Kafka Streams", kafka_streams(&environment.classpath)),
        ("Java", output(&environment.java.display().to_string(), &["-version"])),
        ("Rust", output("rustc", &["--version"])),
        ("librdkafka", rdkafka::util::get_rdkafka_version().1),
    ]
}

fn unknown() -> String {
    "unknown".to_owned()
}

/// The first line that a command writes.
fn output(program: &str, arguments: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(arguments).output() else { return unknown() };
    // java -version writes to stderr.
    let bytes = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&bytes).lines().next().map_or_else(unknown, |line| line.trim().to_owned())
}

fn line_of(file: &str, name: &str) -> String {
    let text = fs::read_to_string(file).unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with(name));
    line.and_then(|line| line.split_once(':')).map_or_else(unknown, |(_, value)| value.trim().to_owned())
}

/// The version is part of the library's file name.
fn kafka_streams(classpath: &str) -> String {
    let folders = classpath.split(':').filter_map(|entry| entry.strip_suffix("/*"));
    let mut files = folders.filter_map(|folder| fs::read_dir(folder).ok()).flatten().flatten();
    files
        .find_map(|file| {
            let name = file.file_name().into_string().ok()?;
            Some(name.strip_prefix("kafka-streams-")?.strip_suffix(".jar")?.to_owned())
        })
        .unwrap_or_else(unknown)
}
