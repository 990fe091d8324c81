#define _GNU_SOURCE
#include "writing.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "budget.h"
#include "messages.h"
#include "processes.h"

/** How files are called that say who writes them, so that anyone can tell when that is gone. files.ts has it too. */
#define BY_WRITER ".plexus-%ld-%llu-%u"
/** Until it is whole. */
#define TEMPORARY BY_WRITER ".tmp"
/** That marks another one, by its name. */
#define MARKING BY_WRITER ".%s.tmp"

/** The paths of the marks that were made. */
static char **marks;
static size_t mark_count;

/** How a file is put in its place. */
enum Manner { REPLACING, REPLACING_UNSYNCED, NEW };

/** Writes a new file. Returns 0 or an errno, and then there may be a part of it. */
static int write_new(int dir, const char *name, const uint8_t *bytes, size_t count, bool synced) {
  int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  int error = write_all(fd, bytes, count);
  if (error == 0 && synced && fdatasync(fd) < 0) error = errno;
  if (close(fd) < 0 && error == 0) error = errno;
  return error;
}

/** Finds the place of a file of `count` bytes to be written, if the call may write so much, and when this process has started. */
static int find_new(const Rights *rights, const char *path, size_t count, Place *place, unsigned long long *start) {
  int error = own_start(start);
  if (error == 0) error = find_place(&rights->state, path, true, place);
  if (error != 0) return error;
  if (!spend(count)) {
    close(place->dir);
    return BUDGET_SPENT;
  }
  return 0;
}

static int put_file(const Rights *rights, const char *path, const uint8_t *bytes, size_t count, enum Manner manner) {
  bool is_new = manner == NEW;
  bool synced = manner != REPLACING_UNSYNCED;
  unsigned long long start;
  Place place;
  int error = find_new(rights, path, count, &place, &start);
  if (error != 0) return error;
  char temporary[80];
  snprintf(temporary, sizeof temporary, TEMPORARY, (long)getpid(), start, writes_so_far());
  error = write_new(place.dir, temporary, bytes, count, synced);
  if (error == 0) {
    int placed = is_new ? linkat(place.dir, temporary, place.dir, place.name, 0)
                        : renameat(place.dir, temporary, place.dir, place.name);
    if (placed < 0) error = errno;
  }
  if (error != 0 || is_new) unlinkat(place.dir, temporary, 0);
  if (error == 0 && synced) error = sync_directory(place.dir);
  close(place.dir);
  return error;
}

int file_mark(const Rights *rights, const char *path, Buffer *result) {
  unsigned long long start;
  Place place;
  int error = find_new(rights, path, 0, &place, &start);
  if (error != 0) return error;
  char mark[sizeof place.name + 80];
  snprintf(mark, sizeof mark, MARKING, (long)getpid(), start, writes_so_far(), place.name);
  error = write_new(place.dir, mark, NULL, 0, false);
  close(place.dir);
  if (error != 0) return error;
  char *whole;
  if (asprintf(&whole, "%.*s/%s", (int)(strrchr(path, '/') - path), path, mark) < 0) must(NULL);
  put_string(result, whole);
  marks = must(realloc(marks, (mark_count + 1) * sizeof *marks));
  marks[mark_count++] = whole;
  return 0;
}

void marks_remove(const Rights *rights) {
  while (mark_count > 0) {
    char *mark = marks[--mark_count];
    int error = file_remove(rights, mark);
    if (error != 0) complain("cannot remove %s: %s", mark, strerror(error));
    free(mark);
  }
}

int names_sync(const Rights *rights, const char *path) {
  int dir = open_below(&rights->state, path);
  if (dir == -ENOENT || dir == -ENOTDIR) return 0;
  if (dir < 0) return -dir;
  int error = sync_directory(dir);
  close(dir);
  return error;
}

int file_write(const Rights *rights, const char *path, const uint8_t *bytes, size_t count) {
  return put_file(rights, path, bytes, count, REPLACING);
}

int file_write_soon(const Rights *rights, const char *path, const uint8_t *bytes, size_t count) {
  return put_file(rights, path, bytes, count, REPLACING_UNSYNCED);
}

/** Syncs a file's content. */
static int settle(int dir, const char *name) {
  if (strchr(name, '/') != NULL) return NOT_ALLOWED;
  int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return errno;
  int error = fdatasync(fd) < 0 ? errno : 0;
  close(fd);
  return error;
}

int files_settle(const Rights *rights, const char *path, char *const *names) {
  int dir = open_below(&rights->state, path);
  if (dir < 0) return -dir;
  int error = 0;
  for (; *names != NULL && error == 0; names++) error = settle(dir, *names);
  if (error == 0) error = sync_directory(dir);
  close(dir);
  return error;
}

int file_create(const Rights *rights, const char *path, const uint8_t *bytes, size_t count) {
  return put_file(rights, path, bytes, count, NEW);
}

/** Opens a log file. It must not wait for a FIFO's reader. Returns a descriptor or -errno. */
static int open_log(const char *path) {
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0600);
  return fd < 0 ? -errno : fd;
}

static int make_parent(const char *path) {
  char parent[4096];
  size_t length = (size_t)(strrchr(path, '/') - path);
  if (length >= sizeof parent) return ENAMETOOLONG;
  memcpy(parent, path, length);
  parent[length] = 0;
  return make_directory(parent, 0755);
}

int file_append(const Rights *rights, const char *path, const uint8_t *bytes, size_t count) {
  if (!is_listed(&rights->log, path, strlen(path))) return NOT_ALLOWED;
  if (!spend(count)) return BUDGET_SPENT;
  int fd = open_log(path);
  if (fd == -ENOENT) {
    int error = make_parent(path);
    if (error != 0) return error;
    fd = open_log(path);
  }
  if (fd < 0) return -fd;
  struct stat status;
  int error = fstat(fd, &status) < 0 ? errno : S_ISREG(status.st_mode) ? 0 : ENXIO; // as for a FIFO without a reader
  if (error == 0) error = write_all(fd, bytes, count);
  if (close(fd) < 0 && error == 0) error = errno;
  return error;
}

/** Is it a temporary file, or a mark, of a writer that does not run any more? */
static bool is_left_over(const char *name) {
  static const char before[] = ".plexus-";
  if (strncmp(name, before, sizeof before - 1) != 0) return false;
  char *end;
  long pid = strtol(name + sizeof before - 1, &end, 10);
  unsigned long long start = *end == '-' ? strtoull(end + 1, &end, 10) : 0;
  unsigned number = *end == '-' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
  char same[80];
  int length = snprintf(same, sizeof same, BY_WRITER, pid, start, number);
  if (pid <= 0 || strncmp(name, same, (size_t)length) != 0) return false;
  const char *rest = name + length;
  const char *last = strrchr(rest, '.');
  if (*rest != '.' || strcmp(last, ".tmp") != 0) return false;
  return process_is_gone(pid, start);
}

int files_clear(const Rights *rights, const char *path) {
  int fd = open_below(&rights->state, path);
  if (fd == -ENOENT) return 0;
  if (fd < 0) return -fd;
  DIR *dir = fdopendir(fd);
  if (dir == NULL) {
    int error = errno;
    close(fd);
    return error;
  }
  int error = 0;
  struct dirent *entry;
  while (errno = 0, (entry = readdir(dir)) != NULL) {
    if (!is_left_over(entry->d_name)) continue;
    if (unlinkat(dirfd(dir), entry->d_name, 0) < 0 && errno != ENOENT) error = errno;
  }
  if (error == 0) error = errno;
  closedir(dir);
  return error;
}
