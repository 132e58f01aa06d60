// Answers the operations in a table as Kafka Streams' own stores do: reads a table, writes it with the answers.
//
//   javac -cp 'LIB/*' -d OUT StoreTables.java && java -cp 'LIB/*:OUT' StoreTables < windows.txt
//
// where LIB holds kafka-streams and kafka-streams-test-utils 4.3.1 with what they depend on. The tables are
// tests/java/*.txt; tests/java_tables.rs runs them against our stores.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.time.Duration;
import java.util.Properties;

import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.kstream.internals.SessionWindow;
import org.apache.kafka.streams.processor.api.ContextualProcessor;
import org.apache.kafka.streams.processor.api.Record;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.StoreBuilder;
import org.apache.kafka.streams.state.Stores;
import org.apache.kafka.streams.state.WindowStore;
import org.apache.kafka.streams.state.WindowStoreIterator;
import org.apache.kafka.streams.state.internals.RocksDbIndexedTimeOrderedWindowBytesStoreSupplier;
import org.apache.kafka.streams.state.internals.RocksDbTimeOrderedSessionBytesStoreSupplier;

public class StoreTables {
    static TopologyTestDriver driver;
    static WindowStore<String, String> windows;
    static SessionStore<String, String> sessions;

    public static void main(String[] args) throws Exception {
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        for (String line; (line = in.readLine()) != null; ) {
            if (line.startsWith("=")) {
                continue; // An answer from an earlier run.
            }
            System.out.println(line);
            if (line.isBlank() || line.startsWith("#")) {
                continue;
            }
            String answer = run(line.trim().split(" +"));
            if (answer != null) {
                System.out.println(("= " + answer).trim());
            }
        }
        driver.close();
    }

    static String run(String[] op) {
        boolean forward = op[op.length - 1].equals("f");
        switch (op[0]) {
            case "open":
                open(op[1], time(op[2]));
                return null;
            case "put":
                windows.put(op[1], text(op[3]), time(op[2]));
                return null;
            case "fetch":
                return String.valueOf(windows.fetch(op[1], time(op[2])));
            case "between":
                return starts(op[1], forward ? windows.fetch(op[1], time(op[2]), time(op[3]))
                                             : windows.backwardFetch(op[1], time(op[2]), time(op[3])));
            case "range":
                return rows(forward ? windows.fetch(text(op[1]), text(op[2]), time(op[3]), time(op[4]))
                                    : windows.backwardFetch(text(op[1]), text(op[2]), time(op[3]), time(op[4])));
            case "fetchall":
                return rows(forward ? windows.fetchAll(time(op[1]), time(op[2]))
                                    : windows.backwardFetchAll(time(op[1]), time(op[2])));
            case "all":
                return rows(forward ? windows.all() : windows.backwardAll());
            case "session-put":
                sessions.put(session(op[1], op[2], op[3]), text(op[4]));
                return null;
            case "session-remove":
                sessions.remove(session(op[1], op[2], op[3]));
                return null;
            case "session-fetch":
                return String.valueOf(sessions.fetchSession(op[1], time(op[2]), time(op[3])));
            case "find":
                return rows(forward ? sessions.findSessions(op[1], time(op[2]), time(op[3]))
                                    : sessions.backwardFindSessions(op[1], time(op[2]), time(op[3])));
            case "find-range":
                return rows(forward ? sessions.findSessions(text(op[1]), text(op[2]), time(op[3]), time(op[4]))
                                    : sessions.backwardFindSessions(text(op[1]), text(op[2]), time(op[3]), time(op[4])));
            case "fetch-key":
                return rows(forward ? sessions.fetch(op[1]) : sessions.backwardFetch(op[1]));
            case "fetch-range":
                return rows(forward ? sessions.fetch(text(op[1]), text(op[2]))
                                    : sessions.backwardFetch(text(op[1]), text(op[2])));
            case "ended":
                return rows(sessions.findSessions(time(op[1]), time(op[2])));
            default:
                throw new IllegalArgumentException(String.join(" ", op));
        }
    }

    static long time(String text) {
        return text.equals("max") ? Long.MAX_VALUE : Long.parseLong(text);
    }

    static String text(String text) {
        return text.equals("-") ? null : text;
    }

    static Windowed<String> session(String key, String start, String end) {
        return new Windowed<>(key, new SessionWindow(time(start), time(end)));
    }

    static void open(String kind, long retention) {
        if (driver != null) {
            driver.close();
        }
        Duration retain = Duration.ofMillis(retention);
        Duration size = Duration.ofMillis(1);
        StoreBuilder<?> builder = switch (kind) {
            case "window" -> Stores.windowStoreBuilder(
                Stores.persistentWindowStore("s", retain, size, false), Serdes.String(), Serdes.String());
            case "window-duplicates" -> Stores.windowStoreBuilder(
                Stores.persistentWindowStore("s", retain, size, true), Serdes.String(), Serdes.String());
            case "window-index" -> Stores.windowStoreBuilder(
                RocksDbIndexedTimeOrderedWindowBytesStoreSupplier.create("s", retain, size, false, true),
                Serdes.String(), Serdes.String());
            case "session" -> Stores.sessionStoreBuilder(
                Stores.persistentSessionStore("s", retain), Serdes.String(), Serdes.String());
            case "session-index" -> Stores.sessionStoreBuilder(
                new RocksDbTimeOrderedSessionBytesStoreSupplier("s", retention, true), Serdes.String(), Serdes.String());
            default -> throw new IllegalArgumentException(kind);
        };
        Topology topology = new Topology();
        topology.addSource("source", Serdes.String().deserializer(), Serdes.String().deserializer(), "topic");
        topology.addProcessor("processor", () -> new ContextualProcessor<Object, Object, Object, Object>() {
            @Override
            public void process(Record<Object, Object> record) { }
        }, "source");
        topology.addStateStore(builder.withCachingDisabled().withLoggingDisabled(), "processor");
        Properties config = new Properties();
        config.put(StreamsConfig.APPLICATION_ID_CONFIG, "tables");
        config.put(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, "unused:1");
        config.put(StreamsConfig.STATE_DIR_CONFIG, System.getProperty("java.io.tmpdir") + "/tables-" + System.nanoTime());
        driver = new TopologyTestDriver(topology, config);
        windows = kind.startsWith("window") ? driver.getWindowStore("s") : null;
        sessions = kind.startsWith("session") ? driver.getSessionStore("s") : null;
    }

    static String starts(String key, WindowStoreIterator<String> rows) {
        StringBuilder text = new StringBuilder();
        try (rows) {
            rows.forEachRemaining(row -> text.append(key).append('@').append(row.key).append(':').append(row.value).append(' '));
        }
        return text.toString();
    }

    static String rows(KeyValueIterator<Windowed<String>, String> rows) {
        StringBuilder text = new StringBuilder();
        try (rows) {
            rows.forEachRemaining(row -> {
                text.append(row.key.key()).append('@').append(row.key.window().start());
                if (sessions != null) {
                    text.append('-').append(row.key.window().end());
                }
                text.append(':').append(row.value).append(' ');
            });
        }
        return text.toString();
    }
}
