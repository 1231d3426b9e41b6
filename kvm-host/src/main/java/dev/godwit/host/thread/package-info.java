/** Who comes first, urgent threads, and waiting that no interrupt ends. */
package dev.godwit.host.thread;
