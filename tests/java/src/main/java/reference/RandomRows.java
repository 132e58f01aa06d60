package reference;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;

/** Rows from a seed: times advance from 0 to {@code end}, each moved back or forth by up to {@code jitter}. */
final class RandomRows {
    private static final int NULL_VALUE_EVERY = 25;

    private RandomRows() {}

    static List<String> of(Case.Setting setting) {
        Random random = new Random(setting.number("seed"));
        int rows = (int) setting.number("rows");
        int keys = (int) setting.number("keys");
        int jitter = (int) setting.number("jitter");
        List<String> answer = new ArrayList<>();
        for (int i = 0; i < rows; i++) {
            char key = (char) ('a' + random.nextInt(keys));
            long even = setting.number("end") * i / rows;
            long timestamp = Math.max(0, even + random.nextInt(2 * jitter + 1) - jitter);
            String value = random.nextInt(NULL_VALUE_EVERY) == 0 ? "-" : String.valueOf(i);
            answer.add(key + " " + value + " " + timestamp);
        }
        return answer;
    }
}
