package reference;

import java.util.Optional;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.streams.processor.FailOnInvalidTimestamp;
import org.apache.kafka.streams.processor.LogAndSkipOnInvalidTimestamp;
import org.apache.kafka.streams.processor.TimestampExtractor;
import org.apache.kafka.streams.processor.UsePartitionTimeOnInvalidTimestamp;

/** One of Kafka Streams' extractors, shown the row's timestamp. */
final class Timestamps implements TimestampExtractor {
    /** Of the record that is piped next. */
    long next;

    private final TimestampExtractor policy;

    Timestamps(String policy) {
        this.policy = switch (policy) {
            case "fail" -> new FailOnInvalidTimestamp();
            case "log-and-skip" -> new LogAndSkipOnInvalidTimestamp();
            case "use-partition-time" -> new UsePartitionTimeOnInvalidTimestamp();
            default -> throw new IllegalArgumentException("unknown extractor " + policy);
        };
    }

    @Override
    public long extract(ConsumerRecord<Object, Object> record, long partitionTime) {
        return policy.extract(
                new ConsumerRecord<>(
                        record.topic(),
                        record.partition(),
                        record.offset(),
                        next,
                        record.timestampType(),
                        record.serializedKeySize(),
                        record.serializedValueSize(),
                        record.key(),
                        record.value(),
                        record.headers(),
                        Optional.empty()),
                partitionTime);
    }
}
