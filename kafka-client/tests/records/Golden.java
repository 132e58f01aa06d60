import java.io.File;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.CompressionType;
import org.apache.kafka.common.record.internal.ControlRecordType;
import org.apache.kafka.common.record.internal.EndTransactionMarker;
import org.apache.kafka.common.record.internal.MemoryRecords;
import org.apache.kafka.common.record.internal.MemoryRecordsBuilder;
import org.apache.kafka.common.record.internal.Record;
import org.apache.kafka.common.record.internal.RecordBatch;

/**
 * Writes the golden files beside it with Kafka's own library, and checks batches that the Rust code wrote. With the jars of Kafka 4.3.1
 * on the class path:
 *
 *   java Golden.java write DIRECTORY     the golden files
 *   java Golden.java check FILE...       each file must hold one valid batch with the golden records
 */
public class Golden {
    static final int RECORDS = 300;

    public static void main(String[] arguments) throws Exception {
        if (arguments[0].equals("write")) {
            write(Path.of(arguments[1]));
        } else {
            for (int i = 1; i < arguments.length; i++) check(new File(arguments[i]));
        }
    }

    static long timestamp(int i) {
        return 1_700_000_000_000L + (i * 37 % 101) - 50 * (i % 3);
    }

    static byte[] key(int i) {
        return i % 7 == 0 ? null : ("key-" + i % 50).getBytes();
    }

    static byte[] value(int i) {
        return i % 11 == 0 ? null : ("value " + i + " of the golden records, ").repeat(i % 5).getBytes();
    }

    static Header[] headers(int i) {
        if (i % 10 != 0) return new Header[0];
        return new Header[] {new RecordHeader("h", ("x" + i).getBytes()), new RecordHeader("null", (byte[]) null)};
    }

    static void append(MemoryRecordsBuilder builder, int from, int to) {
        for (int i = from; i < to; i++) builder.append(timestamp(i), key(i), value(i), headers(i));
        builder.close();
    }

    static MemoryRecordsBuilder builder(ByteBuffer buffer, CompressionType type, TimestampType time, long offset, long producer) {
        short epoch = (short) (producer < 0 ? -1 : 3);
        return MemoryRecords.builder(buffer, RecordBatch.MAGIC_VALUE_V2, Compression.of(type).build(), time, offset,
            1_800_000_000_000L, producer, epoch, producer < 0 ? -1 : 0, producer >= 0, 9);
    }

    static void save(Path file, ByteBuffer buffer) throws Exception {
        buffer.flip();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        Files.write(file, bytes);
    }

    static void write(Path directory) throws Exception {
        for (CompressionType type : CompressionType.values()) {
            ByteBuffer buffer = ByteBuffer.allocate(1 << 20);
            append(builder(buffer, type, TimestampType.CREATE_TIME, 1000, -1), 0, RECORDS);
            save(directory.resolve(type.name + ".bin"), buffer);
        }
        ByteBuffer appended = ByteBuffer.allocate(1 << 20);
        append(builder(appended, CompressionType.LZ4, TimestampType.LOG_APPEND_TIME, 1000, -1), 0, RECORDS);
        save(directory.resolve("log_append_time.bin"), appended);

        // Producer 1 aborts records 0 to 9 and then writes 30 to 39; producer 2 commits 10 to 19; 20 to 29 have no transaction.
        ByteBuffer transactions = ByteBuffer.allocate(1 << 20);
        append(builder(transactions, CompressionType.NONE, TimestampType.CREATE_TIME, 0, 1), 0, 10);
        append(builder(transactions, CompressionType.ZSTD, TimestampType.CREATE_TIME, 10, 2), 10, 20);
        append(builder(transactions, CompressionType.NONE, TimestampType.CREATE_TIME, 20, -1), 20, 30);
        marker(transactions, 30, 1, ControlRecordType.ABORT);
        marker(transactions, 31, 2, ControlRecordType.COMMIT);
        append(builder(transactions, CompressionType.NONE, TimestampType.CREATE_TIME, 32, 1), 30, 40);
        marker(transactions, 42, 1, ControlRecordType.COMMIT);
        save(directory.resolve("transactions.bin"), transactions);
    }

    static void marker(ByteBuffer buffer, long offset, long producer, ControlRecordType type) {
        MemoryRecords.writeEndTransactionalMarker(buffer, offset, 5, 9, producer, (short) 3, new EndTransactionMarker(type, 1));
    }

    static void check(File file) throws Exception {
        MemoryRecords records = MemoryRecords.readableRecords(ByteBuffer.wrap(Files.readAllBytes(file.toPath())));
        int i = 0;
        String compression = "";
        for (RecordBatch batch : records.batches()) {
            batch.ensureValid();
            compression = batch.compressionType().name;
            for (Record record : batch) {
                boolean same = record.timestamp() == timestamp(i) && record.offset() == i
                    && java.util.Objects.equals(record.hasKey() ? ByteBuffer.wrap(key(i)) : null, record.key())
                    && java.util.Objects.equals(record.hasValue() ? ByteBuffer.wrap(value(i)) : null, record.value())
                    && record.hasKey() == (key(i) != null) && record.hasValue() == (value(i) != null)
                    && java.util.Arrays.equals(record.headers(), headers(i));
                if (!same) throw new IllegalStateException(file + ": record " + i + " is " + record);
                i++;
            }
        }
        if (i != RECORDS) throw new IllegalStateException(file + " has " + i + " records");
        System.out.println(file.getName() + ": " + i + " records, " + compression);
    }
}
