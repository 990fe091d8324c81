// How it works: an executor announces itself by SERVE, and then says which sandboxes there are (sandboxes.c), and does jobs. A
// job is the shim itself, executed as the runtime has executed it for the sandbox's ADD: the same parameters, the same conf,
// but for CNI_COMMAND. It makes a connection of its own, by WORK in the place of CALL, and is served as any call, within the
// same rights; but it starts no resident process, and becomes no `plexus`. So a daemon can name a sandbox, and nothing else:
// neither its network namespace nor its directories of plugins come from there.
#define _GNU_SOURCE
#include "executor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "buffer.h"
#include "connect.h"
#include "frames.h"
#include "jobs.h"
#include "messages.h"
#include "sandboxes.h"

/** Jobs at once. */
#define MAX_WORK 8
#define RECEIVE_SIZE 65536
/** How soon it connects again; twice as late each time, until it has been served. */
#define FIRST_PAUSE_MS 100
#define LONGEST_PAUSE_MS 5000

static struct {
  pid_t pid;
  uint32_t id;
} work[MAX_WORK];

/** Of the connection to the daemon. */
static struct {
  int fd;
  bool accepted;
  /** Why it ends, for `free`; NULL while it goes on. */
  char *ended;
  Buffer incoming;
  Outgoing outgoing;
} daemon_link = {.fd = -1};

__attribute__((format(printf, 1, 2))) static void hang_up(const char *format, ...) {
  if (daemon_link.ended != NULL) return;
  va_list values;
  va_start(values, format);
  daemon_link.ended = worded(format, values);
  va_end(values);
}

/** Executes the shim for a job. Does not return. */
static _Noreturn void become_worker(const Sandbox *sandbox, const char *verb, uint32_t id, pid_t parent) {
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) _exit(1);
  int input = memfd_create("stdin", MFD_CLOEXEC);
  int output = open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (input < 0 || output < 0 || write_all(input, sandbox->input.data, sandbox->input.length) != 0 ||
      lseek(input, 0, SEEK_SET) < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0)
    fail("cannot begin a job: %s", strerror(errno));
  restore_signals();
  char number[16], command[32];
  snprintf(number, sizeof number, "%u", id);
  snprintf(command, sizeof command, "CNI_COMMAND=%s", verb);
  const char *path = getenv("PATH");
  char *search;
  if (asprintf(&search, "PATH=%s", path == NULL ? "/usr/sbin:/usr/bin:/sbin:/bin" : path) < 0) fail("out of memory");
  bool is_of_container = strcmp(verb, "GC") != 0 && strcmp(verb, "STATUS") != 0;
  size_t count = list_length(sandbox->parameters);
  char **environment = must(calloc(count + 3, sizeof *environment));
  size_t length = 0;
  environment[length++] = search;
  environment[length++] = command;
  for (size_t index = 0; index < count; index++) {
    if (is_of_container || strncmp(sandbox->parameters[index], "CNI_PATH=", 9) == 0)
      environment[length++] = sandbox->parameters[index];
  }
  char *const arguments[] = {"plexus-shim", WORK_ARGUMENT, number, NULL};
  execve("/proc/self/exe", arguments, environment);
  fail("cannot begin a job: execve: %s", strerror(errno));
}

/** Does a job's verb fit how the sandbox lives? */
static int refuse_work(const char *verb, enum Life life) {
  static const char *const TO_ATTACHED[] = {"ADD", "CHECK", NULL}, *const TO_ANY[] = {"GC", "STATUS", NULL};
  if (is_one_of(verb, strlen(verb), TO_ATTACHED)) return life == ATTACHED ? 0 : ENOENT;
  if (strcmp(verb, "DEL") == 0) return life == ATTACHED ? EPERM : 0;
  return is_one_of(verb, strlen(verb), TO_ANY) ? 0 : EPERM;
}

