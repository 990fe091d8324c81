// `plexus-shim --serve`: the hands of a daemon between the runtime's calls.
#ifndef EXECUTOR_H
#define EXECUTOR_H

#include "rights.h"

/** The argument by which an executor executes the shim again, for one job; behind it is the number that the daemon has given it. */
#define WORK_ARGUMENT "--work"

/**
 * Serves the daemon until SIGTERM: connects, again whenever it is gone, says which sandboxes there are, and executes the shim
 * for each job. If another shim has taken the place of this one at `path`, it becomes that one as soon as it has no job. `signals` is
 * a signalfd.
 */
_Noreturn void serve_daemon(const Rights *rights, const char *path, int signals, const char *version);

#endif
