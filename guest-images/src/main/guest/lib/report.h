/* The REPORT line; its format is in README.md. */
#pragma once
#include "worker.h"

void print_report(const struct worker *workers, u32 count, u32 errors);
