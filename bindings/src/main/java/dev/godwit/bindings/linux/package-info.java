/** System calls that return {@code -errno}, with their constants and helpers; the structures are in {@code gen}. */
package dev.godwit.bindings.linux;
