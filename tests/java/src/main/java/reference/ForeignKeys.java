package reference;

import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.TableJoined;
import org.apache.kafka.streams.state.KeyValueStore;

/** Joins of tables by what stands before the colon in the left rows; a row without colon has no foreign key. */
final class ForeignKeys {
    private ForeignKeys() {}

    static KTable<String, String> joined(
            Case asked,
            KTable<String, String> left,
            KTable<String, String> right,
            Materialized<String, String, KeyValueStore<Bytes, byte[]>> store) {
        String name = asked.setting("name", "").word();
        TableJoined<String, String> joined = name.isEmpty() ? TableJoined.with(null, null) : TableJoined.as(name);
        return switch (asked.setting("join").word()) {
            case "inner" -> left.join(right, ForeignKeys::of, Joins.JOINER, joined, store);
            case "left" -> left.leftJoin(right, ForeignKeys::of, Joins.JOINER, joined, store);
            default -> throw new IllegalArgumentException("unknown join " + asked.setting("join").word());
        };
    }

    private static String of(String row) {
        int colon = row.indexOf(':');
        return colon < 0 ? null : row.substring(0, colon);
    }
}
