// File operations for the resident process, below the directories that it has rights to. Each answers 0 or an errno;
// EACCES means that it may not.
#ifndef FILES_H
#define FILES_H

#include "buffer.h"
#include "rights.h"

int file_read(const Rights *rights, const char *path, uint32_t limit, Buffer *result);
/** The result: a list of strings. */
int file_list(const Rights *rights, const char *path, Buffer *result);
/** The result: a u32, 0 nothing, 1 a file, 2 a directory, 3 something else. */
int file_kind(const Rights *rights, const char *path, Buffer *result);
/** Whole or not at all, mode 0600, synced; makes missing directories, mode 0700. */
int file_write(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** The same; EEXIST where there is a file of that name. */
int file_create(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** A file that is not there is no error. */
int file_remove(const Rights *rights, const char *path);
/** One write into a file of sysfs. */
int file_set(const char *path, const uint8_t *bytes, size_t count);
/** The result: where a link of sysfs points to. */
int file_readlink(const char *path, Buffer *result);
/** The first `dir/name` that is a file; an empty result where there is none. */
int file_find(const Rights *rights, const char *name, char *const *dirs, Buffer *result);

#endif
