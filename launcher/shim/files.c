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

#include "budget.h"
#include "devices.h"
#include "frames.h"
#include "plugins.h"
#include "synced.h"

int sync_directory(int dir) {
  if (fsync(dir) == 0) return 0;
  return errno == EINVAL || errno == ENOSYS || errno == EOPNOTSUPP ? 0 : errno; // some file systems have no such thing
}

/** Syncs the directory above, for what has been made in it, or is found there. */
static int sync_parent(const char *path, bool is_new) {
  char parent[4096];
  const char *slash = strrchr(path, '/');
  size_t length = (size_t)(slash - path);
  if (length >= sizeof parent) return ENAMETOOLONG;
  memcpy(parent, path, length);
  parent[length] = 0;
  int dir = open(length == 0 ? "/" : parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (dir < 0) return errno;
  int error = is_new ? sync_directory(dir) : sync_for(dir, slash + 1);
  close(dir);
  return error;
}

int make_directory(const char *path, mode_t mode) {
  char part[4096];
  size_t length = strlen(path);
  if (length >= sizeof part) return ENAMETOOLONG;
  memcpy(part, path, length + 1);
  for (size_t at = 1; at <= length; at++) {
    if (part[at] != '/' && part[at] != 0) continue;
    char before = part[at];
    part[at] = 0;
    bool is_new = mkdir(part, mode) == 0;
    if (!is_new && errno != EEXIST) return errno;
    int error = sync_parent(part, is_new);
    if (error != 0) return error;
    part[at] = before;
  }
  return 0;
}

static int open_directory(int parent, const char *name) {
  return openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/** Opens a directory in another; makes it if need be. Returns a descriptor or -errno. */
static int enter(int parent, const char *name, bool make) {
  int dir = open_directory(parent, name);
  bool is_new = dir < 0 && errno == ENOENT && make;
  if (is_new) {
    if (!spend(0)) return -BUDGET_SPENT;
    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST) return -errno;
    dir = open_directory(parent, name);
  }
  if (dir < 0 || !make) return dir < 0 ? -errno : dir;
  int error = is_new ? sync_directory(parent) : sync_for(parent, name);
  if (error == 0) return dir;
  close(dir);
  return -error;
}

/** Opens one of the bases; makes it if need be, and looks at those above it once. Returns a descriptor or -errno. */
static int open_base(const char *base, bool make) {
  const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
  static const char *made; // the bases live as long as this process
  if (make && made == base) {
    int dir = open(base, flags);
    if (dir >= 0 || errno != ENOENT) return dir < 0 ? -errno : dir;
  }
  if (make) {
    int error = make_directory(base, 0700);
    if (error != 0) return -error;
    made = base;
  }
  int dir = open(base, flags);
  return dir < 0 ? -errno : dir;
}

/** Goes down from `base` to the last component of `below`, through directories only, never through a link. */
static int descend(const char *base, const char *below, bool make, Place *place) {
  int dir = open_base(base, make);
  if (dir < 0) return -dir;
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
    int next = enter(dir, place->name, make);
    close(dir);
    if (next < 0) return -next;
    dir = next;
    below += length + 1;
  }
}

int find_place(const Words *bases, const char *path, bool make, Place *place) {
  for (char *const *base = bases->items; *base != NULL; base++) {
    size_t length = strlen(*base);
    if (length > 1 && strncmp(*base, path, length) == 0 && path[length] == '/')
      return descend(*base, path + length + 1, make, place);
  }
  return NOT_ALLOWED;
}

int open_below(const Words *bases, const char *path) {
  if (is_listed(bases, path, strlen(path))) {
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? -errno : dir;
  }
  Place place;
  int error = find_place(bases, path, false, &place);
  if (error != 0) return -error;
  int dir = open_directory(place.dir, place.name);
  error = errno;
  close(place.dir);
  return dir < 0 ? -error : dir;
}

