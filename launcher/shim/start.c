#define _GNU_SOURCE
#include "start.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "files.h"
#include "jobs.h"
#include "messages.h"
#include "tally.h"

/** How many calls may wait until the process takes them; the kernel may have a lower limit (net.core.somaxconn). */
#define BACKLOG 1024
/** How long one that is being started is waited for, if it does something all the time. */
#define LONGEST_START_MS 30000
/** After a start that failed, or that replaced another process, the next one waits for so long. */
#define PAUSE_MS 10000
/** What the process inherits: launcher/resident/server.ts has the same. */
enum Inherited { SOCKET_FD = 3, LOCK_FD = 4 };
/** Descriptors below are overwritten with those. */
#define FIRST_FREE_FD 10

#define PATH_OF_SYSTEM "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
/** What the process needs of the runtime's environment to reach an API server. */
static const char *const INHERITED_VARIABLES[] = {
    "HTTP_PROXY=",  "http_proxy=",   "HTTPS_PROXY=",  "https_proxy=",        "NO_PROXY=",
    "no_proxy=",    "SSL_CERT_FILE=", "SSL_CERT_DIR=", "NODE_EXTRA_CA_CERTS=", NULL};

/** What the lock file says of the last start. */
typedef struct {
  long pid;
  /** 0 once the process serves. */
  int64_t began_ms;
} Note;

__attribute__((format(printf, 1, 2))) static char *words_of(const char *format, ...) {
  va_list values;
  va_start(values, format);
  char *words = worded(format, values);
  va_end(values);
  return words;
}

/** Opens the lock file. Returns a descriptor, or -1 with `*why`. */
static int open_lock(const Rights *rights, char **why) {
  Buffer path = {0};
  buffer_add(&path, rights->socket, strlen(rights->socket));
  buffer_add(&path, ".lock", sizeof ".lock");
  int lock = open((char *)path.data, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY, 0600);
  struct stat status;
  if (lock < 0) {
    *why = words_of("open %s: %s", (char *)path.data, strerror(errno));
  } else if (fstat(lock, &status) < 0 || !S_ISREG(status.st_mode) || status.st_uid != geteuid() ||
             (status.st_mode & 077) != 0) {
    *why = words_of("%s: it must be a file, belong to root, and be closed to others", (char *)path.data);
    close(lock);
    lock = -1;
  }
  buffer_free(&path);
  return lock;
}

/** Returns whether there is one. */
static bool read_note(int lock, Note *note) {
  char text[64];
  ssize_t length = pread(lock, text, sizeof text - 1, 0);
  if (length <= 0) return false;
  text[length] = 0;
  char *rest;
  note->pid = strtol(text, &rest, 10);
  note->began_ms = strtoll(rest, NULL, 10);
  return true;
}

/** Makes the directory of the socket, which only root may enter. */
static char *make_socket_directory(const Rights *rights) {
  char *dir = must(strndup(rights->socket, (size_t)(strrchr(rights->socket, '/') - rights->socket)));
  int error = make_directory(dir, 0700);
  char *why = error == 0 ? NULL : words_of("mkdir %s: %s", dir, strerror(error));
  free(dir);
  return why;
}

/** Connects once, and hangs up. */
static bool is_listening(const struct sockaddr_un *address) {
  int client = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (client < 0) return false;
  bool listens = connect(client, (const struct sockaddr *)address, sizeof *address) == 0 || errno == EAGAIN;
  close(client);
  return listens;
}

/**
 * Listens under another name first: whoever connects to the socket's finds a listener. Returns a descriptor, or -1. `*inode` is
 * the socket's: at its path there may be another one a moment later.
 */
