package reference;

import java.time.Duration;
import java.util.List;
import java.util.function.Supplier;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.StreamJoined;
import org.apache.kafka.streams.state.BuiltInDslStoreSuppliers;

/**
 * Setting "join": {@code inner|left|outer before=... after=... grace=...}, of the topics "left" and "right"; setting "right": {@code left} where both sides
 * are the same stream.
 */
final class StreamJoin {
    private StreamJoin() {}

    static KStream<String, String> of(Case asked, KStream<String, String> left, Supplier<KStream<String, String>> other) {
        KStream<String, String> right = isOfItself(asked) ? left : other.get();
        Case.Setting join = asked.setting("join");
        return switch (join.word()) {
            case "inner" -> left.join(right, StreamJoin::result, windows(join), joined(asked));
            case "left" -> left.leftJoin(right, StreamJoin::result, windows(join), joined(asked));
            case "outer" -> left.outerJoin(right, StreamJoin::result, windows(join), joined(asked));
            default -> throw new IllegalArgumentException("unknown join " + join.word());
        };
    }

    /** The stores whose changelogs a case may show. */
    static List<String> stores(Case asked) {
        List<String> stores = storesOfTwo(asked);
        return isOfItself(asked) && asked.setting("optimization", "none").word().equals("all") ? stores.subList(0, 1) : stores;
    }

    private static List<String> storesOfTwo(Case asked) {
        return switch (asked.setting("join").word()) {
            case "inner" -> List.of("store-this-join-store", "store-other-join-store");
            case "left" -> List.of("store-this-join-store", "store-outer-other-join-store", "store-left-shared-join-store");
            default -> List.of(
                    "store-outer-this-join-store", "store-outer-other-join-store", "store-outer-shared-join-store");
        };
    }

    private static boolean isOfItself(Case asked) {
        return asked.setting("right", "right").word().equals("left");
    }

    private static String result(String left, String right) {
        return (left == null ? "-" : left) + "+" + (right == null ? "-" : right);
    }

    private static JoinWindows windows(Case.Setting join) {
        Duration grace = Duration.ofMillis(join.number("grace"));
        return JoinWindows.ofTimeDifferenceAndGrace(Duration.ofMillis(Math.max(0, join.number("after"))), grace)
                .before(Duration.ofMillis(join.number("before")))
                .after(Duration.ofMillis(join.number("after")));
    }

    private static StreamJoined<String, String, String> joined(Case asked) {
        StreamJoined<String, String, String> joined =
                StreamJoined.with(Program.TEXT, Program.TEXT, Program.TEXT).withStoreName("store");
        return switch (asked.setting("store", "rocksdb").word()) {
            case "rocksdb" -> joined;
            case "in-memory" -> joined.withDslStoreSuppliers(new BuiltInDslStoreSuppliers.InMemoryDslStoreSuppliers());
            default -> throw new IllegalArgumentException("unknown store " + asked.setting("store").word());
        };
    }
}
