package reference;

/** Functions whose results show what was added, and in which order. */
final class Aggregates {
    /** An input value for which the functions answer null. */
    private static final String DELETE = "delete";

    private Aggregates() {}

    static String start() {
        return "0";
    }

    static String add(String key, String value, String aggregate) {
        return DELETE.equals(value) ? null : text(aggregate) + "+" + text(value);
    }

    static String subtract(String key, String value, String aggregate) {
        return text(aggregate) + "-" + text(value);
    }

    static String reduce(String aggregate, String value) {
        return add(null, value, aggregate);
    }

    static String unreduce(String aggregate, String value) {
        return subtract(null, value, aggregate);
    }

    static String merge(String key, String first, String second) {
        return "(" + text(first) + "|" + text(second) + ")";
    }

    private static String text(String value) {
        return value == null ? "-" : value;
    }
}