static int listen_at(const char *path, ino_t *inode, char **why) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  int written = snprintf(address.sun_path, sizeof address.sun_path, "%s.%ld", path, (long)getpid());
  if (written < 0 || (size_t)written >= sizeof address.sun_path) {
    *why = words_of("socket %s: its path is too long for a temporary name beside it", path);
    return -1;
  }
  const char *call = "socket";
  int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  struct stat status = {0};
  mode_t before = umask(0177);
  unlink(address.sun_path); // of a process that died here and had the same number
  bool listens = listener >= 0 && (call = "bind", bind(listener, (struct sockaddr *)&address, sizeof address) == 0) &&
                 (call = "listen", listen(listener, BACKLOG) == 0) &&
                 (call = "stat", stat(address.sun_path, &status) == 0) &&
                 (call = "rename", rename(address.sun_path, path) == 0);
  int error = errno;
  umask(before);
  *inode = status.st_ino;
  if (listens) return listener;
  unlink(address.sun_path);
  if (listener >= 0) close(listener);
  *why = words_of("%s %s: %s", call, address.sun_path, strerror(error));
  return -1;
}

/** Closes what the runtime has left open, from `from` on, but `kept`. */
static void close_others(int from, int kept) {
  DIR *dir = opendir("/proc/self/fd");
  if (dir == NULL) return;
  struct dirent *entry;
  while ((entry = readdir(dir)) != NULL) {
    int fd = atoi(entry->d_name);
    if (fd >= from && fd != kept && fd != dirfd(dir)) close(fd);
  }
  closedir(dir);
}

/** Returns a descriptor of the same that is out of the way. It is closed by execve. */
static int out_of_the_way(int fd) { return fcntl(fd, F_DUPFD_CLOEXEC, FIRST_FREE_FD); }

/** Is the child: becomes the resident process, or tells the shim why not. It has no terminal and no other descriptors. */
static _Noreturn void become_resident(const char *path, char **arguments, char **environment, int listener, ino_t inode,
                                      int lock, int told) {
  listener = out_of_the_way(listener);
  lock = out_of_the_way(lock);
  told = out_of_the_way(told);
  int null = open("/dev/null", O_RDWR | O_CLOEXEC);
  null = out_of_the_way(null);
  bool is_ready = null >= 0 && setsid() >= 0 && chdir("/") == 0;
  for (int fd = 0; fd < 3; fd++) is_ready = is_ready && dup2(null, fd) == fd;
  is_ready = is_ready && dup2(listener, SOCKET_FD) == SOCKET_FD && dup2(lock, LOCK_FD) == LOCK_FD;
  if (is_ready) {
    close_others(LOCK_FD + 1, told);
    umask(022);
    restore_signals();
    char note[80];
    int length = snprintf(note, sizeof note, "%ld %lld %llu\n", (long)getpid(), (long long)now_ms(),
                          (unsigned long long)inode);
    if (ftruncate(LOCK_FD, 0) == 0 && pwrite(LOCK_FD, note, (size_t)length, 0) == length)
      execve(path, arguments, environment);
  }
  int error = errno;
  _exit(write(told, &error, sizeof error) == sizeof error ? 127 : 126);
}

/** Executes `plexus resident`, the binary beside the shim. */
static char *execute_resident(const Rights *rights, int listener, ino_t inode, int lock) {
  char *environment[sizeof INHERITED_VARIABLES / sizeof *INHERITED_VARIABLES + 1] = {PATH_OF_SYSTEM};
  size_t count = 1;
  for (const char *const *name = INHERITED_VARIABLES; *name != NULL; name++) {
    for (char **variable = environ; *variable != NULL; variable++) {
      if (strncmp(*variable, *name, strlen(*name)) == 0) {
        environment[count++] = *variable;
        break;
      }
    }
  }
  Buffer path = {0};
  buffer_add(&path, rights->directory, strlen(rights->directory));
  buffer_add(&path, "/plexus", sizeof "/plexus");
  char *arguments[5 + MAX_WORDS + 1] = {(char *)path.data, "resident", "--socket", rights->socket, "--started-by-shim"};
  memcpy(arguments + 5, rights->options.items, sizeof rights->options.items);

  int told[2]; // closed by execve, else it says why there was none
  int error = 0;
  if (pipe2(told, O_CLOEXEC) < 0) {
    error = errno;
  } else {
    pid_t child = fork();
    if (child == 0) become_resident((char *)path.data, arguments, environment, listener, inode, lock, told[1]);
    if (child < 0) error = errno;
    close(told[1]);
    while (child > 0 && read(told[0], &error, sizeof error) < 0 && errno == EINTR) continue;
    close(told[0]);
  }
  char *why = error == 0 ? NULL : words_of("cannot execute %s: %s; run plexus install", (char *)path.data,
                                           strerror(error));
  buffer_free(&path);
  return why;
}

