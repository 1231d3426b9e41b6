package dev.godwit.perf.report;

import java.util.Locale;

/** Writes elements of HTML and SVG, well-formed as XML, so that nothing that is measured can break a page. */
public final class Markup {
    private final StringBuilder text = new StringBuilder();

    /** An element with text alone. */
    public Markup element(String name, String content, Object... attributes) {
        return open(name, attributes).text(content).close(name);
    }

    /** An element without content. */
    public Markup empty(String name, Object... attributes) {
        start(name, attributes);
        text.append("/>\n");
        return this;
    }

    /** The start of an element; attributes are names and values in turns, numbers with two digits behind the point. */
    public Markup open(String name, Object... attributes) {
        start(name, attributes);
        text.append('>');
        return this;
    }

    public Markup close(String name) {
        text.append("</").append(name).append(">\n");
        return this;
    }

    /** Text, escaped. */
    public Markup text(String content) {
        text.append(escaped(content));
        return this;
    }

    /** What another wrote. */
    public Markup add(Markup other) {
        text.append(other.text);
        return this;
    }

    /** What is markup already. */
    Markup raw(String markup) {
        text.append(markup);
        return this;
    }

    private void start(String name, Object... attributes) {
        if (attributes.length % 2 != 0) {
            throw new IllegalArgumentException("attribute " + attributes[attributes.length - 1] + " has no value");
        }
        text.append('<').append(name);
        for (int i = 0; i < attributes.length; i += 2) {
            text.append(' ')
                    .append(attributes[i])
                    .append("=\"")
                    .append(escaped(value(attributes[i + 1])))
                    .append('"');
        }
    }

    private static String value(Object value) {
        return value instanceof Double d ? String.format(Locale.ROOT, "%.2f", d) : String.valueOf(value);
    }

    private static String escaped(String content) {
        StringBuilder out = new StringBuilder(content.length());
        content.codePoints().forEach(c -> {
            switch (c) {
                case '&' -> out.append("&amp;");
                case '<' -> out.append("&lt;");
                case '>' -> out.append("&gt;");
                case '"' -> out.append("&quot;");
                default -> out.appendCodePoint(c >= ' ' || c == '\n' || c == '\t' ? c : '�');
            }
        });
        return out.toString();
    }

    @Override
    public String toString() {
        return text.toString();
    }
}
