package bench;

import java.time.Duration;
import java.util.Arrays;
import java.util.Map;
import java.util.function.BiFunction;
import org.apache.kafka.common.serialization.Serde;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.JoinWindows;
import org.apache.kafka.streams.kstream.Joined;
import org.apache.kafka.streams.kstream.KStream;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.StreamJoined;

/**
 * Four joins of two topics of text, the second of which is named as the first with "-right" behind; the first argument says which join.
 * benches/src/bin/joining.rs is the counterpart.
 */
public final class Joining {
    private static final Serde<String> STRINGS = Serdes.String();
    private static final Duration WINDOW = Duration.ofSeconds(10);
    private static final Duration GRACE = Duration.ofMinutes(10);
    private static final Map<String, BiFunction<String, String, Topology>> JOINS = Map.of(
            "stream-stream", Joining::streamStream,
            "stream-table", Joining::streamTable,
            "table-table", Joining::tableTable,
            "foreign-key", Joining::foreignKey);

    private Joining() {}

    static Topology streamStream(String input, String output) {
        var builder = new StreamsBuilder();
        KStream<String, String> right = builder.stream(right(input), texts());
        builder.stream(input, texts())
                .join(
                        right,
                        Joining::joined,
                        JoinWindows.ofTimeDifferenceAndGrace(WINDOW, GRACE),
                        StreamJoined.with(STRINGS, STRINGS, STRINGS))
                .to(output, Produced.with(STRINGS, STRINGS));
        return builder.build();
    }

    static Topology streamTable(String input, String output) {
        var builder = new StreamsBuilder();
        KTable<String, String> table = builder.table(right(input), texts());
        builder.stream(input, texts())
                .join(table, Joining::joined, Joined.with(STRINGS, STRINGS, STRINGS))
                .to(output, Produced.with(STRINGS, STRINGS));
        return builder.build();
    }

    static Topology tableTable(String input, String output) {
        var builder = new StreamsBuilder();
        KTable<String, String> right = builder.table(right(input), texts());
        builder.table(input, texts())
                .join(right, Joining::joined)
                .toStream()
                .to(output, Produced.with(STRINGS, STRINGS));
        return builder.build();
    }

    /** The first word of a row is the key of the other one. */
    static Topology foreignKey(String input, String output) {
        var builder = new StreamsBuilder();
        KTable<String, String> right = builder.table(right(input), texts());
        builder.table(input, texts())
                .join(right, row -> row.substring(0, row.indexOf(' ')), Joining::joined)
                .toStream()
                .to(output, Produced.with(STRINGS, STRINGS));
        return builder.build();
    }

    private static String right(String input) {
        return input + "-right";
    }

    private static Consumed<String, String> texts() {
        return Consumed.with(STRINGS, STRINGS);
    }

    private static String joined(String left, String right) {
        return left + "+" + right;
    }

    public static void main(String[] args) {
        var topology = args.length == 0 ? null : JOINS.get(args[0]);
        if (topology == null) {
            System.err.println("usage: joining JOIN [OPTIONS]; joins: " + String.join(", ", JOINS.keySet()));
            System.exit(2);
        }
        Application.run(args[0], Arrays.copyOfRange(args, 1, args.length), topology);
    }
}
