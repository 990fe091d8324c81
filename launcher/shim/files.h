// File operations for the resident process, on files that it has rights to. Each returns 0, an errno or NOT_ALLOWED.
#ifndef FILES_H
#define FILES_H

#include "buffer.h"
#include "rights.h"

/** Larger than every errno (the kernel's MAX_ERRNO is 4095). */
#define NOT_ALLOWED 4096

/** The result: the content. EFBIG if it is longer than `limit`. */
int file_read(const Rights *rights, const char *path, uint32_t limit, Buffer *result);
/** The result: a list of strings. */
int file_list(const Rights *rights, const char *path, Buffer *result);
/** The result: a u32, 0 nothing, 1 a file, 2 a directory, 3 something else; and a u32, the size of a file in KiB. */
int file_kind(const Rights *rights, const char *path, Buffer *result);
/** Writes whole or not at all, mode 0600, synced. Makes missing directories, mode 0700. */
int file_write(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** The same; EEXIST if there is a file of that name. */
int file_create(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** Appends to a log file. Makes it with mode 0600, its directory with mode 0755. ENXIO if it is not a regular file. */
int file_append(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** A missing file is no error. */
int file_remove(const Rights *rights, const char *path);
/** Writes once into a file of sysfs. */
int file_set(const char *path, const uint8_t *bytes, size_t count);
/** The result: the target of a link of sysfs. */
int file_readlink(const char *path, Buffer *result);
/** The result: the first `dir/name` that is a file; else an empty string. */
int file_find(const Rights *rights, const char *name, char *const *dirs, Buffer *result);

#endif
