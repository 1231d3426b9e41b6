/** What this host can do for guests, what is missing, and how to get it. */
package dev.godwit.agent.check;
