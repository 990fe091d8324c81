#define _GNU_SOURCE
#include "tally.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/** A file that is larger is left alone: it is in the node's memory. launcher/resident/tally.ts has the same. */
#define MAX_TALLY (4 << 20)

/** In another's directory, the file could be another file. */
static bool is_own_directory(const char *path) {
  struct stat status;
  return lstat(path, &status) == 0 && S_ISDIR(status.st_mode) && status.st_uid == geteuid() &&
         (status.st_mode & 022) == 0;
}

void tally(const Rights *rights, enum Tally what) {
  char path[4096];
  const char *slash = strrchr(rights->socket, '/');
  int written = snprintf(path, sizeof path, "%s.tally", rights->socket);
  if (slash == NULL || written < 0 || (size_t)written >= sizeof path) return;
  path[slash - rights->socket] = 0;
  if (!is_own_directory(path)) return;
  path[slash - rights->socket] = '/';
  int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY, 0600);
  if (fd < 0) return;
  struct stat status;
  const char letter = (char)what;
  bool may = fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
             status.st_size < MAX_TALLY;
  if (may && write(fd, &letter, 1) != 1) may = false; // the disk is full
  close(fd);
}
