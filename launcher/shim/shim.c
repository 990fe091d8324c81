// plexus-shim: the CNI plugin that a container runtime executes on a node where a resident process decides.
//
// It sends its environment and its stdin to the resident process, over a unix socket, in a CALL. From then on it serves
// in one loop over poll: the resident process asks for what can only be done here, as the runtime's child and in its
// namespaces (requests.c): execute plugins (jobs.c), read and write files (files.c), within what the installer allows
// (rights.c). Last comes an ANSWER, which the shim prints. It parses no JSON, and decides two things only: if there is no
// resident process and the installer says so, it starts one (start.c); if there is none even so, or it dies, falls silent
// or sends what it should not, the shim kills what it is executing and becomes `plexus`, the binary beside it, which
// finishes or undoes what was begun. docs/protocol.md, docs/security.md.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "buffer.h"
#include "connect.h"
#include "executions.h"
#include "executor.h"
#include "frames.h"
#include "jobs.h"
#include "messages.h"
#include "node.h"
#include "requests.h"
#include "rights.h"
#include "sandboxes.h"
#include "start.h"
#include "tally.h"
#include "types.h"
#include "writing.h"

#ifndef SHIM_VERSION
#error "SHIM_VERSION is given by the build"
#endif

#define SUPPORTED "\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""
#define VERSIONS "{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[" SUPPORTED "]}\n"
#define HOST_OPTION "--host="
#define MAX_INPUT (8u << 20)
#define RECEIVE_SIZE 65536
/** How often a shim looks whether another one has made the socket, and how far the resident process is. */
#define LOCK_HELD_MS 2
#define LOOK_AGAIN_MS 250
/** How long a resident process that the shim may start has for its ACCEPT if it does something all the time. */
#define LONGEST_ACCEPT_MS 10000
/** How soon it tries again to connect if too many others wait. */
#define BACKLOG_FULL_MS 5
/** How many resident processes a call may be handed to after the first. One that is killed accepts calls to its last moment. */
#define MOST_TRIES 3
/** How long to wait for processes that were killed, and how often to look. */
#define LEFT_END_WITHIN_MS 5000
#define LEFT_LOOK_MS 5

/** The shim's own path. */
static char self[4096];
static Buffer input;
static Rights rights;
static Call call = {.rights = &rights};
static int server = -1;
static int signals = -1;
static Buffer incoming;

/** The number of the daemon's job that this is; 0 for a call of the runtime. */
static uint32_t job;

/** Is this a node where `plexus` cannot run? What would end in it goes back to `next_round` then, and waits for the daemon. */
static bool waits_for_daemon;
static jmp_buf next_round;
/** Why the call was to be left to `plexus` last, with a `: ` before it; or empty. */
static char *left_because = "";

static _Noreturn void wait_for_resident(const char *path);

/** Why `plexus` cannot run here. */
static enum { WITHOUT_LOADER, DAMAGED } cannot_run;
static void catch_signals(void);

static void set_variable(const char *name, const char *value) {
  if (setenv(name, value, 1) < 0) fail("setenv %s: %s", name, strerror(errno));
}

/** Ends all that was begun for the resident process: somebody else goes on. */
static void end_begun(void) {
  jobs_end();
  marks_remove(&rights);
}

