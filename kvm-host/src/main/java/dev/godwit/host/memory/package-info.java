/**
 * A guest's RAM as the host sees it: one mapping, dense page numbers, and sets of pages. Guest-physical addresses
 * appear only as {@link dev.godwit.host.memory.GuestAddress}; everything that counts pages uses dense page numbers.
 */
package dev.godwit.host.memory;