/** Listens, and hands that to a resident process. The caller has the lock. */
static char *start(const Rights *rights, int lock) {
  char *why = NULL;
  if (ftruncate(lock, 0) < 0) return words_of("ftruncate %s.lock: %s", rights->socket, strerror(errno));
  ino_t inode;
  int listener = listen_at(rights->socket, &inode, &why);
  if (listener < 0) return why;
  why = execute_resident(rights, listener, inode, lock);
  close(listener);
  if (why == NULL) tally(rights, PROCESS_STARTED);
  return why;
}

enum Start start_resident(const Rights *rights, char **why) {
  if ((*why = make_socket_directory(rights)) != NULL) return FAILED;
  int lock = open_lock(rights, why);
  if (lock < 0) return FAILED;
  if (flock(lock, LOCK_EX | LOCK_NB) < 0) {
    int error = errno;
    close(lock);
    if (error == EWOULDBLOCK || error == EINTR) return BEGUN;
    *why = words_of("flock %s.lock: %s", rights->socket, strerror(error));
    return FAILED;
  }
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  strncpy(address.sun_path, rights->socket, sizeof address.sun_path - 1);
  Note last;
  if (!is_listening(&address)) { // another shim may have come first
    bool has_failed = read_note(lock, &last) && last.began_ms != 0;
    int64_t age = has_failed ? now_ms() - last.began_ms : PAUSE_MS;
    if (age >= 0 && age < PAUSE_MS)
      *why = words_of("the resident process that was started %lld ms ago has ended before it served; see what "
                      "`plexus resident` says", (long long)age);
    else *why = start(rights, lock);
  }
  close(lock); // the process has it too
  return *why == NULL ? STARTED : FAILED;
}

/** Is there a socket, and not since moments ago? Else two versions of the shim would replace each other's at each call. */
static bool is_replaceable(const char *path) {
  struct stat status;
  struct timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  if (lstat(path, &status) < 0) return false; // the next call starts one
  time_t age = now.tv_sec - status.st_ctim.tv_sec;
  return age < 0 || age >= PAUSE_MS / 1000;
}

char *replace_resident(const Rights *rights) {
  char *why = NULL;
  int lock = open_lock(rights, &why);
  if (lock < 0) return why;
  bool is_held = flock(lock, LOCK_EX | LOCK_NB) < 0; // then one is being started
  if (!is_held && is_replaceable(rights->socket)) why = start(rights, lock);
  close(lock);
  return why;
}

/** Reads what changes whenever a process does anything: its times, page faults and memory. Source: proc_pid_stat(5). */
static bool read_traces(long pid, char *text, size_t size) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%ld/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  ssize_t length = read(fd, text, size - 1);
  close(fd);
  text[length < 0 ? 0 : length] = 0;
  return length > 0;
}

enum Progress look_at_resident(const Rights *rights) {
  static char before[1024];
  static int64_t changed_ms;
  if (!rights->starts) return SERVING;
  char *why;
  int lock = open_lock(rights, &why);
  if (lock < 0) {
    free(why);
    return SERVING;
  }
  bool is_held = flock(lock, LOCK_SH | LOCK_NB) < 0;
  Note note;
  bool is_noted = read_note(lock, &note);
  close(lock);
  int64_t now = now_ms();
  char traces[sizeof before];
  if (!is_noted || !read_traces(note.pid, traces, sizeof traces)) *traces = 0; // between the lock and the note
  bool waits_for_disk = strstr(traces, ") D ") != NULL; // so would `plexus`
  if (changed_ms == 0 || waits_for_disk || strcmp(traces, before) != 0) {
    changed_ms = now;
    strcpy(before, traces);
  }
  bool is_idle = now - changed_ms > rights->start_timeout_ms;
  if (!is_held) return is_idle || *traces == 0 ? SERVING : BUSY;
  bool is_late = is_noted && note.began_ms != 0 && now - note.began_ms > LONGEST_START_MS;
  return is_late || is_idle ? STALLED : STARTING;
}
