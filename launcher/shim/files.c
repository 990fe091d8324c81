#define _GNU_SOURCE
#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** An open directory, and a name in it. */
typedef struct {
  int dir;
  char name[256];
} Place;

/** Makes a directory and its parents. */
static int make_directory(const char *path, mode_t mode) {
  char part[4096];
  size_t length = strlen(path);
  if (length >= sizeof part) return ENAMETOOLONG;
  memcpy(part, path, length + 1);
  for (size_t at = 1; at <= length; at++) {
    if (part[at] != '/' && part[at] != 0) continue;
    char before = part[at];
    part[at] = 0;
    if (mkdir(part, mode) < 0 && errno != EEXIST) return errno;
    part[at] = before;
  }
  return 0;
}

static int open_directory(int parent, const char *name) {
  return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/** Goes down from `base` to the last component of `below`, through directories only, never through a link. */
static int descend(const char *base, const char *below, bool make, Place *place) {
  if (make) {
    int error = make_directory(base, 0700);
    if (error != 0) return error;
  }
  int dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return errno;
  for (;;) {
    size_t length = strcspn(below, "/");
    if (leads_elsewhere(below, length) || length >= sizeof place->name) {
      close(dir);
      return length >= sizeof place->name ? ENAMETOOLONG : NOT_ALLOWED;
    }
    memcpy(place->name, below, length);
    place->name[length] = 0;
    if (below[length] == 0) {
      place->dir = dir;
      return 0;
    }
    if (make && mkdirat(dir, place->name, 0700) < 0 && errno != EEXIST) {
      int error = errno;
      close(dir);
      return error;
    }
    int next = open_directory(dir, place->name);
    int error = errno;
    close(dir);
    if (next < 0) return error;
    dir = next;
    below += length + 1;
  }
}

/** Finds `path` below one of `bases`; NOT_ALLOWED if it is below none. */
static int find_place(const Paths *bases, const char *path, bool make, Place *place) {
  for (char *const *base = bases->items; *base != NULL; base++) {
    size_t length = strlen(*base);
    if (length > 1 && strncmp(*base, path, length) == 0 && path[length] == '/')
      return descend(*base, path + length + 1, make, place);
  }
  return NOT_ALLOWED;
}

static int find_readable(const Rights *rights, const char *path, Place *place) {
  int error = find_place(&rights->state, path, false, place);
  return error == NOT_ALLOWED ? find_place(&rights->read, path, false, place) : error;
}

static bool is_readable_base(const Rights *rights, const char *path) {
  return is_listed(&rights->state, path, strlen(path)) || is_listed(&rights->read, path, strlen(path));
}

/** Opens a file of sysfs, whose links must not lead out of it. Returns a descriptor or -errno. */
static int open_sysfs(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return -errno;
  char self[64];
  char target[4096];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(self, target, sizeof target - 1);
  if (length < 5 || strncmp(target, "/sys/", 5) != 0) {
    close(fd);
    return -NOT_ALLOWED;
  }
  return fd;
}

/** Opens a file or directory that may be read. Returns a descriptor or -errno. */
static int open_readable(const Rights *rights, const char *path, int flags) {
  if (is_sysfs_readable(path)) return open_sysfs(path, flags);
  Place place;
  int error = find_readable(rights, path, &place);
  if (error != 0) return -error;
  int fd = openat(place.dir, place.name, flags | O_NOFOLLOW | O_CLOEXEC);
  error = errno;
  close(place.dir);
  return fd < 0 ? -error : fd;
}

int file_read(const Rights *rights, const char *path, uint32_t limit, Buffer *result) {
  int fd = open_readable(rights, path, O_RDONLY | O_NONBLOCK);
  if (fd < 0) return -fd;
  struct stat status;
  int error = fstat(fd, &status) < 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
  if (error == 0 && !S_ISREG(status.st_mode)) error = NOT_ALLOWED;
  if (error == 0) error = buffer_read(result, fd, limit);
  close(fd);
  return error;
}

int file_list(const Rights *rights, const char *path, Buffer *result) {
  int fd;
  if (is_readable_base(rights, path)) {
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
  } else {
    fd = open_readable(rights, path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return -fd;
  }
  DIR *dir = fdopendir(fd);
  if (dir == NULL) {
    int error = errno;
    close(fd);
    return error;
  }
  Buffer names = {0};
  uint32_t count = 0;
  struct dirent *entry;
  while (errno = 0, (entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    put_string(&names, entry->d_name);
    count++;
  }
  int error = errno;
  closedir(dir);
  put_u32(result, count);
  buffer_add(result, names.data, names.length);
  buffer_free(&names);
  return error;
}

static void put_kind(Buffer *result, const struct stat *status) {
  bool is_file = S_ISREG(status->st_mode);
  uint64_t kib = is_file ? (uint64_t)status->st_size / 1024 : 0;
  put_u32(result, is_file ? 1 : S_ISDIR(status->st_mode) ? 2 : 3);
  put_u32(result, kib > UINT32_MAX ? UINT32_MAX : (uint32_t)kib);
}

int file_kind(const Rights *rights, const char *path, Buffer *result) {
  struct stat status = {0};
  int error = 0;
  if (may_append(rights, path)) {
    error = lstat(path, &status) < 0 ? errno : 0;
  } else if (is_sysfs_readable(path) || may_look_at(path) || is_readable_base(rights, path)) {
    error = stat(path, &status) < 0 ? errno : 0;
  } else {
    Place place;
    error = find_readable(rights, path, &place);
    if (error == 0) {
      error = fstatat(place.dir, place.name, &status, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
      close(place.dir);
    }
  }
  if (error == ENOENT || error == ENOTDIR) {
    put_u32(result, 0);
    put_u32(result, 0);
    return 0;
  }
  if (error == 0) put_kind(result, &status);
  return error;
}

static int put_file(const Rights *rights, const char *path, const uint8_t *bytes, size_t count, bool is_new) {
  Place place;
  int error = find_place(&rights->state, path, true, &place);
  if (error != 0) return error;
  char temporary[300];
  snprintf(temporary, sizeof temporary, ".%s.%ld", place.name, (long)getpid());
  unlinkat(place.dir, temporary, 0);
  int fd = openat(place.dir, temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) {
    error = errno;
    close(place.dir);
    return error;
  }
  error = write_all(fd, bytes, count);
  if (error == 0 && fdatasync(fd) < 0) error = errno;
  if (close(fd) < 0 && error == 0) error = errno;
  if (error == 0) {
    int placed = is_new ? linkat(place.dir, temporary, place.dir, place.name, 0)
                        : renameat(place.dir, temporary, place.dir, place.name);
    if (placed < 0) error = errno;
  }
  if (error != 0 || is_new) unlinkat(place.dir, temporary, 0);
  close(place.dir);
  return error;
}

int file_write(const Rights *rights, const char *path, const uint8_t *bytes, size_t count) {
  return put_file(rights, path, bytes, count, false);
}

int file_create(const Rights *rights, const char *path, const uint8_t *bytes, size_t count) {
  return put_file(rights, path, bytes, count, true);
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
  if (!may_append(rights, path)) return NOT_ALLOWED;
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

int file_remove(const Rights *rights, const char *path) {
  Place place;
  int error = find_place(&rights->state, path, false, &place);
  if (error == 0) {
    error = unlinkat(place.dir, place.name, 0) < 0 ? errno : 0;
    close(place.dir);
  }
  return error == ENOENT || error == ENOTDIR || error == EISDIR ? 0 : error;
}

int file_set(const char *path, const uint8_t *bytes, size_t count) {
  if (!is_sysfs_writable(path)) return NOT_ALLOWED;
  int fd = open_sysfs(path, O_WRONLY);
  if (fd < 0) return -fd;
  ssize_t written = write(fd, bytes, count); // sysfs takes a value in one piece
  int error = written < 0 ? errno : (size_t)written == count ? 0 : EIO;
  close(fd);
  return error;
}

int file_readlink(const char *path, Buffer *result) {
  if (!is_sysfs_readable(path)) return NOT_ALLOWED;
  char target[4096];
  ssize_t length = readlink(path, target, sizeof target);
  if (length < 0) return errno;
  put_bytes(result, target, (size_t)length);
  return 0;
}

int file_find(const Rights *rights, const char *name, char *const *dirs, Buffer *result) {
  for (char *const *dir = dirs; *dir != NULL; dir++) {
    if (!may_find(rights, *dir, name)) return NOT_ALLOWED;
    char path[4096];
    int length = snprintf(path, sizeof path, "%s/%s", *dir, name);
    struct stat status;
    if (length < 0 || (size_t)length >= sizeof path || stat(path, &status) < 0 || !S_ISREG(status.st_mode)) continue;
    put_string(result, path);
    return 0;
  }
  put_string(result, "");
  return 0;
}
