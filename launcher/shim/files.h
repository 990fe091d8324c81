// Files that are read, listed and removed for the resident process, if it has the right to. Each function returns 0, an errno,
// or one of the two below.
#ifndef FILES_H
#define FILES_H

#include <sys/types.h>

#include "buffer.h"
#include "rights.h"

/** Larger than every errno (the kernel's MAX_ERRNO is 4095). */
#define NOT_ALLOWED 4096
/** The call has written as much as a call may. */
#define BUDGET_SPENT 4097

/** An open directory, and a name in it. */
typedef struct {
  int dir;
  char name[256];
} Place;

/** The result: the content. EFBIG if it is longer than `limit`. */
int file_read(const Rights *rights, const char *path, uint32_t limit, Buffer *result);
/** The result: a list of strings. */
int file_list(const Rights *rights, const char *path, Buffer *result);
/** The result: a u32, 0 nothing, 1 a file, 2 a directory, 3 something else; and a u32, the size of a file in KiB. */
int file_kind(const Rights *rights, const char *path, Buffer *result);
/** A missing file is no error, a directory is. */
int file_remove(const Rights *rights, const char *path);
/** Writes once into a file of sysfs. */
int file_set(const Rights *rights, const char *path, const uint8_t *bytes, size_t count);
/** The result: the target of a link of sysfs. */
int file_readlink(const char *path, Buffer *result);
/** The result: the first `dir/name` that is a file; else an empty string. */
int file_find(const Rights *rights, const char *name, char *const *dirs, Buffer *result);

/** Finds the place of `path` below one of `bases`, through no link; NOT_ALLOWED if it is below none. */
int find_place(const Words *bases, const char *path, bool make, Place *place);
/** Opens a directory that is one of the bases, or below one. Returns a descriptor or -errno. */
int open_below(const Words *bases, const char *path);
/** Makes a directory and its parents, so that they survive a loss of power. */
int make_directory(const char *path, mode_t mode);
/** Makes the names in a directory survive a loss of power. */
int sync_directory(int dir);

#endif
