/* Further virtual processors: INIT and SIPI through the local APIC. */
#pragma once
#include "types.h"

/* Value of cpus= on the command line: 1..MAX_CPUS. */
u32 cpu_count(void);

/* Takes the memory for the stacks of all processors but the first. */
void reserve_stacks(u32 cpus);

/* Starts processor `cpu` (its APIC id) in ring 3 on the stack reserved for it; ends the guest with code 2 if it does not come. */
void start_cpu(u32 cpu, void (*run)(void *), void *argument);
