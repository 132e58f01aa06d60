import java.time.Duration;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Future;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/**
 * Kafka's own clients, as the tests want them:
 *
 *   java Peer.java write SERVERS TOPIC COMPRESSION...      writes to one partition per compression, and prints what it wrote
 *   java Peer.java read SERVERS TOPIC COUNT ISOLATION      prints what it reads of so many partitions
 *
 * One line per record: "committed" or "aborted" (when written), partition, offset, timestamp, key, value, headers; bytes in hexadecimal,
 * null as "-".
 */
public class Peer {
    static final int PLAIN = 400;
    static final int TRANSACTIONS = 12;
    static final int IN_TRANSACTION = 40;

    public static void main(String[] arguments) throws Exception {
        String servers = arguments[1];
        String topic = arguments[2];
        if (arguments[0].equals("write")) {
            for (int i = 3; i < arguments.length; i++) write(servers, topic, i - 3, arguments[i]);
        } else {
            read(servers, topic, Integer.parseInt(arguments[3]), arguments[4]);
        }
    }

    static KafkaProducer<byte[], byte[]> producer(String servers, String compression, boolean transactional) {
        Map<String, Object> config = new java.util.HashMap<>(Map.of("bootstrap.servers", servers, "compression.type", compression,
            "linger.ms", "5", "batch.size", "4000"));
        if (transactional) config.put("transactional.id", "interop-" + System.nanoTime());
        return new KafkaProducer<>(config, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static ProducerRecord<byte[], byte[]> record(String topic, int partition, int i) {
        byte[] key = i % 7 == 0 ? null : i % 13 == 0 ? new byte[0] : ("key-" + i % 50).getBytes();
        byte[] value = i % 11 == 0 ? null : ("value " + i + " of the records of Java, ").repeat(i % 5).getBytes();
        List<Header> headers = new ArrayList<>();
        if (i % 5 == 0) headers.add(new RecordHeader("number", ("x" + i).getBytes()));
        if (i % 10 == 0) headers.add(new RecordHeader("null", (byte[]) null));
        if (i % 15 == 0) headers.add(new RecordHeader("", new byte[0]));
        if (i % 20 == 0) headers.add(new RecordHeader("number", new byte[] {0, -1}));
        long timestamp = i % 17 == 0 ? 0 : 1_700_000_000_000L + (i * 37 % 101) - 50 * (i % 3);
        return new ProducerRecord<>(topic, partition, timestamp, key, value, headers);
    }

    static void write(String servers, String topic, int partition, String compression) throws Exception {
        try (KafkaProducer<byte[], byte[]> plain = producer(servers, compression, false);
                KafkaProducer<byte[], byte[]> transactional = producer(servers, compression, true)) {
            transactional.initTransactions();
            send(plain, topic, partition, 0, PLAIN, "committed");
            for (int i = 0; i < TRANSACTIONS; i++) {
                boolean commit = i % 3 != 1;
                transactional.beginTransaction();
                send(transactional, topic, partition, PLAIN + i * IN_TRANSACTION, IN_TRANSACTION, commit ? "committed" : "aborted");
                if (i % 4 == 0) send(plain, topic, partition, 10_000 + i, 3, "committed");
                if (commit) transactional.commitTransaction(); else transactional.abortTransaction();
            }
            send(plain, topic, partition, 20_000, 50, "committed");
        }
    }

    static void send(KafkaProducer<byte[], byte[]> producer, String topic, int partition, int from, int count, String fate)
            throws Exception {
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        for (int i = from; i < from + count; i++) sent.add(producer.send(record(topic, partition, i)));
        producer.flush();
        for (int i = from; i < from + count; i++) {
            ProducerRecord<byte[], byte[]> record = record(topic, partition, i);
            print(fate, partition, sent.get(i - from).get().offset(), record.timestamp(), record.key(), record.value(),
                record.headers());
        }
    }

    static void read(String servers, String topic, int count, String isolation) {
        Map<String, Object> config = Map.of("bootstrap.servers", servers, "isolation.level", isolation);
        try (KafkaConsumer<byte[], byte[]> consumer =
                new KafkaConsumer<>(config, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> partitions = new ArrayList<>();
            for (int i = 0; i < count; i++) partitions.add(new TopicPartition(topic, i));
            consumer.assign(partitions);
            consumer.seekToBeginning(partitions);
            Map<TopicPartition, Long> ends = consumer.endOffsets(partitions);
            long deadline = System.nanoTime() + 60_000_000_000L;
            while (partitions.stream().anyMatch(partition -> consumer.position(partition) < ends.get(partition))) {
                if (System.nanoTime() > deadline) throw new IllegalStateException("the end is not reached: " + ends);
                for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                    print("committed", record.partition(), record.offset(), record.timestamp(), record.key(), record.value(),
                        record.headers());
                }
            }
        }
    }

    static void print(String fate, int partition, long offset, long timestamp, byte[] key, byte[] value, Iterable<Header> headers) {
        StringBuilder line = new StringBuilder(fate);
        line.append(' ').append(partition).append(' ').append(offset).append(' ').append(timestamp);
        line.append(' ').append(hex(key)).append(' ').append(hex(value));
        for (Header header : headers) line.append(' ').append(hex(header.key().getBytes())).append('=').append(hex(header.value()));
        System.out.println(line);
    }

    static String hex(byte[] bytes) {
        return bytes == null ? "-" : "x" + HexFormat.of().formatHex(bytes);
    }
}
