package reference;

import org.apache.kafka.streams.StreamsBuilder;
import org.apache.kafka.streams.kstream.Consumed;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.ValueTransformerWithKey;
import org.apache.kafka.streams.kstream.ValueTransformerWithKeySupplier;
import org.apache.kafka.streams.processor.ProcessorContext;
import org.apache.kafka.streams.state.KeyValueStore;

/**
 * Settings "materialized", "deletions", "asks" and "then": the table of topic "in", each row with the number of times that its transformer was asked, with what the
 * transformer's context says (asks: context), or with the row that it put into a store before (asks: store).
 */
final class TransformValues {
    private static final String SEEN = "seen";

    private TransformValues() {}

    static KTable<String, String> table(Case asked, StreamsBuilder builder, Consumed<String, String> consumed) {
        boolean deletes = asked.setting("deletions", "pass").word().equals("pass");
        KTable<String, String> rows = builder.table("in", consumed);
        String asks = asked.setting("asks", "count").word();
        ValueTransformerWithKeySupplier<String, String, String> supplier = switch (asks) {
            case "context" -> Locating::new;
            case "store" -> Remembering::new;
            default -> () -> new Counting(deletes);
        };
        String[] stores = asks.equals("store") ? new String[] {SEEN} : new String[0];
        if (asks.equals("store")) {
            builder.addStateStore(org.apache.kafka.streams.state.Stores.keyValueStoreBuilder(
                    org.apache.kafka.streams.state.Stores.persistentKeyValueStore(SEEN), Program.TEXT, Program.TEXT));
        }
        KTable<String, String> transformed = asked.setting("materialized", "no").word().equals("yes")
                ? rows.transformValues(supplier, Stores.kept(asked, Program.TEXT), stores)
                : rows.transformValues(supplier, stores);
        return new Joins(asked, builder, consumed).then(transformed);
    }

    /** Each row with where the change comes from. */
    private static final class Locating implements ValueTransformerWithKey<String, String, String> {
        private ProcessorContext context;

        @Override
        public void init(ProcessorContext context) {
            this.context = context;
        }

        @Override
        public String transform(String key, String value) {
            String at = context.topic() + "/" + context.partition() + "/" + context.offset() + "/" + context.timestamp();
            return value == null ? null : value + "@" + at;
        }

        @Override
        public void close() {}
    }

    /** Each row with the one that was put for its key before. */
    private static final class Remembering implements ValueTransformerWithKey<String, String, String> {
        private KeyValueStore<String, String> seen;

        @Override
        public void init(ProcessorContext context) {
            seen = context.getStateStore(SEEN);
        }

        @Override
        public String transform(String key, String value) {
            String before = seen.get(key);
            seen.put(key, value);
            return value == null ? null : value + "<" + before;
        }

        @Override
        public void close() {}
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