/** Becomes `plexus`, with the runtime's environment and stdin, and what the installer allows it too. */
static _Noreturn void become_plexus(enum Tally why) {
  if (server >= 0) close(server);
  server = -1;
  end_begun();
  if (job != 0) _exit(1); // the daemon tries again, by what is on disk
  if (waits_for_daemon) longjmp(next_round, 1);
  sandbox_is_handed_on();
  tally(&rights, why);
  int file = memfd_create("stdin", MFD_CLOEXEC);
  if (file < 0) fail("cannot pass stdin on: memfd_create: %s", strerror(errno));
  int error = write_all(file, input.data, input.length);
  if (error != 0) fail("cannot pass stdin on: write: %s", strerror(error));
  if (lseek(file, 0, SEEK_SET) < 0) fail("cannot pass stdin on: lseek: %s", strerror(errno));
  if (dup2(file, 0) < 0) fail("cannot pass stdin on: dup2: %s", strerror(errno));
  close(file);
  if (rights.plugins.items[0] != NULL) set_variable("PLEXUS_PLUGINS", joined(&rights.plugins));
  restore_signals();
  char path[sizeof self + sizeof "plexus"];
  snprintf(path, sizeof path, "%.*s/plexus", (int)(strrchr(self, '/') - self), self);
  char *const arguments[] = {path, NULL};
  execv(path, arguments);
  // The kernel says so of a file that is there if its loader is not, and of one that is not a whole program.
  cannot_run = errno == ENOEXEC ? DAMAGED : WITHOUT_LOADER;
  if ((errno == ENOENT && access(path, F_OK) == 0) || errno == ENOEXEC) wait_for_resident(path);
  fail("no resident process serves this call: execve %s: %s; run plexus install", path, strerror(errno));
}

/** Becomes `plexus`, and says why. */
__attribute__((format(printf, 2, 3))) static _Noreturn void fall_back(enum Tally why, const char *format, ...) {
  va_list values;
  va_start(values, format);
  char *because = worded(format, values);
  va_end(values);
  if (job != 0) complain("a job is given up: %s", because);
  else if (!waits_for_daemon) complain("executing plexus: %s", because);
  if (*left_because != 0) free(left_because);
  if (asprintf(&left_because, ": %s", because) < 0) fail("out of memory");
  free(because);
  become_plexus(why);
}

/** Ends with an answer. One that cannot be written has not been given. */
static _Noreturn void print_answer(const uint8_t *text, size_t length, int exit_code) {
  int error = write_all(STDOUT_FILENO, text, length);
  if (error != 0) cannot_answer(error);
  _exit(exit_code);
}

static _Noreturn void answer_runtime(void) {
  jobs_end();
  if (call.exit_code == 0) sandbox_is_deleted(); // if this was a DEL
  print_answer(call.answer, call.answer_length, (int)(call.exit_code & 0xff));
}

/** What is opened would take the number of a stream that is closed, and get what is written to that. */
static void require_streams(void) {
  if (fcntl(STDOUT_FILENO, F_GETFD) < 0) cannot_answer(errno);
  for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
    if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd) _exit(1);
  }
}

/** Does what the frames ask for that have come in whole. Returns whether there was any. */
static bool handle_frames(void) {
  size_t at = 0;
  Frame frame;
  enum Arrival arrival = INCOMPLETE;
  while (call.standing == OPEN && (arrival = take_frame(&incoming, &at, &frame)) == WHOLE) {
    handle_frame(&call, &frame);
    if (call.standing == ANSWERED) answer_runtime();
  }
  if (arrival == MALFORMED)
    leave(&call, "malformed reply from the resident process: the length of a frame is out of range");
  buffer_drop(&incoming, at);
  return at > 0;
}

/** Returns whether there was a frame that is whole now. Parts of one are no sign of life: they could drip for ever. */
static bool receive(void) {
  for (bool any = false; call.standing == OPEN;) {
    ssize_t count = recv(server, buffer_reserve(&incoming, RECEIVE_SIZE), RECEIVE_SIZE, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return any;
    if (count < 0) lose(&call, "the resident process is gone: recv: %s", strerror(errno));
    if (count == 0) lose(&call, "the resident process is gone: it closed the connection");
    if (count <= 0) return any;
    incoming.length += (size_t)count;
    any |= handle_frames();
    if (count < RECEIVE_SIZE) return any;
  }
  return true;
}

static void transmit(void) {
  if (call.outgoing.too_large)
    leave(&call, "a frame for the resident process is larger than %u MiB, or all that it has not read than %u MiB",
          MAX_FRAME >> 20, MAX_OUTGOING >> 20);
  Buffer *bytes = &call.outgoing.bytes;
  if (bytes->length == 0 || call.standing != OPEN) return;
  ssize_t count = send(server, bytes->data, bytes->length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count > 0) buffer_drop(bytes, (size_t)count);
  if (count >= 0 || errno == EAGAIN || errno == EINTR) return;
  int error = errno;
  receive(); // it may have answered before it closed
  if (call.standing == OPEN) lose(&call, "the resident process is gone: send: %s", strerror(error));
}

/** Dies, with all jobs, of the signal that the runtime sent; else reaps. */
static void take_signals(void) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    jobs_end();
    restore_signals();
    signal((int)info.ssi_signo, SIG_DFL);
    raise((int)info.ssi_signo);
    _exit(128 + (int)info.ssi_signo);
  }
  jobs_reap();
}

