#define _GNU_SOURCE
#include "executions.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "messages.h"
#include "processes.h"

/** The PID namespace, the executing process's PID and when that has started, a number. */
#define NAME "%lu-%ld-%llu-%u"
#define MAX_NAME 100
/** Of a process's environment. */
#define MAX_ENVIRONMENT (8u << 20)

/** PIDs mean something in their namespace only. Returns that of a process, "self" or a PID; 0 if it is not known. */
static unsigned long pid_namespace(const char *pid) {
  char path[64];
  struct stat status;
  snprintf(path, sizeof path, "/proc/%.20s/ns/pid", pid);
  return stat(path, &status) < 0 ? 0 : (unsigned long)status.st_ino;
}

static void path_of(const char *name, char path[sizeof EXECUTIONS_DIR + 1 + MAX_NAME]) {
  snprintf(path, sizeof EXECUTIONS_DIR + 1 + MAX_NAME, EXECUTIONS_DIR "/%s", name);
}

static int make_file(const char *path) {
  int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd < 0) return errno;
  close(fd);
  return 0;
}

char *execution_begin(void) {
  static unsigned count;
  unsigned long long start = 0;
  char name[MAX_NAME];
  char path[sizeof EXECUTIONS_DIR + 1 + MAX_NAME];
  int error = own_start(&start);
  snprintf(name, sizeof name, NAME, pid_namespace("self"), (long)getpid(), start, ++count);
  path_of(name, path);
  if (error == 0) error = make_file(path);
  if (error == ENOENT) {
    mkdir(EXECUTIONS_DIR, 0700); // if that fails, so does what follows
    error = make_file(path);
  }
  if (error == 0) return must(strdup(name));
  complain("what is executed would outlive this process, if that was killed: %s: %s", path, strerror(error));
  return NULL;
}

void execution_end(char *name) {
  if (name == NULL) return;
  char path[sizeof EXECUTIONS_DIR + 1 + MAX_NAME];
  path_of(name, path);
  if (unlink(path) < 0 && errno != ENOENT) complain("unlink %s: %s", path, strerror(errno));
  free(name);
}

/** Was it of a process of this namespace that is gone? */
static bool is_left(const char *name) {
  char *end;
  unsigned long namespace = strtoul(name, &end, 10); // not sscanf: it would be a tenth of the shim
  long pid = *end == '-' ? strtol(end + 1, &end, 10) : 0;
  unsigned long long start = *end == '-' ? strtoull(end + 1, &end, 10) : 0;
  unsigned number = *end == '-' ? (unsigned)strtoul(end + 1, &end, 10) : 0;
  char same[MAX_NAME];
  snprintf(same, sizeof same, NAME, namespace, pid, start, number);
  return strcmp(name, same) == 0 && namespace == pid_namespace("self") && process_is_gone(pid, start);
}

/** Lists the executions of processes that are gone, for `free_list`; NULL if there are none. */
static char **list_left(void) {
  DIR *dir = opendir(EXECUTIONS_DIR);
  if (dir == NULL) return NULL;
  char **names = NULL;
  size_t count = 0;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (!is_left(entry->d_name)) continue;
    names = must(realloc(names, (count + 2) * sizeof *names));
    names[count++] = must(strdup(entry->d_name));
    names[count] = NULL;
  }
  closedir(dir);
  return names;
}

/** Returns the variable's value in a process's environment, which ends with a NUL; or NULL. */
static const char *variable_in(const Buffer *environment, const char *name) {
  size_t length = strlen(name);
  const char *end = (const char *)environment->data + environment->length;
  for (const char *at = (const char *)environment->data; at < end; at += strlen(at) + 1) {
    if (strncmp(at, name, length) == 0 && at[length] == '=') return at + length + 1;
  }
  return NULL;
}

static bool is_among(const char *name, char *const *names) {
  for (; name != NULL && *names != NULL; names++) {
    if (strcmp(name, *names) == 0) return true;
  }
  return false;
}

/**
 * Kills a process that has the name of one of these executions. Returns whether it is one, and `container`'s. What runs in a
 * container has whatever environment it likes, and can make whoever reads that wait: it is in a PID namespace of its own.
 */
static bool end_process(const char *pid, char *const *names, const char *container, bool *is_any) {
  if (pid_namespace(pid) != pid_namespace("self")) return false;
  char path[64];
  snprintf(path, sizeof path, "/proc/%.20s/environ", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false; // it is gone
  Buffer environment = {0};
  bool is_own = false;
  int error = buffer_read(&environment, fd, MAX_ENVIRONMENT);
  close(fd);
  buffer_add(&environment, "", 1);
  if ((error == 0 || error == EFBIG) && is_among(variable_in(&environment, EXECUTION_VARIABLE), names)) {
    kill((pid_t)strtol(pid, NULL, 10), SIGKILL);
    *is_any = true;
    const char *of = variable_in(&environment, "CNI_CONTAINERID");
    is_own = *container == 0 || of == NULL || strcmp(of, container) == 0;
  }
  buffer_free(&environment);
  return is_own;
}

size_t executions_end_left(const char *container) {
  char **names = list_left();
  if (names == NULL) return 0;
  DIR *dir = opendir("/proc");
  if (dir == NULL) fail("opendir /proc: %s; mount /proc", strerror(errno));
  size_t own = 0;
  bool is_any = false;
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (entry->d_name[0] < '1' || entry->d_name[0] > '9') continue;
    own += end_process(entry->d_name, names, container, &is_any);
  }
  closedir(dir);
  // They stay for whoever has to wait for these processes; what is killed ends soon.
  for (char **name = names; !is_any && *name != NULL; name++) {
    char path[sizeof EXECUTIONS_DIR + 1 + MAX_NAME];
    path_of(*name, path);
    unlink(path);
  }
  free_list(names);
  return own;
}