/** Answers BEGIN when the job has ended; at once if it is not begun. */
static void begin_work(const Rights *rights, uint32_t id, const char *name, const char *verb) {
  const Buffer nothing = {0};
  Sandbox sandbox = {0};
  size_t slot = 0;
  while (slot < MAX_WORK && work[slot].pid != 0) slot++;
  int error = slot == MAX_WORK ? EAGAIN : sandbox_read(rights, name, &sandbox);
  if (error == 0) error = refuse_work(verb, sandbox.life);
  if (error == 0) {
    pid_t parent = getpid();
    pid_t pid = fork();
    if (pid == 0) become_worker(&sandbox, verb, id, parent);
    if (pid < 0) {
      error = errno;
    } else {
      work[slot].pid = pid;
      work[slot].id = id;
    }
  }
  sandbox_free(&sandbox);
  if (error == EPERM) add_refused(&daemon_link.outgoing, id, "no such work is done for it");
  else if (error != 0) add_done(&daemon_link.outgoing, id, error, &nothing);
}

static void list_sandboxes(const Rights *rights, uint32_t id) {
  Buffer result = {0};
  add_done(&daemon_link.outgoing, id, sandboxes_list(rights, &result), &result);
  buffer_free(&result);
}

static void take_begin(const Rights *rights, Frame *frame) {
  char *name = get_string(&frame->fields);
  char *verb = get_string(&frame->fields);
  if (frame->fields.broken || frame->fields.left > 0) hang_up("the fields of BEGIN do not fit");
  else begin_work(rights, frame->id, name, verb);
  free(name);
  free(verb);
}

static void take_accept(Frame *frame) {
  uint32_t version = get_u32(&frame->fields);
  free(get_string(&frame->fields));
  if (frame->fields.broken || frame->fields.left > 0) hang_up("the fields of ACCEPT do not fit");
  else if (version != PROTOCOL) hang_up("the daemon speaks protocol version %u, not %d", version, PROTOCOL);
  daemon_link.accepted = true;
}

static void handle(const Rights *rights, Frame *frame) {
  if (frame->type == ACCEPT) {
    take_accept(frame);
  } else if (!daemon_link.accepted) {
    hang_up("type %u comes before ACCEPT", frame->type);
  } else if (frame->type == BEGIN) {
    take_begin(rights, frame);
  } else if (frame->type == SANDBOXES && frame->fields.left == 0) {
    list_sandboxes(rights, frame->id);
  } else if (frame->type != ALIVE || frame->fields.left > 0) {
    hang_up("type %u is not for an executor, or its fields do not fit", frame->type);
  }
}

/** Returns whether a frame came in whole. */
static bool receive(const Rights *rights) {
  uint8_t *bytes = buffer_reserve(&daemon_link.incoming, RECEIVE_SIZE);
  ssize_t count = recv(daemon_link.fd, bytes, RECEIVE_SIZE, MSG_DONTWAIT);
  if (count < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (count <= 0) {
    hang_up("the daemon is gone%s%s", count < 0 ? ": recv: " : "", count < 0 ? strerror(errno) : "");
    return false;
  }
  daemon_link.incoming.length += (size_t)count;
  size_t at = 0;
  Frame frame;
  enum Arrival arrival = INCOMPLETE;
  while (daemon_link.ended == NULL && (arrival = take_frame(&daemon_link.incoming, &at, &frame)) == WHOLE)
    handle(rights, &frame);
  if (arrival == MALFORMED) hang_up("the length of a frame is out of range");
  buffer_drop(&daemon_link.incoming, at);
  return at > 0;
}

static void transmit(void) {
  Buffer *bytes = &daemon_link.outgoing.bytes;
  if (daemon_link.outgoing.too_large) hang_up("it does not read what it is told");
  if (bytes->length == 0 || daemon_link.ended != NULL) return;
  ssize_t count = send(daemon_link.fd, bytes->data, bytes->length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count > 0) buffer_drop(bytes, (size_t)count);
  if (count < 0 && errno != EAGAIN && errno != EINTR) hang_up("the daemon is gone: send: %s", strerror(errno));
}

/** Tells the daemon of the jobs that have ended. */
static void reap_work(void) {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    for (size_t slot = 0; slot < MAX_WORK; slot++) {
      if (work[slot].pid != pid) continue;
      work[slot].pid = 0;
      if (daemon_link.fd < 0 || work[slot].id == 0) continue;
      Buffer result = {0};
      put_u32(&result, WIFEXITED(status) ? (uint32_t)WEXITSTATUS(status) : 128u + (uint32_t)WTERMSIG(status));
      add_done(&daemon_link.outgoing, work[slot].id, 0, &result);
      buffer_free(&result);
    }
  }
}

