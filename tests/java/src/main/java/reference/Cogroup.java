package reference;

import java.util.List;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Aggregator;
import org.apache.kafka.streams.kstream.CogroupedKStream;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;

/** Settings "inputs", "rekeyed" and "window": what comes from the topics "one", "two" and "three", aggregated together. */
final class Cogroup {
    private static final List<String> TOPICS = List.of("one", "two", "three");
    private static final List<String> SIGNS = List.of("+", "*", "/");

    private final Case asked;
    private final StreamsBuilder builder;
    private final Consumed<String, String> consumed;

    Cogroup(Case asked, StreamsBuilder builder, Consumed<String, String> consumed) {
        this.asked = asked;
        this.builder = builder;
        this.consumed = consumed;
    }

    KTable<?, ?> table() {
        CogroupedKStream<String, String> cogrouped = grouped("one").cogroup(adds("+"));
        for (int input = 1; input < Integer.parseInt(asked.setting("inputs").word()); input++) {
            cogrouped = cogrouped.cogroup(grouped(TOPICS.get(input)), adds(SIGNS.get(input)));
        }
        Case.Setting window = asked.setting("window", "none");
        return switch (window.word()) {
            case "none" -> new Joins(asked, builder, consumed).then(
                    cogrouped.aggregate(Aggregates::start, Stores.kept(asked, Program.TEXT)));
            case "tumbling" -> cogrouped.windowedBy(WindowAggregate.tumbling(window))
                    .aggregate(Aggregates::start, Stores.kept(asked, Program.TEXT));
            case "hopping" -> cogrouped
                    .windowedBy(WindowAggregate.tumbling(window).advanceBy(WindowAggregate.length(window, "advance")))
                    .aggregate(Aggregates::start, Stores.kept(asked, Program.TEXT));
            case "sliding" -> cogrouped
                    .windowedBy(SlidingWindows.ofTimeDifferenceAndGrace(
                            WindowAggregate.length(window, "difference"), WindowAggregate.length(window, "grace")))
                    .aggregate(Aggregates::start, Stores.kept(asked, Program.TEXT));
            case "session" -> cogrouped
                    .windowedBy(SessionWindows.ofInactivityGapAndGrace(
                            WindowAggregate.length(window, "gap"), WindowAggregate.length(window, "grace")))
                    .aggregate(Aggregates::start, Aggregates::merge, Stores.kept(asked, Program.TEXT));
            default -> throw new IllegalArgumentException("unknown window " + window.word());
        };
    }

    private KGroupedStream<String, String> grouped(String topic) {
        KStream<String, String> stream = builder.stream(topic, consumed);
        String rekeyed = asked.setting("rekeyed", "none").word();
        return rekeyed.equals(topic) || rekeyed.equals("all")
                ? stream.groupBy((key, value) -> value.substring(0, 1), Grouped.with("by-letter-" + topic, Program.TEXT, Program.TEXT))
                : stream.groupByKey(Grouped.with(Program.TEXT, Program.TEXT));
    }

    private static Aggregator<String, String, String> adds(String sign) {
        return (key, value, aggregate) -> "delete".equals(value) ? null : text(aggregate) + sign + text(value);
    }

    private static String text(String value) {
        return value == null ? "-" : value;
    }
}
