/* The REPORT and PACE lines; their format is in README.md. */
#pragma once
#include "worker.h"

void print_report(const struct worker *workers, u32 count, u32 errors);

/* The workers are held; brings all to bins of one width. */
void print_pace(struct worker *workers, u32 count);
