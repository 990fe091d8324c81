// What one call may write, of files, of logs and of what goes to the runtime's stderr: not without end.
#ifndef BUDGET_H
#define BUDGET_H

#include <stdbool.h>
#include <stddef.h>

/** Bytes that one call may write, files and logs together. */
#define MAX_WRITTEN (64u << 20)
/** How many times one call may write, or make a directory. */
#define MAX_WRITES 10000u

/** Spends one write of so many bytes. Returns false if there is not that much left. */
bool spend(size_t count);
/** Returns how many writes there were. */
unsigned writes_so_far(void);

#endif
