package reference;

import java.time.Duration;
import java.time.Instant;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.kstream.EmitStrategy;
import org.apache.kafka.streams.kstream.KGroupedStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.SessionWindowedKStream;
import org.apache.kafka.streams.kstream.SessionWindows;
import org.apache.kafka.streams.kstream.SlidingWindows;
import org.apache.kafka.streams.kstream.TimeWindowedKStream;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.kstream.UnlimitedWindows;
import org.apache.kafka.streams.kstream.Windowed;
import org.apache.kafka.streams.processor.StateStore;

/** Settings "window", "aggregate" and "emit". */
final class WindowAggregate {
    private WindowAggregate() {}

    static KTable<Windowed<String>, ?> of(Case asked, KGroupedStream<String, String> grouped) {
        Case.Setting window = asked.setting("window");
        return switch (window.word()) {
            case "tumbling" -> time(asked, grouped.windowedBy(tumbling(window)));
            case "hopping" -> time(asked, grouped.windowedBy(tumbling(window).advanceBy(length(window, "advance"))));
            case "unlimited" -> time(asked,
                    grouped.windowedBy(UnlimitedWindows.of().startOn(Instant.ofEpochMilli(window.number("start")))));
            case "sliding" -> time(asked, grouped.windowedBy(
                    SlidingWindows.ofTimeDifferenceAndGrace(length(window, "difference"), length(window, "grace"))));
            case "session" -> session(asked, grouped.windowedBy(
                    SessionWindows.ofInactivityGapAndGrace(length(window, "gap"), length(window, "grace"))));
            default -> throw new IllegalArgumentException("unknown window " + window.word());
        };
    }

    static TimeWindows tumbling(Case.Setting window) {
        return TimeWindows.ofSizeAndGrace(length(window, "size"), length(window, "grace"));
    }

    static Duration length(Case.Setting window, String option) {
        return Duration.ofMillis(window.number(option));
    }

    private static KTable<Windowed<String>, ?> time(Case asked, TimeWindowedKStream<String, String> any) {
        TimeWindowedKStream<String, String> windowed = emitsOnClose(asked) ? any.emitStrategy(EmitStrategy.onWindowClose()) : any;
        return switch (asked.setting("aggregate").word()) {
            case "count" -> windowed.count(kept(asked, Serdes.Long()));
            case "reduce" -> windowed.reduce(Aggregates::reduce, kept(asked, Program.TEXT));
            case "aggregate" -> windowed.aggregate(Aggregates::start, Aggregates::add, kept(asked, Program.TEXT));
            default -> throw new IllegalArgumentException("unknown aggregate " + asked.setting("aggregate").word());
        };
    }

    private static KTable<Windowed<String>, ?> session(Case asked, SessionWindowedKStream<String, String> any) {
        SessionWindowedKStream<String, String> windowed = emitsOnClose(asked) ? any.emitStrategy(EmitStrategy.onWindowClose()) : any;
        return switch (asked.setting("aggregate").word()) {
            case "count" -> windowed.count(kept(asked, Serdes.Long()));
            case "reduce" -> windowed.reduce(Aggregates::reduce, kept(asked, Program.TEXT));
            case "aggregate" -> windowed.aggregate(
                    Aggregates::start, Aggregates::add, Aggregates::merge, kept(asked, Program.TEXT));
            default -> throw new IllegalArgumentException("unknown aggregate " + asked.setting("aggregate").word());
        };
    }

    private static boolean emitsOnClose(Case asked) {
        return asked.setting("emit", "update").word().equals("close");
    }

    private static <V, S extends StateStore> Materialized<String, V, S> kept(Case asked, Serde<V> values) {
        return Stores.kept(asked, values);
    }
}