/** Ends, with all jobs, if somebody says so; else reaps. */
static void take_signals(int signals) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    for (size_t slot = 0; slot < MAX_WORK; slot++) {
      if (work[slot].pid != 0) kill(work[slot].pid, SIGTERM);
    }
    for (size_t slot = 0; slot < MAX_WORK; slot++) {
      if (work[slot].pid != 0) waitpid(work[slot].pid, NULL, 0);
    }
    exit(0);
  }
  reap_work();
}

static void wait_for(int signals, int ms) {
  struct pollfd polled = {signals, POLLIN, 0};
  if (poll(&polled, 1, ms) > 0) take_signals(signals);
}

/** Becomes the shim that an upgrade has put in the place of this one, unless a job runs. */
static void follow_upgrade(const char *path) {
  char own[4096];
  ssize_t length = readlink("/proc/self/exe", own, sizeof own - 1);
  own[length < 0 ? 0 : length] = 0;
  if (length < 0 || strcmp(own, path) == 0 || access(path, X_OK) < 0) return;
  for (size_t slot = 0; slot < MAX_WORK; slot++) {
    if (work[slot].pid != 0) return;
  }
  restore_signals();
  char *const arguments[] = {"plexus-shim", "--serve", NULL};
  execve(path, arguments, environ);
  fail("cannot become the shim that has taken its place: execve %s: %s; run plexus install", path, strerror(errno));
}

/** Serves a daemon that has been connected to, until it is gone, falls silent, or sends what it should not. */
static void serve_connection(const Rights *rights, const char *path, int signals) {
  int64_t heard = now_ms();
  while (daemon_link.ended == NULL) {
    follow_upgrade(path);
    int64_t limit = daemon_link.accepted ? rights->silence_timeout_ms : rights->accept_timeout_ms;
    int64_t left = heard + limit - now_ms();
    if (left <= 0) {
      hang_up("the daemon says nothing: no frame for %lld ms", (long long)limit);
      break;
    }
    short events = (short)(POLLIN | (daemon_link.outgoing.bytes.length > 0 ? POLLOUT : 0));
    struct pollfd polled[] = {{daemon_link.fd, events, 0}, {signals, POLLIN, 0}};
    if (poll(polled, 2, (int)left) < 0 && errno != EINTR) hang_up("poll: %s", strerror(errno));
    if (polled[1].revents != 0) take_signals(signals);
    if ((polled[0].revents & (POLLIN | POLLHUP | POLLERR)) != 0 && receive(rights)) heard = now_ms();
    transmit();
  }
}

/** The jobs of a daemon that is gone end by themselves, and no other one is told of them. */
static void forget_connection(void) {
  close(daemon_link.fd);
  daemon_link.fd = -1;
  daemon_link.accepted = false;
  daemon_link.incoming.length = 0;
  daemon_link.outgoing.bytes.length = 0;
  daemon_link.outgoing.too_large = false;
  for (size_t slot = 0; slot < MAX_WORK; slot++) work[slot].id = 0;
}

/** Says why it is not served; once, as long as that is the same. */
static void say_why(char *why) {
  static char *said;
  if (said == NULL || strcmp(said, why) != 0) complain("%s", why);
  free(said);
  said = why;
}

_Noreturn void serve_daemon(const Rights *rights, const char *path, int signals, const char *version) {
  if (rights->sandboxes == NULL)
    fail("--serve: plexus-shim.conf has no line `sandboxes DIRECTORY`, so there is nothing to serve; add one, such as `sandboxes "
         "/run/plexus-sandboxes`");
  for (int pause = FIRST_PAUSE_MS;; pause = pause * 2 > LONGEST_PAUSE_MS ? LONGEST_PAUSE_MS : pause * 2) {
    follow_upgrade(path);
    char *why = NULL;
    enum Reached reached = connect_to_resident(rights, &daemon_link.fd, &why);
    if (reached == UNUSABLE) say_why(why);
    if (reached == CONNECTED) {
      add_serve(&daemon_link.outgoing, version);
      serve_connection(rights, path, signals);
      if (daemon_link.accepted) pause = FIRST_PAUSE_MS;
      forget_connection();
      say_why(daemon_link.ended);
      daemon_link.ended = NULL;
    }
    wait_for(signals, pause);
  }
}
