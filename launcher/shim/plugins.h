// Which plugins the shim executes for the resident process, and with what.
#ifndef PLUGINS_H
#define PLUGINS_H

#include "rights.h"

/** The directories of the system's own commands. Ends with NULL. */
extern const char *const SYSTEM_DIRS[];

/**
 * Returns NULL if the plugin may be executed so, else why not.
 *
 * `environment` is what is set for it, and ends with NULL; `conf` is its stdin.
 */
const char *refuse_execution(const Rights *rights, const char *path, char *const *environment, const uint8_t *conf,
                             size_t length);
/** May `name` be looked for in the directory? */
bool may_find(const Rights *rights, const char *dir, const char *name);

#endif
