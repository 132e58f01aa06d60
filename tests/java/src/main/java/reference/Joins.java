package reference;

import java.time.Duration;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.GlobalKTable;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.KeyValueMapper;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.ValueJoiner;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;
import org.apache.kafka.streams.state.Stores;

/** Joins of what comes from the topics "left" and "right". A joined value is {@code left+right}, a missing side {@code -}. */
final class Joins {
    static final ValueJoiner<String, String, String> JOINER = (left, right) -> text(left) + "+" + text(right);

    private final Case asked;
    private final StreamsBuilder builder;
    private final Consumed<String, String> consumed;

    Joins(Case asked, StreamsBuilder builder, Consumed<String, String> consumed) {
        this.asked = asked;
        this.builder = builder;
        this.consumed = consumed;
    }

    KTable<String, String> tables() {
        KTable<String, String> left = side("left");
        KTable<String, String> right = side("right");
        return then(joined(left, right));
    }

    KTable<String, String> onForeignKey() {
        KTable<String, String> left = side("left");
        KTable<String, String> right = asked.setting("right", "table").word().equals("left") ? left : side("right");
        boolean kept = asked.setting("materialized", "no").word().equals("yes");
        return then(ForeignKeys.joined(asked, left, right, kept ? kept("joined") : Materialized.with(Program.TEXT, Program.TEXT)));
    }

    /** The table "left" alone. */
    KTable<String, String> single() {
        return then(side("left"));
    }

    /** The table that becomes of this one by the setting "then". */
    KTable<String, String> then(KTable<String, String> joined) {
        return switch (asked.setting("then", "nothing").word()) {
            case "nothing" -> joined;
            case "filter" -> joined.filter((key, value) -> value.length() > 3);
            case "map" -> joined.mapValues(value -> value + "?");
            case "suppress" -> joined.suppress(
                    Suppressed.untilTimeLimit(Duration.ofMillis(10), Suppressed.BufferConfig.unbounded()));
            case "join" -> joined.join(side("right-again"), JOINER);
            case "group" -> joined
                    .groupBy((key, value) -> KeyValue.pair(value.substring(0, 1), value), Grouped.with(Program.TEXT, Program.TEXT))
                    .aggregate(Aggregates::start, Aggregates::add, Aggregates::subtract, kept("aggregated"));
            default -> throw new IllegalArgumentException("unknown then " + asked.setting("then").word());
        };
    }

    private KTable<String, String> joined(KTable<String, String> left, KTable<String, String> right) {
        boolean kept = asked.setting("materialized", "no").word().equals("yes");
        Materialized<String, String, KeyValueStore<Bytes, byte[]>> store = kept("joined");
        return switch (asked.setting("join").word()) {
            case "inner" -> kept ? left.join(right, JOINER, store) : left.join(right, JOINER);
            case "left" -> kept ? left.leftJoin(right, JOINER, store) : left.leftJoin(right, JOINER);
            case "outer" -> kept ? left.outerJoin(right, JOINER, store) : left.outerJoin(right, JOINER);
            default -> throw new IllegalArgumentException("unknown join " + asked.setting("join").word());
        };
    }

    KStream<String, String> streamWithTable() {
        KStream<String, String> left = builder.stream("left", consumed);
        KTable<String, String> right = side("right");
        Joined<String, String, String> options = Joined.with(Program.TEXT, Program.TEXT, Program.TEXT);
        if (asked.setting("join").has("grace")) {
            options = options.withGracePeriod(Duration.ofMillis(asked.setting("join").number("grace")));
        }
        return switch (asked.setting("join").word()) {
            case "inner" -> left.join(right, JOINER, options);
            case "left" -> left.leftJoin(right, JOINER, options);
            default -> throw new IllegalArgumentException("unknown join " + asked.setting("join").word());
        };
    }

    KStream<String, String> streamWithGlobalTable() {
        KStream<String, String> left = builder.stream("left", consumed);
        GlobalKTable<String, String> right = builder.globalTable("right", consumed);
        KeyValueMapper<String, String, String> key = (own, value) -> value.equals("none") ? null : value.substring(0, 1);
        return switch (asked.setting("join").word()) {
            case "inner" -> left.join(right, key, JOINER);
            case "left" -> left.leftJoin(right, key, JOINER);
            default -> throw new IllegalArgumentException("unknown join " + asked.setting("join").word());
        };
    }

