#define _GNU_SOURCE
#include "processes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int process_start(long pid, unsigned long long *start) {
  char path[64];
  char stat[1024];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return errno;
  ssize_t length = read(fd, stat, sizeof stat - 1);
  int error = length < 0 ? errno : 0;
  close(fd);
  if (error != 0) return error;
  stat[length] = 0;
  const char *field = strrchr(stat, ')'); // the end of the second; a name may have spaces and parentheses in it
  for (int number = 2; field != NULL && number < 22; number++) field = strchr(field + 1, ' ');
  if (field == NULL) return EIO;
  *start = strtoull(field, NULL, 10);
  return 0;
}

int own_start(unsigned long long *start) {
  static unsigned long long own;
  int error = own == 0 ? process_start(getpid(), &own) : 0;
  *start = own;
  return error;
}

bool process_is_gone(long pid, unsigned long long start) {
  unsigned long long found;
  int error = process_start(pid, &found);
  return error == ENOENT || error == ESRCH || (error == 0 && found != start);
}
