package bench;

import java.time.Duration;
import java.util.HashMap;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.function.BiFunction;
import org.apache.kafka.streams.CloseOptions;
import org.apache.kafka.streams.CloseOptions.GroupMembershipOperation;
import org.apache.kafka.streams.KafkaStreams;
import org.apache.kafka.streams.StreamsConfig;
import org.apache.kafka.streams.Topology;
import org.apache.kafka.streams.errors.StreamsUncaughtExceptionHandler.StreamThreadExceptionResponse;

/** Runs a topology with Kafka Streams' defaults until SIGTERM or SIGINT. */
final class Application {
    private static final Set<String> OPTIONS =
            Set.of("--bootstrap-servers", "--application-id", "--input", "--output", "--state-dir");
    private static final Duration CLOSE_LIMIT = Duration.ofSeconds(60);

    private Application() {}

    /** Sees more of an instance than its output. */
    interface Observer {
        /** Called once, before the instance starts. */
        default void starting(KafkaStreams streams) {}

        default void state(KafkaStreams.State state) {}
    }

    /** @param topology makes the topology from the names of the input and the output topic */
    static void run(String program, String[] args, BiFunction<String, String, Topology> topology) {
        run(program, args, topology, new Observer() {});
    }

    static void run(String program, String[] args, BiFunction<String, String, Topology> topology, Observer observer) {
        Map<String, String> options = new HashMap<>();
        Properties settings = new Properties();
        try {
            parse(args, options, settings);
        } catch (IllegalArgumentException error) {
            System.err.println(program + ": " + error.getMessage());
            System.err.println("usage: " + program + " --bootstrap-servers HOST:PORT --application-id ID --input TOPIC"
                    + " --output TOPIC --state-dir DIR [--set KEY=VALUE]...");
            System.exit(2);
        }
        settings.putIfAbsent(StreamsConfig.BOOTSTRAP_SERVERS_CONFIG, options.get("--bootstrap-servers"));
        settings.putIfAbsent(StreamsConfig.APPLICATION_ID_CONFIG, options.get("--application-id"));
        settings.putIfAbsent(StreamsConfig.STATE_DIR_CONFIG, options.get("--state-dir"));
        Topology built = topology.apply(options.get("--input"), options.get("--output"));
        runUntilStopped(new KafkaStreams(built, settings), observer);
    }

    private static void parse(String[] args, Map<String, String> options, Properties settings) {
        for (int i = 0; i < args.length; i += 2) {
            if (i + 1 == args.length) {
                throw new IllegalArgumentException("no value after " + args[i]);
            }
            String option = args[i];
            String value = args[i + 1];
            if (OPTIONS.contains(option)) {
                options.put(option, value);
            } else if (option.equals("--set") && value.indexOf('=') > 0) {
                settings.put(value.substring(0, value.indexOf('=')), value.substring(value.indexOf('=') + 1));
            } else {
                throw new IllegalArgumentException("unknown option: " + option + " " + value);
            }
        }
        for (String option : OPTIONS) {
            if (!options.containsKey(option)) {
                throw new IllegalArgumentException("missing: " + option);
            }
        }
    }

    private static void runUntilStopped(KafkaStreams streams, Observer observer) {
        CountDownLatch failed = new CountDownLatch(1);
        streams.setUncaughtExceptionHandler(error -> {
            error.printStackTrace();
            failed.countDown();
            return StreamThreadExceptionResponse.SHUTDOWN_CLIENT;
        });
        // The harness waits for the line "state RUNNING".
        streams.setStateListener((now, before) -> {
            System.out.println("state " + now);
            observer.state(now);
            if (now == KafkaStreams.State.ERROR) {
                failed.countDown();
            }
        });
        Thread stop = new Thread(() -> stop(streams), "stop");
        Runtime.getRuntime().addShutdownHook(stop);
        observer.starting(streams);
        streams.start();
        try {
            failed.await();
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        Runtime.getRuntime().removeShutdownHook(stop);
        streams.close(CLOSE_LIMIT);
        System.exit(1);
    }

    /** Leaves the group, so that the next run need not wait for this member's session to time out. */
    private static void stop(KafkaStreams streams) {
        boolean closed = streams.close(CloseOptions.timeout(CLOSE_LIMIT)
                .withGroupMembershipOperation(GroupMembershipOperation.LEAVE_GROUP));
        System.out.flush();
        // A JVM that a signal ends reports 143 even after a clean close.
        Runtime.getRuntime().halt(closed ? 0 : 1);
    }
}
