/** Waiting for threads. */
package dev.godwit.host.thread;