    /** The table that the setting of this name says, out of the topic of this name. */
    private KTable<String, String> side(String name) {
        return switch (asked.setting(name, "table").word()) {
            case "table" -> builder.table(name, consumed);
            case "kept" -> builder.table(name, consumed, kept(name));
            case "filter" -> builder.table(name, consumed).filter((key, value) -> value.length() > 1);
            case "filter-kept" -> builder.table(name, consumed).filter((key, value) -> value.length() > 1, kept(name));
            case "map" -> builder.table(name, consumed).mapValues(value -> value + "!");
            case "reduce" -> builder.stream(name, consumed).groupByKey().reduce(Aggregates::reduce, kept(name));
            case "to-table" -> builder.stream(name, consumed).toTable();
            case "versioned" -> builder.table(name, consumed, versioned(name));
            case "versioned-filter" -> builder.table(name, consumed, versioned(name)).filter((key, value) -> value.length() > 1);
            case "versioned-filter-kept" -> builder.table(name, consumed, versioned(name + "-source"))
                    .filter((key, value) -> value.length() > 1, kept(name));
            case "versioned-map" -> builder.table(name, consumed, versioned(name)).mapValues(value -> value + "!");
            case "versioned-map-filter" -> builder.table(name, consumed, versioned(name))
                    .mapValues(value -> value + "!").filter((key, value) -> value.length() > 2);
            case "versioned-to-table" -> builder.stream(name, consumed).toTable(versioned(name));
            case "filter-versioned" -> builder.table(name, consumed).filter((key, value) -> value.length() > 1, versioned(name));
            case "versioned-map-versioned" -> builder.table(name, consumed, versioned(name + "-source"))
                    .mapValues(value -> value + "!", versioned(name));
            case "versioned-transform" -> builder.table(name, consumed, versioned(name)).transformValues(Exclaimed::new);
            case "transform-versioned" -> builder.table(name, consumed).transformValues(Exclaimed::new, versioned(name));
            case "versioned-transform-versioned" -> builder.table(name, consumed, versioned(name + "-source"))
                    .transformValues(Exclaimed::new, versioned(name));
            case "reduce-versioned" -> builder.stream(name, consumed).groupByKey().reduce(Aggregates::reduce, versioned(name));
            case "joined-versioned" -> builder.table(name, consumed)
                    .outerJoin(builder.table(name + "-2", consumed), JOINER, versioned(name));
            case "joined" -> builder.table(name, consumed).outerJoin(builder.table(name + "-2", consumed), JOINER);
            default -> throw new IllegalArgumentException("unknown side " + asked.setting(name).word());
        };
    }

    private Materialized<String, String, KeyValueStore<Bytes, byte[]>> kept(String name) {
        Materialized<String, String, KeyValueStore<Bytes, byte[]>> kept =
                Materialized.<String, String, KeyValueStore<Bytes, byte[]>>as(name + "-store")
                        .withKeySerde(Program.TEXT)
                        .withValueSerde(Program.TEXT);
        return Program.cached(asked) ? kept.withCachingEnabled() : kept.withCachingDisabled();
    }

    private Materialized<String, String, KeyValueStore<Bytes, byte[]>> versioned(String name) {
        Case.Setting side = asked.setting(name.replace("-source", ""), "");
        Duration history = Duration.ofMillis(side.has("history") ? side.number("history") : 1000);
        return Materialized.<String, String>as(Stores.persistentVersionedKeyValueStore(name + "-store", history))
                .withKeySerde(Program.TEXT)
                .withValueSerde(Program.TEXT);
    }

    /** Appends an exclamation mark to each row, and lets deletions be. */
    private static final class Exclaimed implements ValueTransformerWithKey<String, String, String> {
        @Override
        public void init(ProcessorContext context) {}

        @Override
        public String transform(String key, String value) {
            return value == null ? null : value + "!";
        }

        @Override
        public void close() {}
    }

    private static String text(String value) {
        return value == null ? "-" : value;
    }
}
