// What is being executed, as files: while a plugin or a command runs, there is one with the name of the execution, which the
// plugin and all that it starts have in their environment. Whoever kills a shim or a `plexus` leaves the file there, and so
// the next call knows that it has to end what may have been left running. launcher/host/executions.ts does the same.
#ifndef EXECUTIONS_H
#define EXECUTIONS_H

#include <stddef.h>

/** Beside the socket's directory, not in it: the daemon's pod has that. launcher/paths.ts has the same. */
#define EXECUTIONS_DIR "/run/plexus-executions"
/** launcher/host/executions.ts has the same. */
#define EXECUTION_VARIABLE "PLEXUS_EXECUTION"

/** Makes the file. Returns the execution's name, for `execution_end`; or NULL, and says why. */
char *execution_begin(void);
/** Removes the file: what was executed has ended. */
void execution_end(char *name);

/**
 * Kills what calls that were killed have left running. Returns how many processes still ran.
 *
 * @param container only of this container they are counted; of all if it is empty
 */
size_t executions_end_left(const char *container);

#endif
