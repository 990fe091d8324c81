#define _GNU_SOURCE
#include "sandboxes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "messages.h"

/** Of the file: another one is not read. */
#define FORMAT 1
#define MAX_FILE (9u << 20)
/** An ID has 200 characters at most, an interface's name 15. */
#define MAX_NAME 255
#define ENDS_WITH '~'
/** How long a job of the daemon may take to end when its daemon has hung up, and how often to look. */
#define HANDED_ON_WITHIN_MS 5000
#define LOOK_MS 5

static const char *const PARAMETERS[] = {"CNI_CONTAINERID", "CNI_NETNS", "CNI_IFNAME", "CNI_ARGS", "CNI_PATH", NULL};
static const char *const LIVES[] = {"attached", "gone", "ended"};

/** The sandbox of this process's call: its file, locked or to be locked; and the path that it has by now. */
static int own = -1;
static char own_path[4096];

static const char *variable(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? "" : value;
}

/** Is it a name as `ID@IFNAME`, which leads nowhere else? */
static bool is_name(const char *name) {
  const char *at = strchr(name, '@');
  return at != NULL && at > name && at[1] != 0 && name[0] != '.' && strchr(name, '/') == NULL && strlen(name) < MAX_NAME;
}

/** Writes the path of the sandbox of this call. Returns whether it can have one. */
static bool own_name(const Rights *rights, char path[sizeof own_path]) {
  char name[MAX_NAME + 1];
  int written = snprintf(name, sizeof name, "%s@%s", variable("CNI_CONTAINERID"), variable("CNI_IFNAME"));
  if (written < 0 || (size_t)written >= sizeof name - 1 || !is_name(name) || name[written - 1] == ENDS_WITH) return false;
  written = snprintf(path, sizeof own_path - 1, "%s/%s", rights->sandboxes, name);
  return written > 0 && (size_t)written < sizeof own_path - 1;
}

static void ended_path(const char *path, char ended[sizeof own_path + 1]) {
  snprintf(ended, sizeof own_path + 1, "%s%c", path, ENDS_WITH);
}

/** Makes the directory, or sees that nobody but root has a say in it. */
static int require_directory(const char *dir) {
  struct stat status;
  if (mkdir(dir, 0700) < 0 && errno != EEXIST) return errno;
  if (lstat(dir, &status) < 0) return errno;
  return S_ISDIR(status.st_mode) && status.st_uid == geteuid() && (status.st_mode & 022) == 0 ? 0 : EPERM;
}

static void put_number(Buffer *text, unsigned long long number) {
  put_u32(text, (uint32_t)number);
  put_u32(text, (uint32_t)(number >> 32));
}

static unsigned long long get_number(Reader *reader) {
  unsigned long long low = get_u32(reader);
  return low | (unsigned long long)get_u32(reader) << 32;
}

/** Puts what the file of this call says. Returns 0 or an errno. */
static int describe(Buffer *text, const Buffer *input) {
  struct stat status;
  if (stat(variable("CNI_NETNS"), &status) < 0) return errno;
  put_u32(text, FORMAT);
  put_number(text, (unsigned long long)status.st_dev);
  put_number(text, (unsigned long long)status.st_ino);
  put_u32(text, sizeof PARAMETERS / sizeof *PARAMETERS - 1);
  for (const char *const *name = PARAMETERS; *name != NULL; name++) {
    char *parameter;
    if (asprintf(&parameter, "%s=%s", *name, variable(*name)) < 0) return ENOMEM;
    put_string(text, parameter);
    free(parameter);
  }
  put_bytes(text, input->data, input->length);
  return 0;
}

/**
 * Opens the file and locks it. Returns 0, EWOULDBLOCK if another process has it locked, or another errno: ENOENT too if by the time it
 * is locked it is not there any more, or another one is. `own` is open if it was there.
 */
static int take(const char *path) {
  struct stat locked, there;
  own = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
  if (own < 0 || flock(own, LOCK_EX | LOCK_NB) < 0 || fstat(own, &locked) < 0 || lstat(path, &there) < 0) return errno;
  return locked.st_dev == there.st_dev && locked.st_ino == there.st_ino ? 0 : ENOENT;
}

/** Writes the file of an ADD under another name, and gives it its own when it is whole and locked. */
static int note_added(const Rights *rights, const Buffer *input) {
  int error = require_directory(rights->sandboxes);
  if (error != 0) return error;
  Buffer text = {0};
  char temporary[4096], ended[sizeof own_path + 1];
  int written = snprintf(temporary, sizeof temporary, "%s/.%ld", rights->sandboxes, (long)getpid());
  error = written > 0 && (size_t)written < sizeof temporary ? describe(&text, input) : ENAMETOOLONG;
  if (error == 0) {
    unlink(temporary); // of a process that had this PID
    own = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    error = own < 0 ? errno : write_all(own, text.data, text.length);
    if (error == 0 && (flock(own, LOCK_EX | LOCK_NB) < 0 || rename(temporary, own_path) < 0)) error = errno;
    if (error != 0) unlink(temporary);
  }
  ended_path(own_path, ended);
  unlink(ended); // of a DEL before this ADD
  buffer_free(&text);
  return error;
}

/** Notes that a DEL has begun: from now on no daemon attaches anything. */
static int note_deleting(void) {
  char ended[sizeof own_path + 1];
  ended_path(own_path, ended);
  bool was_there = rename(own_path, ended) == 0;
  if (!was_there && errno != ENOENT) return errno;
  int error = take(ended);
  strcpy(own_path, strlen(ended) < sizeof own_path ? ended : "");
  return error == ENOENT || error == EWOULDBLOCK ? 0 : error; // the daemon ends a job that has it
}