/** Waits, and dies meanwhile if the runtime says so. */
static void pause_for(int ms) {
  struct pollfd polled = {signals, POLLIN, 0};
  if (poll(&polled, 1, ms) > 0) take_signals();
}

/** Waits until one more may connect, or falls back; `*deadline` is until when. */
static void wait_for_backlog(int64_t *deadline) {
  int64_t now = now_ms();
  enum Progress progress = look_at_resident(&rights);
  if (*deadline == 0 || progress == STARTING)
    *deadline = now + (progress == SERVING ? rights.connect_timeout_ms : LONGEST_ACCEPT_MS);
  if (now >= *deadline)
    fall_back(FELL_BUSY, "the resident process takes no more calls: its backlog was full for %u ms",
              rights.connect_timeout_ms);
  pause_for(BACKLOG_FULL_MS);
}

/** Starts a resident process, or waits until another shim has; falls back if that fails. */
static void start_or_wait(int64_t deadline) {
  char *why;
  enum Start started = start_resident(&rights, &why);
  if (started == FAILED) fall_back(FELL_NOT_STARTED, "%s", why);
  if (started == STARTED) return;
  if (now_ms() >= deadline)
    fall_back(FELL_NOT_STARTED, "the resident process is not started: %s.lock is held", rights.socket);
  pause_for(LOCK_HELD_MS);
}

/** Says how this shim was executed. */
static void announce(void) {
  call.outgoing.bytes.length = 0;
  if (job == 0) add_call(&call.outgoing, SHIM_VERSION, environ, &input);
  else add_work(&call.outgoing, SHIM_VERSION, environ, &input, job);
}

/** Connects to the resident process, starts it if the installer says so, or falls back; without a word if there is none. */
static void reach_resident(void) {
  int64_t start_deadline = now_ms() + rights.start_timeout_ms;
  int64_t backlog_deadline = 0;
  char *why;
  enum Reached reached;
  while ((reached = connect_to_resident(&rights, &server, &why)) != CONNECTED) {
    if (reached == UNUSABLE) fall_back(FELL_UNUSABLE, "%s", why);
    if (reached == FULL) wait_for_backlog(&backlog_deadline);
    else if (rights.starts) start_or_wait(start_deadline);
    else become_plexus(FELL_ABSENT);
  }
  announce();
}

/**
 * Hands the call to another resident process, or falls back. If one did not accept it, as it ends or is of another version,
 * nothing was begun. If it is gone since, the next one finishes or undoes what was begun, as `plexus` would: once.
 */
static void begin_again(void) {
  static bool was_begun;
  static unsigned tries;
  bool is_begun = call.accepted;
  if (!rights.starts || (is_begun && (call.standing != LOST || was_begun)) || tries++ == MOST_TRIES) {
    enum Tally fell = call.standing == LOST ? FELL_GONE : FELL_LEFT;
    if (*call.reason == 0) become_plexus(fell);
    fall_back(fell, "%s", call.reason);
  }
  was_begun |= is_begun;
  end_begun();
  char *why = call.standing == LOST ? NULL : replace_resident(&rights);
  if (why != NULL) fall_back(FELL_NOT_STARTED, "%s; %s", call.reason, why);
  tally(&rights, HANDED_OVER);
  if (call.accepted) complain("asking another one: %s", call.reason);
  close(server);
  server = -1;
  incoming.length = 0;
  call.standing = OPEN;
  call.accepted = false;
  reach_resident();
}

