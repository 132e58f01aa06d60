package reference;

import java.time.Duration;
import org.apache.kafka.streams.kstream.KTable;
import org.apache.kafka.streams.kstream.Suppressed;
import org.apache.kafka.streams.kstream.Suppressed.BufferConfig;
import org.apache.kafka.streams.kstream.Suppressed.EagerBufferConfig;
import org.apache.kafka.streams.kstream.Suppressed.StrictBufferConfig;

/** Setting "suppress". */
final class Suppression {
    private Suppression() {}

    // A case asks for window closes only where keys are windowed.
    @SuppressWarnings({"unchecked", "rawtypes"})
    static KTable<?, ?> apply(Case asked, KTable<?, ?> table) {
        Case.Setting suppress = asked.setting("suppress", "none");
        return switch (suppress.word()) {
            case "none" -> table;
            case "until-window-closes" -> table.suppress((Suppressed) Suppressed.untilWindowCloses(strict(suppress)));
            case "until-time-limit" -> table.suppress((Suppressed)
                    Suppressed.untilTimeLimit(Duration.ofMillis(suppress.number("ms")), buffer(suppress)));
            default -> throw new IllegalArgumentException("unknown suppress " + suppress.word());
        };
    }

    private static BufferConfig<?> buffer(Case.Setting suppress) {
        return suppress.options().get("full").equals("emit-early") ? limits(suppress).emitEarlyWhenFull() : strict(suppress);
    }

    private static StrictBufferConfig strict(Case.Setting suppress) {
        return switch (suppress.options().get("full")) {
            case "unbounded" -> BufferConfig.unbounded();
            case "shutdown" -> limits(suppress).shutDownWhenFull();
            default -> throw new IllegalArgumentException("unknown full=" + suppress.options().get("full"));
        };
    }

    private static EagerBufferConfig limits(Case.Setting suppress) {
        if (!suppress.has("max-records")) {
            return BufferConfig.maxBytes(suppress.number("max-bytes"));
        }
        EagerBufferConfig limits = BufferConfig.maxRecords(suppress.number("max-records"));
        return suppress.has("max-bytes") ? limits.withMaxBytes(suppress.number("max-bytes")) : limits;
    }
}