void sandbox_begins(const Rights *rights, const char *command, const Buffer *input) {
  bool is_add = strcmp(command, "ADD") == 0;
  if (rights->sandboxes == NULL || (!is_add && strcmp(command, "DEL") != 0) || !own_name(rights, own_path)) {
    own_path[0] = 0;
    return;
  }
  int error = is_add ? note_added(rights, input) : note_deleting();
  if (error != 0)
    complain("the sandbox is not noted in %s, so no daemon changes its networks: %s", rights->sandboxes,
             error == EPERM ? "it must belong to root, and nobody else may write to it" : strerror(error));
}

void sandbox_is_handed_on(void) {
  if (own < 0) return;
  for (int waited = 0; flock(own, LOCK_EX | LOCK_NB) < 0 && waited < HANDED_ON_WITHIN_MS; waited += LOOK_MS)
    nanosleep(&(struct timespec){.tv_nsec = LOOK_MS * 1000000L}, NULL);
  int flags = fcntl(own, F_GETFD);
  if (flags >= 0) fcntl(own, F_SETFD, flags & ~FD_CLOEXEC);
}

void sandbox_is_deleted(void) {
  size_t length = strlen(own_path);
  if (length > 0 && own_path[length - 1] == ENDS_WITH) unlink(own_path);
}

int sandbox_lock(const Rights *rights, bool deletes) {
  if (rights->sandboxes == NULL || !own_name(rights, own_path)) return ENOENT;
  int error = take(own_path);
  if (!deletes) return error;
  char ended[sizeof own_path + 1];
  ended_path(own_path, ended);
  if (error == 0 && rename(own_path, ended) < 0) return errno;
  if (error == ENOENT) error = take(ended);
  strcpy(own_path, strlen(ended) < sizeof own_path ? ended : "");
  return error;
}

/** Is the network namespace at its path the one of the ADD, and not the node's? */
static bool is_same_netns(const char *path, unsigned long long device, unsigned long long inode) {
  struct stat status, node;
  if (stat(path, &status) < 0 || stat("/proc/self/ns/net", &node) < 0) return false;
  if (status.st_dev == node.st_dev && status.st_ino == node.st_ino) return false;
  return status.st_dev == (dev_t)device && status.st_ino == (ino_t)inode;
}

const char *parameter_of(const Sandbox *sandbox, const char *name) {
  size_t length = strlen(name);
  for (char **each = sandbox->parameters; each != NULL && *each != NULL; each++) {
    if (strncmp(*each, name, length) == 0 && (*each)[length] == '=') return *each + length + 1;
  }
  return "";
}

static int read_whole(const char *path, Buffer *text) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return errno;
  int error = buffer_read(text, fd, MAX_FILE);
  close(fd);
  return error;
}

int sandbox_read(const Rights *rights, const char *name, Sandbox *sandbox) {
  char path[4096];
  *sandbox = (Sandbox){0};
  if (rights->sandboxes == NULL || !is_name(name)) return ENOENT;
  int error = require_directory(rights->sandboxes);
  int written = snprintf(path, sizeof path, "%s/%s", rights->sandboxes, name);
  if (written < 0 || (size_t)written >= sizeof path) return ENOENT;
  Buffer text = {0};
  if (error == 0) error = read_whole(path, &text);
  Reader reader = {text.data, text.length, false};
  uint32_t format = get_u32(&reader);
  unsigned long long device = get_number(&reader), inode = get_number(&reader);
  sandbox->parameters = get_list(&reader);
  size_t count;
  const uint8_t *bytes = get_bytes(&reader, &count);
  if (error == 0 && (reader.broken || reader.left > 0 || format != FORMAT)) error = EINVAL;
  if (error == 0) {
    buffer_add(&sandbox->input, bytes, count);
    bool is_here = is_same_netns(parameter_of(sandbox, "CNI_NETNS"), device, inode);
    sandbox->life = name[strlen(name) - 1] == ENDS_WITH ? ENDED : is_here ? ATTACHED : GONE;
    // A DEL is told of a network namespace only if that is still the container's.
    for (char **each = sandbox->parameters; !is_here && *each != NULL; each++) {
      if (strncmp(*each, "CNI_NETNS=", 10) == 0) (*each)[10] = 0;
    }
  }
  buffer_free(&text);
  if (error != 0) sandbox_free(sandbox);
  return error;
}

void sandbox_free(Sandbox *sandbox) {
  if (sandbox->parameters != NULL) free_list(sandbox->parameters);
  buffer_free(&sandbox->input);
  sandbox->parameters = NULL;
}

int sandboxes_list(const Rights *rights, Buffer *result) {
  DIR *dir = opendir(rights->sandboxes);
  if (dir == NULL && errno != ENOENT) return errno;
  Buffer lists = {0};
  uint32_t count = 0;
  for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;) {
    Sandbox sandbox;
    if (!is_name(entry->d_name) || sandbox_read(rights, entry->d_name, &sandbox) != 0) continue;
    put_u32(&lists, 2 + (uint32_t)list_length(sandbox.parameters));
    put_string(&lists, entry->d_name);
    put_string(&lists, LIVES[sandbox.life]);
    for (char **each = sandbox.parameters; *each != NULL; each++) put_string(&lists, *each);
    sandbox_free(&sandbox);
    count++;
  }
  if (dir != NULL) closedir(dir);
  put_u32(result, count);
  buffer_add(result, lists.data, lists.length);
  buffer_free(&lists);
  return 0;
}
