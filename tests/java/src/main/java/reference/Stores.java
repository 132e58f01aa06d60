package reference;

import java.time.Duration;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.processor.StateStore;

/** The store named "store" as a case wants it. */
final class Stores {
    private Stores() {}

    static <V, S extends StateStore> Materialized<String, V, S> kept(Case asked, Serde<V> values) {
        Materialized<String, V, S> kept = Materialized.<String, V, S>as("store")
                .withStoreType(type(asked.setting("store", "rocksdb").word()))
                .withKeySerde(Program.TEXT)
                .withValueSerde(values);
        String retention = asked.setting("retention", "").word();
        if (!retention.isEmpty()) {
            kept.withRetention(Duration.ofMillis(Long.parseLong(retention)));
        }
        return Program.cached(asked) ? kept.withCachingEnabled() : kept.withCachingDisabled();
    }

    private static Materialized.StoreType type(String name) {
        return switch (name) {
            case "rocksdb" -> Materialized.StoreType.ROCKS_DB;
            case "in-memory" -> Materialized.StoreType.IN_MEMORY;
            default -> throw new IllegalArgumentException("unknown store " + name);
        };
    }
}
