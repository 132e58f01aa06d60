package reference;

import java.util.Properties;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KGroupedTable;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Predicate;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;

/** The topology that a case declares: from topic "in" to topic "out". */
final class Program {
    static final Serde<String> TEXT = Serdes.String();

    private final Case asked;
    private final StreamsBuilder builder = new StreamsBuilder();
    private final Consumed<String, String> consumed;

    private Program(Case asked, Timestamps timestamps) {
        this.asked = asked;
        this.consumed = Consumed.with(TEXT, TEXT).withTimestampExtractor(timestamps);
    }

    static Topology of(Case asked, Timestamps timestamps) {
        Program program = new Program(asked, timestamps);
        program.results()
                .map((key, value) -> KeyValue.pair(keyText(key), value == null ? null : value.toString()))
                .to("out", Produced.with(TEXT, TEXT));
        Properties settings = new Properties();
        settings.put(StreamsConfig.TOPOLOGY_OPTIMIZATION_CONFIG, asked.setting("optimization", "none").word());
        return program.builder.build(settings);
    }

    static boolean cached(Case asked) {
        return asked.setting("cache").word().equals("on");
    }

    private KStream<?, ?> results() {
        return switch (asked.setting("program", "window-aggregate").word()) {
            case "stream-join" -> StreamJoin.of(asked, stream("left"), () -> stream("right"));
            case "stream-table-join" -> new Joins(asked, builder, consumed).streamWithTable();
            case "stream-global-table-join" -> new Joins(asked, builder, consumed).streamWithGlobalTable();
            default -> Suppression.apply(asked, table()).toStream();
        };
    }

    private KTable<?, ?> table() {
        String name = asked.setting("program", "window-aggregate").word();
        return switch (name) {
            case "window-aggregate" -> WindowAggregate.of(asked, stream().groupByKey());
            case "stream-aggregate" -> streamAggregate(stream().groupByKey());
            case "versioned-table" -> new Joins(asked, builder, consumed).single();
            case "table-join" -> new Joins(asked, builder, consumed).tables();
            case "foreign-key-join" -> new Joins(asked, builder, consumed).onForeignKey();
            case "cogroup" -> new Cogroup(asked, builder, consumed).table();
            case "table-transform-values" -> TransformValues.table(asked, builder, consumed);
            case "table" -> source();
            case "table-filter" -> filter(plainTable(), (key, value) -> value.length() > 1);
            case "table-filter-not" -> filter(plainTable(), (key, value) -> value.length() <= 1);
            case "table-map-values" -> mapValues(plainTable());
            case "to-table" -> isMaterialized() ? stream().toTable(kept(TEXT)) : stream().toTable();
            case "table-aggregate" -> tableAggregate(plainTable()
                    .groupBy((key, value) -> KeyValue.pair(value.substring(0, 1), value), Grouped.with(TEXT, TEXT)));
            default -> throw new IllegalArgumentException("unknown program " + name);
        };
    }

    private KStream<String, String> stream() {
        return stream("in");
    }

    private KStream<String, String> stream(String topic) {
        return builder.stream(topic, consumed);
    }

    private KTable<String, String> plainTable() {
        return builder.table("in", consumed);
    }

    private KTable<String, String> source() {
        return isMaterialized() ? builder.table("in", consumed, kept(TEXT)) : plainTable();
    }

    private KTable<String, String> filter(KTable<String, String> table, Predicate<String, String> passes) {
        return isMaterialized() ? table.filter(passes, kept(TEXT)) : table.filter(passes);
    }

    private KTable<String, String> mapValues(KTable<String, String> table) {
        return isMaterialized() ? table.mapValues(value -> value + "!", kept(TEXT)) : table.mapValues(value -> value + "!");
    }

    private KTable<String, ?> streamAggregate(KGroupedStream<String, String> grouped) {
        return switch (asked.setting("aggregate").word()) {
            case "count" -> grouped.count(kept(Serdes.Long()));
            case "reduce" -> grouped.reduce(Aggregates::reduce, kept(TEXT));
            default -> grouped.aggregate(Aggregates::start, Aggregates::add, kept(TEXT));
        };
    }

    private KTable<String, ?> tableAggregate(KGroupedTable<String, String> grouped) {
        return switch (asked.setting("aggregate").word()) {
            case "count" -> grouped.count(kept(Serdes.Long()));
            case "reduce" -> grouped.reduce(Aggregates::reduce, Aggregates::unreduce, kept(TEXT));
            default -> grouped.aggregate(Aggregates::start, Aggregates::add, Aggregates::subtract, kept(TEXT));
        };
    }

    private boolean isMaterialized() {
        return asked.setting("materialized").word().equals("yes");
    }

    private <V, S extends StateStore> Materialized<String, V, S> kept(Serde<V> values) {
        return Stores.kept(asked, values);
    }

    /** A windowed key as {@code key@start..end}. */
    static String keyText(Object key) {
        if (key instanceof Windowed<?> windowed) {
            long end = windowed.window().end();
            return windowed.key() + "@" + windowed.window().start() + ".." + (end == Long.MAX_VALUE ? "max" : end);
        }
        return (String) key;
    }
}
