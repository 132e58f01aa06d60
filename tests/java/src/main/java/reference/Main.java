package reference;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;

/** Answers case files: writes each one anew with what Kafka Streams itself makes of its rows. */
public final class Main {
    private Main() {}

    /** @param args the folder for state stores, then pairs of a folder of cases and the folder for the answers */
    public static void main(String[] args) throws IOException {
        Path state = Path.of(args[0]);
        boolean failed = false;
        for (int i = 1; i < args.length; i += 2) {
            Path answers = Path.of(args[i + 1]);
            for (Path file : files(Path.of(args[i]))) {
                try {
                    Case asked = Case.read(file);
                    Files.writeString(answers.resolve(file.getFileName()), asked.text(new Run(asked, state).answers()));
                } catch (IllegalArgumentException error) {
                    System.err.println("error: " + file + ": " + error.getMessage());
                    failed = true;
                }
            }
        }
        if (failed) {
            System.exit(2);
        }
    }

    private static List<Path> files(Path folder) throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files.filter(file -> file.toString().endsWith(".case")).sorted().toList();
        }
    }
}