/** Makes the binary beside the shim take the next calls, if another version accepted this one, and serves it to its end. */
static void replace_other_version(void) {
  static bool has_been_asked;
  if (!rights.starts || !call.accepted || has_been_asked) return;
  has_been_asked = true;
  if (strcmp(call.version, SHIM_VERSION) == 0) return;
  char *why = replace_resident(&rights);
  if (why != NULL) complain("the resident process stays one of version %s: %s", call.version, why);
  free(why);
}

/** Returns until when a frame has to come, if the last one came at `*heard`; falls back if that has passed. */
static int64_t patience(int64_t *heard) {
  int64_t now = now_ms();
  if (!call.accepted && rights.starts) {
    // However slow the machine is, `plexus` would not be faster; but one that hangs must not keep a pod waiting.
    enum Progress progress = look_at_resident(&rights);
    if (progress == STALLED) fall_back(FELL_NOT_STARTED, "the resident process does not start: it has done nothing for %u ms, or all "
                                       "that it does takes too long", rights.start_timeout_ms);
    if (progress == STARTING) *heard = now;
    if (progress == STARTING || (progress == BUSY && now < *heard + LONGEST_ACCEPT_MS)) return now + LOOK_AGAIN_MS;
  }
  uint32_t limit = call.accepted ? rights.silence_timeout_ms : rights.accept_timeout_ms;
  if (now >= *heard + limit)
    fall_back(FELL_SILENT, call.accepted ? "the resident process says nothing any more: no frame for %u ms"
                            : "the resident process does not answer: no ACCEPT for %u ms", limit);
  return *heard + limit;
}

/** Serves until the call has an answer, or is left to `plexus`. */
static _Noreturn void serve(void) {
  int64_t heard = now_ms();
  for (;;) {
    int64_t left = jobs_deadline(patience(&heard)) - now_ms();

    // Wait for the resident process, for signals, and for the jobs.
    struct pollfd polled[2 + MAX_POLLED];
    polled[0] = (struct pollfd){server, (short)(POLLIN | (call.outgoing.bytes.length > 0 ? POLLOUT : 0)), 0};
    polled[1] = (struct pollfd){signals, POLLIN, 0};
    nfds_t count = 2 + jobs_poll(polled + 2);
    if (poll(polled, count, left < 0 ? 0 : (int)left) < 0 && errno != EINTR)
      fall_back(FELL_OTHER, "poll: %s", strerror(errno));

    // Jobs first: requests that come in change which there are.
    jobs_exchange(polled + 2);
    if (polled[1].revents != 0) take_signals();
    jobs_settle(&call.outgoing);
    if (polled[0].revents & (POLLIN | POLLHUP | POLLERR) && receive()) heard = now_ms();
    transmit();
    if (call.standing != OPEN) {
      begin_again();
      heard = now_ms();
    }
    replace_other_version();
  }
}

/**
 * Waits for the daemon on a node where `plexus` cannot run, as on Talos and Alpine, or where its file is damaged, and hands the
 * call to it, as often as it hangs up. One that it has left to `plexus` nobody can do.
 */
