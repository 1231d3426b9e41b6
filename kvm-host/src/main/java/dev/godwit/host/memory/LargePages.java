package dev.godwit.host.memory;

import java.util.Locale;

/** How guest RAM is backed. */
public enum LargePages {
    /** Anonymous memory with {@code MADV_HUGEPAGE}: 2 MiB pages as far as the host has them. The default. */
    THP,
    /** Reserved 2 MiB pages of hugetlbfs; allocation fails when the host has not reserved enough. */
    HUGETLB,
    /** 4 KiB pages only ({@code MADV_NOHUGEPAGE}). */
    NONE;

    /** The spelling of the command line, configuration and wire. */
    public String text() {
        return name().toLowerCase(Locale.ROOT);
    }
}
