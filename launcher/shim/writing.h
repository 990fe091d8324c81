// Files that are written for the resident process, if it has the right to: whole or not at all, and not without end. Each
// function returns 0, an errno, NOT_ALLOWED or BUDGET_SPENT.
#ifndef WRITING_H
#define WRITING_H

#include "files.h"

/** Writes whole or not at all, mode 0600, synced with its name. Makes missing directories, mode 0700. */
int file_write(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** The same, but not synced: a loss of power may tear it until `files_settle`. */
int file_write_soon(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** Makes files of a directory, and their names, survive a loss of power. */
int files_settle(const Rights *rights, const char *path, char *const *names);
/** As file_write; EEXIST if there is a file of that name. */
int file_create(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** Appends to a log file. Makes it with mode 0600, its directory with mode 0755. ENXIO if it is not a regular file. */
int file_append(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** Removes the temporary files, and the marks, in a directory whose writers are gone. */
int files_clear(const Rights *rights, const char *path);
/** Makes an empty file beside `path` that has its name and that of this process. The result: its path. */
int file_mark(const Rights *rights, const char *path, Buffer *result);
/** Removes all marks that were made: whoever goes on under this process's number would wait for them. */
void marks_remove(const Rights *rights);
/** Makes the names in a directory, and removals from it, survive a loss of power. A missing one is no error. */
int names_sync(const Rights *rights, const char *path);

#endif
