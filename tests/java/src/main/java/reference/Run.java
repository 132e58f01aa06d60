package reference;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.stream.Collectors;
import java.util.stream.StreamSupport;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.header.Headers;
import org.apache.kafka.common.header.internals.RecordHeaders;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.serialization.StringDeserializer;
import org.apache.kafka.common.serialization.StringSerializer;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.TestInputTopic;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/** One case through the test driver. */
final class Run {
    private static final Instant WALL_START = Instant.ofEpochMilli(1_000_000);
    private static final long CACHE_BYTES = 10 * 1024 * 1024;

    private final Case asked;
    private final Path state;
    private final Timestamps timestamps;
    private final Map<String, TestInputTopic<String, String>> inputs = new HashMap<>();
    private TestOutputTopic<String, String> output;
    private long dropped;

    Run(Case asked, Path state) {
        this.asked = asked;
        this.state = state;
        this.timestamps = new Timestamps(asked.setting("extractor", "fail").word());
    }

    /** What is printed before the first row, after the first row, and so on. A failure is the last answer. */
    List<List<String>> answers() {
        List<List<String>> answers = new ArrayList<>();
        Topology topology;
        try {
            topology = Program.of(asked, timestamps);
            answers.add(List.of());
        } catch (IllegalArgumentException | UnsupportedOperationException | KafkaException error) {
            answers.add(List.of(failure(error)));
            asked.rows().forEach(row -> answers.add(List.of()));
            return answers;
        }
        TopologyTestDriver driver = new TopologyTestDriver(topology, configuration(), WALL_START);
        output = driver.createOutputTopic("out", new StringDeserializer(), new StringDeserializer());
        Changelog changelog = asked.setting("changelog", "no").word().equals("yes") ? new Changelog(asked, driver) : null;
        Wire wire = asked.setting("wire", "no").word().equals("yes") ? new Wire(asked.name, driver) : null;
        boolean failed = false;
        for (String row : asked.rows()) {
            if (Case.isComment(row)) {
                answers.add(List.of());
                continue;
            }
            if (failed) {
                throw new IllegalArgumentException("a row after the one that failed: " + row);
            }
            List<String> answer = new ArrayList<>();
            try {
                feed(driver, row);
            } catch (RuntimeException error) {
                failed = true;
                output.readRecordsToList().forEach(record -> answer.add(text(record)));
                answer.add(failure(error));
            }
            if (!failed) {
                output.readRecordsToList().forEach(record -> answer.add(text(record)));
                if (changelog != null) {
                    answer.addAll(changelog.logged());
                }
                if (wire != null) {
                    answer.addAll(wire.written());
                }
                countDropped(driver, answer);
            }
            answers.add(answer);
        }
        if (changelog != null) {
            answers.get(answers.size() - 1).addAll(changelog.stored());
        }
        close(driver, failed);
        return answers;
    }

    private Properties configuration() {
        Properties settings = new Properties();
        settings.put(StreamsConfig.APPLICATION_ID_CONFIG, asked.name);
        settings.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "unused:9092");
        settings.put(StreamsConfig.STATE_DIR_CONFIG, state.toString());
        settings.put(StreamsConfig.STATESTORE_CACHE_MAX_BYTES_CONFIG, Program.cached(asked) ? CACHE_BYTES : 0L);
        if (asked.setting("program", "").word().equals("foreign-key-join")) {
            // Sides that are derived from others have no serde of their own.
            settings.put(StreamsConfig.DEFAULT_KEY_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
            settings.put(StreamsConfig.DEFAULT_VALUE_SERDE_CLASS_CONFIG, Serdes.StringSerde.class);
        }
        Case.Setting emit = asked.setting("emit", "update");
        if (emit.has("interval")) {
            settings.put(StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_WINDOWED_AGGREGATION, emit.number("interval"));
            settings.put(
                    StreamsConfig.InternalConfig.EMIT_INTERVAL_MS_KSTREAMS_OUTER_JOIN_SPURIOUS_RESULTS_FIX,
                    emit.number("interval"));
        }
        return settings;
    }

    /** "topic: key value timestamp header=text...", or "wall +milliseconds". The topic may be missing. */
    private void feed(TopologyTestDriver driver, String row) {
        String[] parts = row.split(" ");
        String topic = "in";
        if (parts[0].endsWith(":")) {
            topic = parts[0].substring(0, parts[0].length() - 1);
            parts = Arrays.copyOfRange(parts, 1, parts.length);
        }
        if (parts[0].equals("wall")) {
            driver.advanceWallClockTime(Duration.ofMillis(Long.parseLong(parts[1].substring(1))));
            return;
        }
        Headers headers = new RecordHeaders();
        for (String header : Arrays.asList(parts).subList(3, parts.length)) {
            String[] pair = header.split("=", 2);
            headers.add(pair[0], pair[1].getBytes());
        }
        // The driver's records take no negative timestamp, those of a topic may have one: the extractor sees it.
        long timestamp = Long.parseLong(parts[2]);
        timestamps.next = timestamp;
        TestInputTopic<String, String> input = inputs.computeIfAbsent(
                topic, name -> driver.createInputTopic(name, new StringSerializer(), new StringSerializer()));
        input.pipeInput(new TestRecord<>(unlessNull(parts[0]), unlessNull(parts[1]), headers, Math.max(0, timestamp)));
    }

    private void countDropped(TopologyTestDriver driver, List<String> answer) {
        long now = (long) driver.metrics().values().stream()
                .filter(metric -> metric.metricName().name().equals("dropped-records-total"))
                .mapToDouble(metric -> (Double) metric.metricValue())
                .sum();
        if (now > dropped) {
            answer.add("dropped " + (now - dropped));
            dropped = now;
        }
    }

    private static String unlessNull(String text) {
        return text.equals("-") ? null : text;
    }

    private static String text(TestRecord<String, String> record) {
        String headers = StreamSupport.stream(record.headers().spliterator(), false)
                .map(header -> " " + header.key() + "=" + new String(header.value()))
                .collect(Collectors.joining());
        String value = record.value() == null ? "-" : record.value();
        return record.key() + " " + value + " " + record.timestamp() + headers;
    }

    private static String failure(Throwable error) {
        Throwable cause = error;
        while (cause.getCause() != null) {
            cause = cause.getCause();
        }
        return "fails: " + cause.getMessage().lines().findFirst().orElse("").replaceAll("Input record .* has", "Input record has");
    }

    private static void close(TopologyTestDriver driver, boolean failed) {
        try {
            driver.close();
        } catch (RuntimeException error) {
            // A task that failed cannot be closed cleanly.
            if (!failed) {
                throw error;
            }
        }
    }
}
