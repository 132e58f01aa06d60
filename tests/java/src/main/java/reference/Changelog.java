package reference;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;
import org.apache.kafka.streams.state.KeyValueIterator;
import org.apache.kafka.streams.state.SessionStore;
import org.apache.kafka.streams.state.TimestampedWindowStore;
import org.apache.kafka.streams.state.ValueAndTimestamp;
import org.apache.kafka.streams.test.TestRecord;

/** The store named "store" of a windowed aggregation, or the stores of a join: the bytes in the changelogs, and rows. */
final class Changelog {
    private final TopologyTestDriver driver;
    private final boolean isJoin;
    private final boolean shows;
    /** By the names of their stores. */
    private final Map<String, TestOutputTopic<byte[], byte[]>> topics = new LinkedHashMap<>();

    /** Of another store where the case names one: then without its rows. */
    Changelog(Case asked, TopologyTestDriver driver) {
        this.driver = driver;
        isJoin = asked.setting("program", "").word().equals("stream-join");
        String named = asked.setting("changelog").options().getOrDefault("store", "store");
        shows = !isJoin && named.equals("store");
        for (String store : isJoin ? StreamJoin.stores(asked) : List.of(named)) {
            topics.put(store, driver.createOutputTopic(
                    asked.name + "-" + store + "-changelog", new ByteArrayDeserializer(), new ByteArrayDeserializer()));
        }
    }

    /** What was appended since the last call: "logged key value timestamp", in hexadecimal digits; of a join with the store's name before. */
    List<String> logged() {
        List<String> logged = new ArrayList<>();
        topics.forEach((store, topic) -> {
            for (TestRecord<byte[], byte[]> record : topic.readRecordsToList()) {
                if (record.headers().iterator().hasNext()) {
                    throw new IllegalArgumentException("the changelog has headers, which have no place in a case file");
                }
                String of = isJoin ? store + " " : "";
                logged.add("logged " + of + hex(record.key()) + " " + hex(record.value()) + " " + record.timestamp());
            }
        });
        return logged;
    }

    /** All rows that the store shows, in its order (none of joins): "stored key@start..end value timestamp"; sessions have no timestamp. */
    List<String> stored() {
        List<String> stored = new ArrayList<>();
        if (!shows) {
            return stored;
        }
        StateStore store = driver.getAllStateStores().get("store");
        if (store instanceof TimestampedWindowStore) {
            try (KeyValueIterator<Windowed<String>, ValueAndTimestamp<Object>> rows =
                    driver.<String, Object>getTimestampedWindowStore("store").all()) {
                while (rows.hasNext()) {
                    KeyValue<Windowed<String>, ValueAndTimestamp<Object>> row = rows.next();
                    stored.add("stored " + Program.keyText(row.key) + " " + row.value.value() + " " + row.value.timestamp());
                }
            }
        } else {
            SessionStore<String, Object> sessions = driver.getSessionStore("store");
            try (KeyValueIterator<Windowed<String>, Object> rows = sessions.fetch(null, null)) {
                while (rows.hasNext()) {
                    KeyValue<Windowed<String>, Object> row = rows.next();
                    stored.add("stored " + Program.keyText(row.key) + " " + row.value);
                }
            }
        }
        return stored;
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? "-" : HexFormat.of().formatHex(bytes);
    }
}
