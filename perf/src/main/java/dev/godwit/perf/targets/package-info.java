/** The project's table of targets: each row measured, against what it is compared by, in one run. */
package dev.godwit.perf.targets;
