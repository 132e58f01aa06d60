package bench;

import java.util.Arrays;
import java.util.Locale;
import java.util.regex.Pattern;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;

/** Word count: lines of text to the running count of each word, as text. */
public final class WordCount {
    private static final Pattern NON_WORD = Pattern.compile("\\W+");

    private WordCount() {}

    static Topology topology(String input, String output) {
        var strings = Serdes.String();
        var builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(strings, strings))
                .flatMapValues(line -> Arrays.asList(NON_WORD.split(line.toLowerCase(Locale.ROOT))))
                .filter((key, word) -> !word.isEmpty())
                .groupBy((key, word) -> word, Grouped.with(strings, strings))
                .count(Materialized.as("word-count-store"))
                .toStream()
                .mapValues(count -> Long.toString(count))
                .to(output, Produced.with(strings, strings));
        return builder.build();
    }

    public static void main(String[] args) {
        Application.run("word-count", args, WordCount::topology);
    }
}
