package bench;

import java.util.Locale;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Produced;

/** Filter and map: the values that contain "important", in upper case. */
public final class Filter {
    private Filter() {}

    static Topology topology(String input, String output) {
        var strings = Serdes.String();
        var builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(strings, strings))
                .filter((key, value) -> value.contains("important"))
                .mapValues(value -> value.toUpperCase(Locale.ROOT))
                .to(output, Produced.with(strings, strings));
        return builder.build();
    }

    public static void main(String[] args) {
        Application.run("filter", args, Filter::topology);
    }
}
