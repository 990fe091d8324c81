#define _GNU_SOURCE
#include "node.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "messages.h"
#include "rights.h"

#define LOOK_EVERY_SECONDS 1
#define PATH_OF_SYSTEM "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/** Is it the namespace that this process has already? */
static bool is_own(const char *kind, int fd) {
  char path[32];
  struct stat own, other;
  snprintf(path, sizeof path, "/proc/self/ns/%s", kind);
  return stat(path, &own) == 0 && fstat(fd, &other) == 0 && own.st_dev == other.st_dev && own.st_ino == other.st_ino;
}

static int open_namespace(const char *kind) {
  char path[32];
  snprintf(path, sizeof path, "/proc/1/ns/%s", kind);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    fail("--host: cannot enter the node: open %s: %s; the container needs to be root, with the capability SYS_PTRACE and without a "
         "profile of AppArmor", path, strerror(errno));
  return fd;
}

static void enter(int fd, int kind) {
  if (setns(fd, kind) < 0)
    fail("--host: cannot enter the node: setns: %s; the container needs the capabilities SYS_ADMIN and SYS_CHROOT", strerror(errno));
  close(fd);
}

/** Has the shim's conf that line? Whether it counts, the shim says. */
static bool notes_sandboxes(const char *shim) {
  char path[4096 + sizeof ".conf"], line[4096];
  snprintf(path, sizeof path, "%s.conf", shim);
  FILE *file = fopen(path, "re");
  bool has_line = false;
  while (file != NULL && !has_line && fgets(line, sizeof line, file) != NULL) {
    char *value;
    has_line = strcmp(split_line(line, &value), "sandboxes") == 0 && *value != 0;
  }
  if (file != NULL) fclose(file);
  return has_line;
}

static void wait_for_install(const char *shim) {
  for (bool is_said = false; access(shim, X_OK) < 0 || !notes_sandboxes(shim); is_said = true) {
    if (!is_said) complain("waiting until plexus install --hotplug has put %s and the conf beside it on the node", shim);
    sleep(LOOK_EVERY_SECONDS);
  }
}

_Noreturn void serve_on_node(const char *path) {
  if (!is_plain(path) || strlen(path) > 4096) fail("--host: %s is not an absolute and plain path; give that of plexus-shim on the node", path);
  int mounts = open_namespace("mnt"), network = open_namespace("net");
  if (is_own("mnt", mounts))
    fail("--host: process 1 has the same mounts as this one: the container needs the node's processes, hostPID; on the node itself "
         "it is plexus-shim --serve");
  enter(network, CLONE_NEWNET);
  enter(mounts, CLONE_NEWNS);
  wait_for_install(path);
  char *const arguments[] = {"plexus-shim", "--serve", NULL}, *const environment[] = {PATH_OF_SYSTEM, NULL};
  execve(path, arguments, environment);
  fail("--host: execve %s: %s; run plexus install", path, strerror(errno));
}
