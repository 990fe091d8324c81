// Files that are written for the resident process, if it has the right to: whole or not at all, and not without end. Each
// function returns 0, an errno, NOT_ALLOWED or BUDGET_SPENT.
#ifndef WRITING_H
#define WRITING_H

#include "files.h"

/** Writes whole or not at all, mode 0600, synced with its name. Makes missing directories, mode 0700. */
int file_write(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** The same; EEXIST if there is a file of that name. */
int file_create(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** Appends to a log file. Makes it with mode 0600, its directory with mode 0755. ENXIO if it is not a regular file. */
int file_append(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** Removes the temporary files in a directory whose writers are gone. */
int files_clear(const Rights *rights, const char *path);

#endif
