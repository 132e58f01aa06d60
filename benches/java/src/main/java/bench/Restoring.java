package bench;

import com.sun.management.OperatingSystemMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.Serdes;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StoreQueryParameters;
import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.Grouped;
import org.apache.kafka.streams.kstream.Materialized;
import org.apache.kafka.streams.processor.StateRestoreListener;
import org.apache.kafka.streams.state.QueryableStoreTypes;

/**
 * A count by key, without input: it restores. Once it runs it prints "restored" and what that took; for each line that it reads then, what its store
 * holds. benches/src/bin/restoring.rs is the counterpart.
 */
public final class Restoring implements Application.Observer, StateRestoreListener {
    private static final OperatingSystemMXBean SYSTEM =
            (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();

    private final AtomicLong restored = new AtomicLong();
    private KafkaStreams streams;
    private boolean started;
    private long startNanos;
    private long startCpuNanos;

    static Topology topology(String input, String output) {
        var strings = Serdes.String();
        var builder = new StreamsBuilder();
        builder.stream(input, Consumed.with(strings, strings))
                .groupByKey(Grouped.with(strings, strings))
                .count(Materialized.as("counts"));
        return builder.build();
    }

    @Override
    public void starting(KafkaStreams instance) {
        streams = instance;
        streams.setGlobalStateRestoreListener(this);
        Thread asked = new Thread(this::answer, "asked");
        asked.setDaemon(true);
        asked.start();
    }

    @Override
    public synchronized void onRestoreStart(TopicPartition partition, String store, long from, long end) {
        if (!started) {
            started = true;
            startNanos = System.nanoTime();
            startCpuNanos = SYSTEM.getProcessCpuTime();
        }
    }

    @Override
    public void onBatchRestored(TopicPartition partition, String store, long end, long count) {}

    @Override
    public void onRestoreEnd(TopicPartition partition, String store, long total) {
        restored.addAndGet(total);
    }

    @Override
    public synchronized void state(KafkaStreams.State state) {
        if (state != KafkaStreams.State.RUNNING || !started) {
            return;
        }
        long nanos = System.nanoTime() - startNanos;
        long cpu = SYSTEM.getProcessCpuTime();
        System.out.printf("restored %d records, ms: %d, CPU ms: %d, CPU ms since the process began: %d%n",
                restored.get(), nanos / 1_000_000, (cpu - startCpuNanos) / 1_000_000, cpu / 1_000_000);
    }

    private void answer() {
        try {
            while (System.in.read() >= 0) {
                var store = streams.store(
                        StoreQueryParameters.fromNameAndType("counts", QueryableStoreTypes.<String, Long>keyValueStore()));
                long rows = 0;
                long sum = 0;
                try (var all = store.all()) {
                    while (all.hasNext()) {
                        var row = all.next();
                        rows++;
                        sum += Long.parseLong(row.key, "customer-".length(), row.key.length(), 10) * row.value;
                    }
                }
                System.out.printf("holds %d rows, sum %d%n", rows, sum);
            }
        } catch (IOException error) {
            error.printStackTrace();
        }
    }

    public static void main(String[] args) {
        Application.run("restoring", args, Restoring::topology, new Restoring());
    }
}
