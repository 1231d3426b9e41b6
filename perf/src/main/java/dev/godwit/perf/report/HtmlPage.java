package dev.godwit.perf.report;

/** One page that needs nothing else: its style is in it, light or dark as the reader's system is, and no script. */
public final class HtmlPage {
    /** Colours there are for series: classes {@code s0}, {@code s1} … */
    public static final int COLOURS = 6;

    private static final String STYLE = """
        :root { color-scheme: light dark; --back: #ffffff; --text: #1d2430; --soft: #5b6676; --line: #d5dbe3;
          --panel: #f5f7fa; --win: #0a6b3d; --loss: #b3261e;
          --c0: #1f6feb; --c1: #c2570c; --c2: #8250df; --c3: #1a7f37; --c4: #bf3989; --c5: #6e7781; }
        @media (prefers-color-scheme: dark) {
          :root { --back: #12161c; --text: #e4e9f0; --soft: #9aa6b5; --line: #313a47; --panel: #1a2029;
            --win: #4cc38a; --loss: #ff7b72;
            --c0: #58a6ff; --c1: #f0883e; --c2: #bc8cff; --c3: #3fb950; --c4: #f778ba; --c5: #8b949e; } }
        body { background: var(--back); color: var(--text); margin: 2rem auto; max-width: 88rem; padding: 0 1rem;
          font: 15px/1.5 system-ui, sans-serif; }
        h1 { font-size: 1.6rem; } h2 { font-size: 1.25rem; margin-top: 2.5rem; border-top: 1px solid var(--line);
          padding-top: 1rem; } h3 { font-size: 1rem; margin-bottom: .3rem; }
        p.note, figcaption, dt { color: var(--soft); } code { font-size: .9em; overflow-wrap: anywhere; }
        dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; } dd { margin: 0; }
        .wide { overflow-x: auto; }
        table { border-collapse: collapse; font-variant-numeric: tabular-nums; width: 100%; font-size: .9rem; }
        th, td { border-bottom: 1px solid var(--line); padding: .25rem .5rem; text-align: right; white-space: nowrap; }
        th { font-weight: 600; vertical-align: bottom; } th:first-child, td:first-child { text-align: left; }
        .verdict { white-space: normal; min-width: 9rem; } .win { color: var(--win); } .loss { color: var(--loss); font-weight: 600; }
        figure { margin: .5rem 0; background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
          padding: .6rem; } figcaption { font-size: .85rem; }
        .grid { display: grid; grid-template-columns: repeat(auto-fill, minmax(23rem, 1fr)); gap: .8rem; }
        svg { width: 100%; height: auto; display: block; } svg text { fill: var(--soft); font: 11px system-ui, sans-serif; }
        .axis { stroke: var(--line); fill: none; } .mark { stroke: var(--soft); stroke-dasharray: 1 3; fill: none; }
        .band { fill: var(--line); } .band.odd { fill: var(--soft); opacity: .45; }
        .s0, .s1, .s2, .s3, .s4, .s5 { fill: none; stroke-width: 1.8; stroke-linejoin: round; }
        .s0 { stroke: var(--c0); } .s1 { stroke: var(--c1); } .s2 { stroke: var(--c2); } .s3 { stroke: var(--c3); }
        .s4 { stroke: var(--c4); } .s5 { stroke: var(--c5); } .second { stroke-dasharray: 5 3; stroke-width: 1.3; }
        """;

    private HtmlPage() {}

    /** A page with this title and body. */
    public static String of(String title, Markup body) {
        return new Markup()
                .raw("<!DOCTYPE html>\n")
                .open("html", "lang", "en", "xmlns", "http://www.w3.org/1999/xhtml")
                .open("head")
                .empty("meta", "charset", "utf-8")
                .empty("meta", "name", "viewport", "content", "width=device-width, initial-scale=1")
                .element("title", title)
                .open("style")
                .raw(STYLE)
                .close("style")
                .close("head")
                .open("body")
                .add(body)
                .close("body")
                .close("html")
                .toString();
    }

    /** The class of a series' colour. */
    public static String colour(int series) {
        return "s" + series % COLOURS;
    }
}
