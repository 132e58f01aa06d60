package reference;

import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.kstream.ValueTransformerWithKeySupplier;
import org.apache.kafka.streams.processor.ProcessorContext;

/** Settings "materialized", "deletions" and "then": the table of topic "in", each row with the number of times that its transformer was asked. */
final class TransformValues {
    private TransformValues() {}

    static KTable<String, String> table(Case asked, StreamsBuilder builder, Consumed<String, String> consumed) {
        boolean deletes = asked.setting("deletions", "pass").word().equals("pass");
        KTable<String, String> rows = builder.table("in", consumed);
        ValueTransformerWithKeySupplier<String, String, String> supplier = () -> new Counting(deletes);
        KTable<String, String> transformed = asked.setting("materialized", "no").word().equals("yes")
                ? rows.transformValues(supplier, Stores.kept(asked, Program.TEXT))
                : rows.transformValues(supplier);
        return new Joins(asked, builder, consumed).then(transformed);
    }

    private static final class Counting implements ValueTransformerWithKey<String, String, String> {
        private final boolean deletes;
        private int asked;

        Counting(boolean deletes) {
            this.deletes = deletes;
        }

        @Override
        public void init(ProcessorContext context) {}

        @Override
        public String transform(String key, String value) {
            asked++;
            if (value == null) {
                return deletes ? null : "none#" + asked;
            }
            return value + "#" + asked;
        }

        @Override
        public void close() {}
    }
}
