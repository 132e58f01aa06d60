package reference;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** A case file without its answers: settings, the line "---", rows. The format is described beside the cases. */
final class Case {
    private static final String RULE = "---";
    private static final String ANSWER = "> ";
    private static final Set<String> SETTINGS = Set.of(
            "program", "window", "aggregate", "emit", "cache", "materialized", "suppress", "retention", "store", "java",
            "extractor", "random", "changelog", "join", "left", "right", "then", "name", "wire", "inputs", "rekeyed", "deletions",
            "asks", "optimization");

    final String name;
    private final Map<String, Setting> settings = new LinkedHashMap<>();
    private final List<String> header = new ArrayList<>();
    private final List<String> rows = new ArrayList<>();

    private Case(String name) {
        this.name = name;
    }

    static Case read(Path file) throws IOException {
        Case read = new Case(file.getFileName().toString().replace(".case", ""));
        List<String> lines = Files.readAllLines(file);
        int rule = lines.indexOf(RULE);
        if (rule < 0) {
            throw new IllegalArgumentException("no line " + RULE);
        }
        for (String line : lines.subList(0, rule)) {
            read.header.add(line);
            if (!isComment(line)) {
                String[] parts = line.split(":", 2);
                if (parts.length < 2 || !SETTINGS.contains(parts[0])) {
                    throw new IllegalArgumentException("no setting: " + line);
                }
                read.settings.put(parts[0], Setting.parse(parts[1]));
            }
        }
        if (read.settings.containsKey("random")) {
            read.rows.addAll(RandomRows.of(read.settings.get("random")));
        } else {
            lines.subList(rule + 1, lines.size()).stream()
                    .filter(line -> !line.strip().startsWith(ANSWER))
                    .forEach(read.rows::add);
        }
        return read;
    }

    /** A setting that the file need not have. */
    Setting setting(String name, String byDefault) {
        return settings.getOrDefault(name, Setting.parse(byDefault));
    }

    Setting setting(String name) {
        if (!settings.containsKey(name)) {
            throw new IllegalArgumentException("no setting " + name);
        }
        return settings.get(name);
    }

    List<String> rows() {
        return rows;
    }

    static boolean isComment(String line) {
        return line.isBlank() || line.startsWith("#");
    }

    /** @param answers what follows each row; the first list is what came before any row */
    String text(List<List<String>> answers) {
        StringBuilder text = new StringBuilder();
        header.forEach(line -> text.append(line).append('\n'));
        text.append(RULE).append('\n');
        append(text, answers.get(0));
        for (int i = 0; i < rows.size(); i++) {
            text.append(rows.get(i)).append('\n');
            append(text, answers.get(i + 1));
        }
        return text.toString();
    }

    private static void append(StringBuilder text, List<String> answers) {
        answers.forEach(answer -> text.append("    ").append(ANSWER).append(answer).append('\n'));
    }

    /** A word and options: {@code tumbling size=10 grace=5}. The word may be missing. */
    record Setting(String word, Map<String, String> options) {
        static Setting parse(String text) {
            String word = "";
            Map<String, String> options = new LinkedHashMap<>();
            for (String part : text.strip().split("\\s+")) {
                int equals = part.indexOf('=');
                if (equals < 0) {
                    word = part;
                } else {
                    options.put(part.substring(0, equals), part.substring(equals + 1));
                }
            }
            return new Setting(word, options);
        }

        boolean has(String option) {
            return options.containsKey(option);
        }

        long number(String option) {
            if (!has(option)) {
                throw new IllegalArgumentException("no option " + option + " of " + word);
            }
            return Long.parseLong(options.get(option));
        }
    }
}
