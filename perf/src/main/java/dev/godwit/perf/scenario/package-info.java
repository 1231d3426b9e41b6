/** Whole agents at work, measured from outside: starts, idle guests, migrations. */
package dev.godwit.perf.scenario;