static _Noreturn void wait_for_resident(const char *path) {
  static bool is_first = true;
  int64_t deadline = now_ms() + rights.wait_timeout_ms;
  bool waits = strcmp(getenv("CNI_COMMAND"), "STATUS") != 0; // who asks for that is to know it now
  if (cannot_run == DAMAGED) complain("%s is damaged, or of another architecture: waiting for the daemon", path);
  else complain("%s cannot run on this node, which has no glibc for it: waiting for the daemon", path);
  unsetenv("PLEXUS_PLUGINS");
  if (signals >= 0) close(signals);
  catch_signals();
  waits_for_daemon = true;
  setjmp(next_round);
  if (call.standing == LEFT && *call.reason != 0 && cannot_run == DAMAGED)
    fail_with(TRY_AGAIN_LATER, "%s is damaged, or of another architecture, and the daemon has left the call to it: %s; run "
                               "plexus install again", path, call.reason);
  if (call.standing == LEFT && *call.reason != 0)
    fail_with(TRY_AGAIN_LATER, "%s cannot run on this node, which has no glibc for it, and the daemon has left the call to "
                               "it: %s", path, call.reason);
  char *why;
  while (!is_first || connect_to_resident(&rights, &server, &why) != CONNECTED) {
    bool is_over = !waits || now_ms() >= deadline;
    if (is_over && cannot_run == DAMAGED)
      fail_with(waits ? TRY_AGAIN_LATER : NOT_AVAILABLE,
                "%s is damaged, or of another architecture (%s), and no daemon has served the call at %s%s; run plexus install "
                "again", path, strerror(ENOEXEC), rights.socket, left_because);
    if (is_over)
      fail_with(waits ? TRY_AGAIN_LATER : NOT_AVAILABLE,
                "%s cannot run on this node, which has no glibc for it, and no daemon has served the call at %s%s; see that "
                "the pod of deploy/daemon runs here", path, rights.socket, left_because);
    pause_for(LOOK_AGAIN_MS);
    is_first = true;
  }
  is_first = false;
  incoming.length = 0;
  call.standing = OPEN;
  call.accepted = false;
  announce();
  serve();
}

static void read_input(void) {
  int error = buffer_read(&input, 0, MAX_INPUT);
  if (error == EFBIG) fail_with(DECODE_FAILURE, "the conf on stdin is larger than %u MiB", MAX_INPUT >> 20);
  if (error != 0) fail("read stdin: %s", strerror(error));
  static char version[MAX_TYPE + 1];
  if (find_version(input.data, input.length, version)) errors_have_version(version);
}

/**
 * Finds the shim's own path, and loads the conf beside it. It may have been replaced since it was executed: then it complains also
 * if there is no conf, as its rights may have been wider.
 */
static void load_rights(bool may_be_missing) {
  static const char mark[] = " (deleted)"; // the kernel adds it to the path that there was
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (length < 0) fail("readlink /proc/self/exe: %s; mount /proc", strerror(errno));
  self[length] = 0;
  char *end = self + length - (sizeof mark - 1);
  bool is_replaced = end > self && strcmp(end, mark) == 0 && access(self, F_OK) < 0;
  if (is_replaced) *end = 0;
  rights_load(&rights, self, may_be_missing && !is_replaced);
}

/** Answers a call that Plexus itself has made: see launcher/plugin.ts, which has the same words. */
static _Noreturn void answer_itself(const char *command, const char *delegate) {
  if (strcmp(command, "DEL") == 0 || strcmp(command, "GC") == 0) exit(0);
  fail_with(INVALID_NETWORK_CONFIG,
            "a conf leads back to Plexus: Plexus has executed %s, which is, or executes, Plexus; correct the `type` of "
            "that conf or NetworkAttachmentDefinition, or `clusterNetwork` if it names Plexus's own conf",
            delegate);
}

/** Makes `poll` notice children that end and signals of the runtime. */
static void catch_signals(void) {
  sigset_t caught;
  sigemptyset(&caught);
  const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
  for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) sigaddset(&caught, numbers[index]);
  sigprocmask(SIG_BLOCK, &caught, NULL);
  signal(SIGPIPE, SIG_IGN);
  signal(SIGCHLD, SIG_DFL); // a runtime that ignores it hands that down, and then no child could be reaped
  signals = signalfd(-1, &caught, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail("signalfd: %s", strerror(errno));
}

