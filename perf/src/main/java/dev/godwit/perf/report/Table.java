package dev.godwit.perf.report;

import java.io.PrintWriter;
import java.util.ArrayList;
import java.util.List;

/** Rows of text under headings. Columns that hold figures are aligned to the right. */
public final class Table {
    private static final String FIGURE = "[-+]?[0-9].*";

    private final List<String[]> rows = new ArrayList<>();
    private final String[] headings;

    public Table(String... headings) {
        this.headings = headings.clone();
    }

    /** Adds a row; as many cells as there are headings. */
    public Table row(String... cells) {
        if (cells.length != headings.length) {
            throw new IllegalArgumentException(cells.length + " cells under " + headings.length + " headings");
        }
        rows.add(cells.clone());
        return this;
    }

    public void print(PrintWriter out) {
        int[] widths = new int[headings.length];
        boolean[] right = new boolean[headings.length];
        for (int i = 0; i < headings.length; i++) {
            int column = i;
            widths[i] = Math.max(
                    headings[i].length(),
                    rows.stream().mapToInt(r -> r[column].length()).max().orElse(0));
            right[i] = i > 0
                    && !rows.isEmpty()
                    && rows.stream().allMatch(r -> r[column].matches(FIGURE) || r[column].isEmpty());
        }
        print(out, headings, widths, right);
        rows.forEach(row -> print(out, row, widths, right));
        out.flush();
    }

    private static void print(PrintWriter out, String[] cells, int[] widths, boolean[] right) {
        StringBuilder line = new StringBuilder();
        for (int i = 0; i < cells.length; i++) {
            int gap = widths[i] - cells[i].length();
            line.repeat(' ', right[i] ? gap : 0).append(cells[i]).repeat(' ', (right[i] ? 0 : gap) + 2);
        }
        out.println(line.toString().stripTrailing());
    }
}
