package bench;

import com.fasterxml.jackson.annotation.JsonProperty;
import java.time.Duration;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.common.utils.Bytes;
import org.apache.kafka.streams.KeyValue;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.kstream.Produced;
import org.apache.kafka.streams.kstream.TimeWindows;
import org.apache.kafka.streams.state.WindowStore;

/** Page views per minute: JSON views, by the time that stands in them, to JSON counts of each page and window. */
public final class PageViews {
    record PageView(@JsonProperty("user_id") String userId, String page, long timestamp) {}

    record PageViewCount(
            String page,
            long count,
            @JsonProperty("window_start") long windowStart,
            @JsonProperty("window_end") long windowEnd) {}

    private PageViews() {}

    static Topology topology(String input, String output) {
        var strings = Serdes.String();
        var views = Consumed.with(strings, Json.serde(PageView.class))
                .withTimestampExtractor((view, partitionTime) -> ((PageView) view.value()).timestamp());
        var builder = new StreamsBuilder();
        builder.stream(input, views)
                .groupByKey()
                .windowedBy(TimeWindows.ofSizeWithNoGrace(Duration.ofMinutes(1)))
                .count(Materialized.<String, Long, WindowStore<Bytes, byte[]>>as("page-view-counts-store"))
                .toStream()
                .map((page, count) -> KeyValue.pair(
                        page.key(),
                        new PageViewCount(page.key(), count, page.window().start(), page.window().end())))
                .to(output, Produced.with(strings, Json.serde(PageViewCount.class)));
        return builder.build();
    }

    public static void main(String[] args) {
        Application.run("page-views", args, PageViews::topology);
    }
}
