package reference;

import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.streams.TestOutputTopic;
import org.apache.kafka.streams.TopologyTestDriver;
import org.apache.kafka.streams.test.TestRecord;

/** The bytes in the internal topics of an application. */
final class Wire {
    private final String prefix;
    private final TopologyTestDriver driver;
    private final Map<String, TestOutputTopic<byte[], byte[]>> topics = new TreeMap<>();

    Wire(String application, TopologyTestDriver driver) {
        this.prefix = application + "-";
        this.driver = driver;
    }

    /** What was written since the last call, by topic: "wrote topic key value timestamp header=text...", in hexadecimal digits. */
    List<String> written() {
        for (String name : new TreeSet<>(driver.producedTopicNames())) {
            if (name.startsWith(prefix)) {
                topics.computeIfAbsent(
                        name, topic -> driver.createOutputTopic(topic, new ByteArrayDeserializer(), new ByteArrayDeserializer()));
            }
        }
        List<String> written = new ArrayList<>();
        topics.forEach((name, topic) -> topic.readRecordsToList()
                .forEach(record -> written.add("wrote " + name.substring(prefix.length()) + " " + text(record))));
        return written;
    }

    private static String text(TestRecord<byte[], byte[]> record) {
        StringBuilder text = new StringBuilder(hex(record.key()) + " " + hex(record.value()) + " " + record.timestamp());
        for (Header header : record.headers()) {
            text.append(' ').append(header.key()).append('=').append(new String(header.value()));
        }
        return text.toString();
    }

    private static String hex(byte[] bytes) {
        return bytes == null ? "-" : HexFormat.of().formatHex(bytes);
    }
}
