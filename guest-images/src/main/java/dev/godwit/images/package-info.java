/**
 * The project's own guests as files and typed handles: {@link dev.godwit.images.GuestImage} names them, {@link
 * dev.godwit.images.DirtierOptions} makes a command line, {@link dev.godwit.images.DirtierReport} reads what they
 * measured. Depends on nothing.
 */
package dev.godwit.images;
