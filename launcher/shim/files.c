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

/** A place: an open directory, and a name in it. */
typedef struct {
  int dir;
  char name[256];
} Place;

/** Makes a directory with all above it. */
static int make_directory(const char *path) {
  char part[4096];
  size_t length = strlen(path);
  if (length >= sizeof part) return ENAMETOOLONG;
  memcpy(part, path, length + 1);
  for (size_t at = 1; at <= length; at++) {
    if (part[at] != '/' && part[at] != 0) continue;
    char before = part[at];
    part[at] = 0;
    if (mkdir(part, 0700) < 0 && errno != EEXIST) return errno;
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
    int error = make_directory(base);
    if (error != 0) return error;
  }
  int dir = open(base, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return errno;
  for (;;) {
    size_t length = strcspn(below, "/");
    bool leads_elsewhere = length == 0 || strncmp(below, ".", length) == 0 || (length == 2 && below[0] == '.' && below[1] == '.');
    if (leads_elsewhere || length >= sizeof place->name) {
      close(dir);
      return length >= sizeof place->name ? ENAMETOOLONG : EACCES;
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

/** Looks for `path` below one of `dirs`; EACCES where it is below none. */
static int find_place(const Dirs *dirs, const char *path, bool make, Place *place) {
  for (char *const *base = dirs->dirs; *base != NULL; base++) {
    size_t length = strlen(*base);
    if (length > 1 && strncmp(*base, path, length) == 0 && path[length] == '/')
      return descend(*base, path + length + 1, make, place);
  }
  return EACCES;
}

static int find_readable(const Rights *rights, const char *path, Place *place) {
  int error = find_place(&rights->state, path, false, place);
  return error == EACCES ? find_place(&rights->read, path, false, place) : error;
}

static bool is_base(const Dirs *dirs, const char *path) {
  for (char *const *base = dirs->dirs; *base != NULL; base++) {
    if (strcmp(*base, path) == 0) return true;
  }
  return false;
}

/** In sysfs links lead everywhere: what they lead to has to be in sysfs too. */
static int open_sysfs(const char *path, int flags) {
  int fd = open(path, flags | O_CLOEXEC | O_NOCTTY);
  if (fd < 0) return -errno;
  char self[64];
  char target[4096];
  snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
  ssize_t length = readlink(self, target, sizeof target - 1);
  if (length < 5 || strncmp(target, "/sys/", 5) != 0) {
    close(fd);
    return -EACCES;
  }
  return fd;
}

static int read_all(int fd, uint32_t limit, Buffer *result) {
  for (;;) {
    uint8_t *space = buffer_reserve(result, 65536);
    ssize_t count = read(fd, space, 65536);
    if (count < 0) return errno;
    if (count == 0) return 0;
    result->length += (size_t)count;
    if (result->length > limit) return EFBIG;
  }
}

int file_read(const Rights *rights, const char *path, uint32_t limit, Buffer *result) {
  int fd;
  if (is_sysfs_readable(path)) {
    fd = open_sysfs(path, O_RDONLY | O_NONBLOCK);
    if (fd < 0) return -fd;
  } else {
    Place place;
    int error = find_readable(rights, path, &place);
    if (error != 0) return error;
    fd = openat(place.dir, place.name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    error = errno;
    close(place.dir);
    if (fd < 0) return error;
  }
  struct stat status;
  int error = fstat(fd, &status) < 0 ? errno : S_ISREG(status.st_mode) ? 0 : S_ISDIR(status.st_mode) ? EISDIR : EACCES;
  if (error == 0) error = read_all(fd, limit, result);
  close(fd);
  return error;
}

int file_list(const Rights *rights, const char *path, Buffer *result) {
  int fd;
  if (is_sysfs_readable(path)) {
    fd = open_sysfs(path, O_RDONLY | O_DIRECTORY);
    if (fd < 0) return -fd;
  } else if (is_base(&rights->state, path) || is_base(&rights->read, path)) {
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno;
  } else {
    Place place;
    int error = find_readable(rights, path, &place);
    if (error != 0) return error;
    fd = open_directory(place.dir, place.name);
    error = errno;
    close(place.dir);
    if (fd < 0) return error;
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
  while ((entry = readdir(dir)) != NULL) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    put_string(&names, entry->d_name);
    count++;
  }
  closedir(dir);
  put_u32(result, count);
  buffer_add(result, names.data, names.length);
  buffer_free(&names);
  return 0;
}

static void put_kind(Buffer *result, const struct stat *status) {
  put_u32(result, S_ISREG(status->st_mode) ? 1 : S_ISDIR(status->st_mode) ? 2 : 3);
}

int file_kind(const Rights *rights, const char *path, Buffer *result) {
  struct stat status;
  Place place;
  int error = EACCES;
  if (is_sysfs_readable(path) || may_look_at(path) || is_base(&rights->state, path) || is_base(&rights->read, path)) {
    error = stat(path, &status) < 0 ? errno : 0;
  } else {
    error = find_readable(rights, path, &place);
    if (error == 0) {
      error = fstatat(place.dir, place.name, &status, AT_SYMLINK_NOFOLLOW) < 0 ? errno : 0;
      close(place.dir);
    }
  }
  if (error == ENOENT || error == ENOTDIR) {
    put_u32(result, 0);
    return 0;
  }
  if (error == 0) put_kind(result, &status);
  return error;
}

static int write_all(int fd, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(fd, bytes, count);
    if (written < 0) return errno;
    bytes += written;
    count -= (size_t)written;
  }
  return 0;
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
    int placed = is_new ? linkat(place.dir, temporary, place.dir, place.name, 0) : renameat(place.dir, temporary, place.dir, place.name);
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
  if (!is_sysfs_writable(path)) return EACCES;
  int fd = open_sysfs(path, O_WRONLY);
  if (fd < 0) return -fd;
  ssize_t written = write(fd, bytes, count); // sysfs takes a value in one piece
  int error = written < 0 ? errno : (size_t)written == count ? 0 : EIO;
  close(fd);
  return error;
}

int file_readlink(const char *path, Buffer *result) {
  if (!is_sysfs_readable(path)) return EACCES;
  char target[4096];
  ssize_t length = readlink(path, target, sizeof target);
  if (length < 0) return errno;
  put_bytes(result, target, (size_t)length);
  return 0;
}

int file_find(const Rights *rights, const char *name, char *const *dirs, Buffer *result) {
  for (char *const *dir = dirs; *dir != NULL; dir++) {
    if (!may_find(rights, *dir, name)) return EACCES;
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