/** Ends what a call that was killed has left running: it would go on beside this one, and after it. */
static void end_left(const char *command) {
  bool is_own = strcmp(command, "ADD") == 0 || strcmp(command, "DEL") == 0;
  const char *container = is_own ? getenv("CNI_CONTAINERID") : "";
  if ((!is_own && strcmp(command, "GC") != 0) || container == NULL) return;
  int64_t deadline = now_ms() + LEFT_END_WITHIN_MS;
  for (size_t left; (left = executions_end_left(container)) > 0; pause_for(LEFT_LOOK_MS)) {
    if (now_ms() >= deadline)
      fail_with(TRY_AGAIN_LATER, "%zu processes of plugins that a call which was killed has executed do not end; see "
                                 EXECUTIONS_DIR ", and " EXECUTION_VARIABLE " in their environment", left);
  }
}

/** Serves a daemon between the runtime's calls: executor.c. */
static _Noreturn void be_executor(void) {
  load_rights(true);
  catch_signals();
  serve_daemon(&rights, self, signals, SHIM_VERSION);
}

/** Prints what it takes of its conf, for `plexus doctor` and for people. Returns the exit code: 1 if there is anything to mend. */
static int show_conf(void) {
  load_rights(false);
  rights_print(&rights);
  if (fflush(stdout) != 0 || ferror(stdout)) complain("write stdout: %s", strerror(errno));
  return has_complained() ? 1 : 0;
}

/** Reads which job this is, and locks its sandbox: a call of the runtime goes first. */
static void begin_job(const char *number, const char *command) {
  job = (uint32_t)strtoul(number, NULL, 10);
  if (job == 0 || rights.sandboxes == NULL) fail("a job is begun by plexus-shim --serve only");
  rights.starts = false;
  bool is_of_container = strcmp(command, "GC") != 0 && strcmp(command, "STATUS") != 0;
  if (is_of_container && sandbox_lock(&rights, strcmp(command, "DEL") == 0) != 0) _exit(1);
}

int main(int count, char **arguments) {
  bool serves = count > 1 && strcmp(arguments[1], "--serve") == 0;
  if (serves && count == 2) be_executor();
  if (serves && count == 3 && strncmp(arguments[2], HOST_OPTION, strlen(HOST_OPTION)) == 0)
    serve_on_node(arguments[2] + strlen(HOST_OPTION));
  if (serves)
    fail("%s: --serve takes --host=PATH, once, and nothing else; see plexus-shim in docs/protocol.md", arguments[2]);
  if (count == 2 && strcmp(arguments[1], "--conf") == 0) return show_conf();
  bool is_job = count == 3 && strcmp(arguments[1], WORK_ARGUMENT) == 0;

  // Executed by a person: say what this is.
  const char *command = getenv("CNI_COMMAND");
  if (command == NULL || *command == 0) {
    fputs("plexus-shim " SHIM_VERSION ", of the CNI meta-plugin Plexus. A container runtime executes it; --conf shows its conf.\n", stderr);
    return 0;
  }

  // Whoever does not read the answer is to be told so, not to end this process.
  require_streams();
  signal(SIGPIPE, SIG_IGN);

  // VERSION needs nobody, and runtimes wait for it.
  if (strcmp(command, "VERSION") == 0) print_answer((const uint8_t *)VERSIONS, sizeof VERSIONS - 1, 0);

  // A conf that leads back to Plexus would have it executed without end.
  const char *delegate = getenv(DELEGATE_VARIABLE);
  if (delegate != NULL) answer_itself(command, delegate);

  // Read all of the conf: the resident process needs it, and if it fails, `plexus`.
  read_input();

  // Load what the installer allows the resident process.
  load_rights(true);

  // From now on there may be children to reap.
  catch_signals();

  // Let a daemon know of the sandbox between the runtime's calls, if the installer says so.
  if (is_job) begin_job(arguments[2], command);
  else sandbox_begins(&rights, command, &input);

  // What a call that was killed has left running must not go on beside this one.
  end_left(command);

  // Hand the call to the resident process; whatever prevents that ends in `plexus`.
  reach_resident();

  // Do what it asks for, until it answers.
  serve();
}