/** Is it the name of a conf? Other files beside confs, such as kubeconfigs, are not for the resident process. */
static bool is_conf(const char *name) {
  static const char *const ends[] = {".conf", ".conflist", ".json", NULL};
  const char *dot = strrchr(name, '.');
  return dot != NULL && is_one_of(dot, strlen(dot), ends);
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

/** Finds the file in which the kubelet keeps which pod has which devices. Nothing else below its root is to be had. */
static int find_checkpoint(const Rights *rights, const char *path, Place *place) {
  static const char checkpoint[] = "device-plugins/kubelet_internal_checkpoint";
  if (rights->kubelet == NULL || !is_below(path, rights->kubelet)) return NOT_ALLOWED;
  const char *below = path + strlen(rights->kubelet) + 1;
  return strcmp(below, checkpoint) == 0 ? descend(rights->kubelet, below, false, place) : NOT_ALLOWED;
}

/** Finds a file that may be read whatever it is called: one of the state, or the kubelet's checkpoint. */
static int find_named(const Rights *rights, const char *path, Place *place) {
  int error = find_place(&rights->state, path, false, place);
  return error == NOT_ALLOWED ? find_checkpoint(rights, path, place) : error;
}

/** Finds a file of those, or one beside confs. */
static int find_readable(const Rights *rights, const char *path, Place *place) {
  int error = find_named(rights, path, place);
  return error == NOT_ALLOWED ? find_place(&rights->read, path, false, place) : error;
}

/** Opens a file that may be read. Returns a descriptor or -errno. */
static int open_readable(const Rights *rights, const char *path) {
  const int flags = O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC;
  if (is_sysfs_readable(path)) return open_sysfs(path, O_RDONLY | O_NONBLOCK);
  Place place;
  int error = find_named(rights, path, &place);
  if (error == NOT_ALLOWED) {
    error = find_place(&rights->read, path, false, &place);
    if (error == 0 && !is_conf(place.name)) {
      close(place.dir);
      error = NOT_ALLOWED;
    }
  }
  if (error != 0) return -error;
  int fd = openat(place.dir, place.name, flags);
  error = errno;
  close(place.dir);
  return fd < 0 ? -error : fd;
}

int file_read(const Rights *rights, const char *path, uint32_t limit, Buffer *result) {
  int fd = open_readable(rights, path);
  if (fd < 0) return -fd;
  struct stat status;
  int error = fstat(fd, &status) < 0 ? errno : S_ISDIR(status.st_mode) ? EISDIR : 0;
  if (error == 0 && !S_ISREG(status.st_mode)) error = NOT_ALLOWED;
  if (error == 0) error = buffer_read(result, fd, limit < MAX_FRAME ? limit : MAX_FRAME);
  close(fd);
  return error;
}

/** Opens a directory that may be listed: all its names, or `confs_only`. Returns a descriptor or -errno. */
static int open_listable(const Rights *rights, const char *path, bool *confs_only) {
  *confs_only = false;
  if (is_sysfs_readable(path)) return open_sysfs(path, O_RDONLY | O_DIRECTORY);
  int dir = open_below(&rights->state, path);
  if (dir != -NOT_ALLOWED) return dir;
  *confs_only = true;
  return open_below(&rights->read, path);
}

int file_list(const Rights *rights, const char *path, Buffer *result) {
  bool confs_only;
  int fd = open_listable(rights, path, &confs_only);
  if (fd < 0) return -fd;
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
    if (confs_only && !is_conf(entry->d_name)) continue;
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

/** May anybody see that it is there? Network namespaces, and the files that say that a network is ready. */
static bool may_look_at(const Rights *rights, const char *path) {
  static const char *const dirs[] = {"/run", "/var/run", "/etc/cni", NULL};
  for (const char *const *dir = dirs; *dir != NULL; dir++) {
    if (is_below(path, *dir)) return true;
  }
  size_t length = strlen(path);
  return is_sysfs_readable(path) || is_listed(&rights->state, path, length) || is_listed(&rights->read, path, length);
}

int file_kind(const Rights *rights, const char *path, Buffer *result) {
  struct stat status = {0};
  int error = 0;
  if (is_listed(&rights->log, path, strlen(path))) {
    error = lstat(path, &status) < 0 ? errno : 0;
  } else if (may_look_at(rights, path)) {
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

int file_remove(const Rights *rights, const char *path) {
  Place place;
  int error = find_place(&rights->state, path, false, &place);
  if (error == 0) {
    error = unlinkat(place.dir, place.name, 0) < 0 ? errno : 0;
    close(place.dir);
  }
  return error == ENOENT || error == ENOTDIR ? 0 : error;
}

int file_set(const Rights *rights, const char *path, const uint8_t *bytes, size_t count) {
  if (!may_set(rights, path, bytes, count)) return NOT_ALLOWED;
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
    if (length < 0 || (size_t)length >= sizeof path || stat(path, &status) < 0) continue;
    if (!S_ISREG(status.st_mode) || (status.st_mode & 0111) == 0) continue; // what cannot be executed is not a plugin
    put_string(result, path);
    return 0;
  }
  put_string(result, "");
  return 0;
}
