// When processes have started: so that the name of one, its PID and that, says whether it still runs.
#ifndef PROCESSES_H
#define PROCESSES_H

#include <stdbool.h>

/** Reads when a process has started, in ticks since the boot. Returns 0 or an errno. Source: proc_pid_stat(5), 22. */
int process_start(long pid, unsigned long long *start);

/** Reads when this process has started: once, as the kernel takes long to say so. */
int own_start(unsigned long long *start);

/** Has the process ended that had this PID and has started then? */
bool process_is_gone(long pid, unsigned long long start);

#endif
