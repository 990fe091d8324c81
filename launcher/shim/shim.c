// plexus-shim: the CNI plugin that a container runtime executes where a resident Plexus does the thinking. It hands its
// environment and stdin to the resident process, executes for it what only can be done here, in the runtime's own
// namespaces, and prints its answer. Where there is no resident process, or it fails, it becomes `plexus`, the binary
// beside it, which does all of it by itself. docs/protocol.md, docs/security.md.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "buffer.h"
#include "files.h"
#include "rights.h"

#ifndef SHIM_VERSION
#error "SHIM_VERSION is given by the build"
#endif

#define PROTOCOL 1
#define MAX_FRAME (16u << 20)
#define MAX_INPUT (8u << 20)
#define MAX_JOBS 64
#define SUPPORTED "\"0.1.0\",\"0.2.0\",\"0.3.0\",\"0.3.1\",\"0.4.0\",\"1.0.0\",\"1.1.0\""

enum Sent { CALL = 1, EXECUTED, DONE, REFUSED };
enum Received { ACCEPT = 16, EXECUTE, FIND, READ, LIST, KIND, WRITE, REMOVE, SET, READLINK, ALIVE, FALLBACK, ANSWER, SAY, CREATE };
enum Outcome { EXITED, SIGNALLED, TIMED_OUT, SAID_TOO_MUCH, NOT_EXECUTED };

/** A process that is executed for the resident process. */
typedef struct {
  uint32_t id;
  pid_t pid;
  bool ended;
  int status;
  /** Ours; -1 once closed. */
  int in, out, err;
  Buffer input;
  size_t written;
  Buffer output, errors;
  uint32_t limit;
  /** Milliseconds of the monotonic clock; 0 for never. */
  int64_t deadline;
  enum Outcome outcome;
} Job;

static Rights rights;
static char directory[4096];
static Buffer input;
static Job *jobs[MAX_JOBS];
static size_t job_count;
static int server = -1;
static int signals = -1;
static Buffer outgoing;
static Buffer incoming;

static int64_t now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

/** One of this process's children less: killed with its process group, and waited for. */
static void kill_job(Job *job) {
  if (job->ended) return;
  kill(-job->pid, SIGKILL);
  kill(job->pid, SIGKILL);
  while (waitpid(job->pid, &job->status, 0) < 0 && errno == EINTR) continue;
  job->ended = true;
}

static void free_job(Job *job) {
  const int fds[] = {job->in, job->out, job->err};
  for (size_t index = 0; index < 3; index++) {
    if (fds[index] >= 0) close(fds[index]);
  }
  buffer_free(&job->input);
  buffer_free(&job->output);
  buffer_free(&job->errors);
  free(job);
}

static void end_jobs(void) {
  for (size_t index = 0; index < job_count; index++) {
    kill_job(jobs[index]);
    free_job(jobs[index]);
  }
  job_count = 0;
}

static void unblock_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
}

/** Prints a CNI error, for what even `plexus` cannot answer. */
static void fail(const char *what) {
  printf("{\"cniVersion\":\"0.1.0\",\"code\":5,\"msg\":\"plexus-shim: %s\"}\n", what);
  fflush(stdout);
  _exit(1);
}

/** Becomes `plexus`, which finishes or undoes what was begun. `why` may be NULL, where that is nothing to speak of. */
static void fall_back(const char *why) {
  if (why != NULL) fprintf(stderr, "plexus-shim: executing plexus: %s\n", why);
  if (server >= 0) close(server);
  end_jobs();
  int file = memfd_create("stdin", MFD_CLOEXEC);
  if (file < 0) fail("stdin cannot be passed on");
  for (size_t at = 0; at < input.length;) {
    ssize_t count = write(file, input.data + at, input.length - at);
    if (count < 0) fail("stdin cannot be passed on");
    at += (size_t)count;
  }
  lseek(file, 0, SEEK_SET);
  dup2(file, 0);
  setenv("PLEXUS_SOCKET", rights.socket, 1);
  unblock_signals();
  char path[sizeof directory + 16];
  snprintf(path, sizeof path, "%s/plexus", directory);
  char *const arguments[] = {path, NULL};
  execv(path, arguments);
  fail("there is no resident process, and no plexus beside it that could be executed");
}

static void start_frame(enum Sent type, uint32_t id, size_t *at) {
  *at = outgoing.length;
  put_u32(&outgoing, 0);
  const uint8_t byte = (uint8_t)type;
  buffer_add(&outgoing, &byte, 1);
  put_u32(&outgoing, id);
}

static void end_frame(size_t at) {
  size_t length = outgoing.length - at - 4;
  if (length > MAX_FRAME) fall_back("a frame would be too large");
  for (size_t index = 0; index < 4; index++) outgoing.data[at + index] = (uint8_t)(length >> (8 * index));
}

static void refuse(uint32_t id, const char *what, const char *path, const char *why) {
  fprintf(stderr, "plexus-shim: refused to %s %s: %s\n", what, path, why);
  size_t at;
  start_frame(REFUSED, id, &at);
  put_string(&outgoing, why);
  end_frame(at);
}

static void done(uint32_t id, int error, const Buffer *result) {
  size_t at;
  start_frame(DONE, id, &at);
  put_u32(&outgoing, (uint32_t)error);
  put_bytes(&outgoing, error == 0 ? result->data : NULL, error == 0 ? result->length : 0);
  end_frame(at);
}

static void executed(uint32_t id, enum Outcome outcome, uint32_t value, const Buffer *output, const Buffer *errors) {
  size_t at;
  start_frame(EXECUTED, id, &at);
  put_u32(&outgoing, outcome);
  put_u32(&outgoing, value);
  put_bytes(&outgoing, output->data, output->length);
  put_bytes(&outgoing, errors->data, errors->length);
  end_frame(at);
}

/** This process's environment, overlaid. Only the list is new. */
static char **overlaid(char *const *more) {
  size_t own = list_length(environ);
  size_t count = list_length(more);
  char **all = calloc(own + count + 1, sizeof *all);
  if (all == NULL) fail("out of memory");
  size_t used = 0;
  for (size_t index = 0; index < count; index++) all[used++] = more[index];
  for (size_t index = 0; index < own; index++) {
    size_t key = strcspn(environ[index], "=") + 1;
    bool is_set = false;
    for (size_t other = 0; other < count; other++) is_set |= strncmp(environ[index], more[other], key) == 0;
    if (!is_set) all[used++] = environ[index];
  }
  return all;
}

static _Noreturn void become(const char *path, char **arguments, char **environment, int netns, const int ends[3], int told) {
  setpgid(0, 0);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  for (int fd = 0; fd < 3; fd++) dup2(ends[fd], fd);
  if (netns < 0 || setns(netns, CLONE_NEWNET) == 0) {
    unblock_signals();
    execve(path, arguments, environment);
  }
  const int error = errno;
  ssize_t written = write(told, &error, sizeof error);
  _exit(written == sizeof error ? 127 : 126);
}

/** 0, or the errno for which it cannot be executed. */
static int start_job(Job *job, const char *path, char *const *arguments, char *const *environment, const char *namespace) {
  int netns = -1;
  if (*namespace != 0) {
    netns = open(namespace, O_RDONLY | O_CLOEXEC);
    if (netns < 0) return errno;
  }
  int pipes[3][2];
  int told[2];
  for (int index = 0; index < 3; index++) {
    if (pipe2(pipes[index], O_CLOEXEC) < 0) fail("there are too many open files");
  }
  if (pipe2(told, O_CLOEXEC) < 0) fail("there are too many open files");
  const int ends[3] = {pipes[0][0], pipes[1][1], pipes[2][1]};
  size_t count = list_length(arguments);
  char **full = calloc(count + 2, sizeof *full);
  if (full == NULL) fail("out of memory");
  full[0] = strdup(path);
  for (size_t index = 0; index < count; index++) full[index + 1] = arguments[index];
  char **whole = overlaid(environment);

  job->pid = fork();
  if (job->pid == 0) become(path, full, whole, netns, ends, told[1]);
  int error = job->pid < 0 ? errno : 0;
  setpgid(job->pid, job->pid);
  free(full[0]);
  free(full);
  free(whole);
  for (int index = 0; index < 3; index++) close(ends[index]);
  close(told[1]);
  if (netns >= 0) close(netns);
  job->in = pipes[0][1];
  job->out = pipes[1][0];
  job->err = pipes[2][0];
  if (error == 0 && read(told[0], &error, sizeof error) == sizeof error) {
    while (waitpid(job->pid, NULL, 0) < 0 && errno == EINTR) continue;
  }
  close(told[0]);
  if (error != 0) job->ended = true;
  const int ours[3] = {job->in, job->out, job->err};
  for (int index = 0; index < 3; index++) fcntl(ours[index], F_SETFL, O_NONBLOCK);
  return error;
}

static void execute(uint32_t id, Reader *frame) {
  char *path = get_string(frame);
  char **arguments = get_list(frame);
  char **environment = get_list(frame);
  char *netns = get_string(frame);
  uint32_t milliseconds = get_u32(frame);
  uint32_t limit = get_u32(frame);
  size_t count;
  const uint8_t *bytes = get_bytes(frame, &count);
  const char *why = NULL;
  if (frame->broken || frame->left > 0) {
    frame->broken = true;
  } else if ((why = refuse_execution(&rights, path, arguments, environment, netns, bytes, count)) != NULL) {
    refuse(id, "execute", path, why);
  } else if (job_count == MAX_JOBS) {
    refuse(id, "execute", path, "there are too many already");
  } else {
    Job *job = calloc(1, sizeof *job);
    if (job == NULL) fail("out of memory");
    *job = (Job){.id = id, .in = -1, .out = -1, .err = -1, .limit = limit, .outcome = EXITED};
    job->deadline = milliseconds == 0 ? 0 : now() + milliseconds;
    buffer_add(&job->input, bytes, count);
    int error = start_job(job, path, arguments, environment, netns);
    if (error == 0) {
      jobs[job_count++] = job;
    } else {
      executed(id, NOT_EXECUTED, (uint32_t)error, &job->output, &job->errors);
      free_job(job);
    }
  }
  free(path);
  free(netns);
  free_list(arguments);
  free_list(environment);
}

/** Requests for files are all alike: a path, perhaps something more, and an answer at once. */
static void handle_file(enum Received type, uint32_t id, Reader *frame) {
  static const char *const names[] = {[FIND] = "find", [READ] = "read", [LIST] = "list", [KIND] = "look at", [WRITE] = "write",
                                      [REMOVE] = "remove", [SET] = "set", [READLINK] = "follow", [CREATE] = "create"};
  Buffer result = {0};
  char *path = get_string(frame);
  char **dirs = type == FIND ? get_list(frame) : NULL;
  uint32_t limit = type == READ ? get_u32(frame) : 0;
  size_t count = 0;
  const uint8_t *bytes = type == WRITE || type == CREATE || type == SET ? get_bytes(frame, &count) : NULL;
  if (frame->broken || frame->left > 0) {
    frame->broken = true;
  } else {
    int error = type == FIND    ? file_find(&rights, path, dirs, &result)
                : type == READ  ? file_read(&rights, path, limit, &result)
                : type == LIST  ? file_list(&rights, path, &result)
                : type == KIND  ? file_kind(&rights, path, &result)
                : type == WRITE ? file_write(&rights, path, bytes, count)
                : type == CREATE ? file_create(&rights, path, bytes, count)
                : type == SET   ? file_set(path, bytes, count)
                : type == READLINK ? file_readlink(path, &result)
                                   : file_remove(&rights, path);
    if (error == EACCES) refuse(id, names[type], path, "it is not among what the shim's installer allows");
    else done(id, error, &result);
  }
  if (dirs != NULL) free_list(dirs);
  free(path);
  buffer_free(&result);
}

static _Noreturn void answer(Reader *frame) {
  uint32_t code = get_u32(frame);
  size_t count;
  const uint8_t *bytes = get_bytes(frame, &count);
  if (frame->broken || frame->left > 0) fall_back("the resident process's answer makes no sense");
  end_jobs();
  while (count > 0) {
    ssize_t written = write(1, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break; // nobody is listening
    bytes += written;
    count -= (size_t)written;
  }
  _exit((int)(code & 0xff));
}

static void handle(enum Received type, uint32_t id, Reader *frame, bool *accepted) {
  if (!*accepted && type != ACCEPT && type != FALLBACK) fall_back("the resident process has not accepted the call");
  switch (type) {
    case ACCEPT: {
      uint32_t version = get_u32(frame);
      free(get_string(frame));
      if (!frame->broken && version != PROTOCOL) fall_back("the resident process speaks another version");
      *accepted = true;
      break;
    }
    case EXECUTE: execute(id, frame); return;
    case FIND: case READ: case LIST: case KIND: case WRITE: case REMOVE: case SET: case READLINK: case CREATE:
      handle_file(type, id, frame);
      return;
    case ALIVE: break;
    case SAY: {
      char *text = get_string(frame);
      if (!frame->broken) fputs(text, stderr);
      free(text);
      break;
    }
    case FALLBACK: {
      char *why = get_string(frame);
      fall_back(frame->broken ? "the resident process makes no sense" : *why == 0 ? NULL : why);
      break;
    }
    case ANSWER: answer(frame);
    default: frame->broken = true;
  }
  if (frame->left > 0) frame->broken = true;
}

/** Takes whole frames from what has come in. */
static void take_frames(bool *accepted) {
  size_t at = 0;
  while (incoming.length - at >= 4) {
    Reader length_reader = {incoming.data + at, 4, false};
    uint32_t length = get_u32(&length_reader);
    if (length < 5 || length > MAX_FRAME) fall_back("the resident process's frame has no sensible length");
    if (incoming.length - at - 4 < length) break;
    uint8_t type = incoming.data[at + 4];
    Reader frame = {incoming.data + at + 5, length - 1, false};
    uint32_t id = get_u32(&frame);
    handle((enum Received)type, id, &frame, accepted);
    if (frame.broken) fall_back("the resident process's frame makes no sense");
    at += 4 + length;
  }
  buffer_drop(&incoming, at);
}

static void receive(bool *accepted) {
  for (;;) {
    ssize_t count = recv(server, buffer_reserve(&incoming, 65536), 65536, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (count <= 0) fall_back("the resident process is gone");
    incoming.length += (size_t)count;
    take_frames(accepted);
    if (count < 65536) return;
  }
}

static void transmit(void) {
  ssize_t count = send(server, outgoing.data, outgoing.length, MSG_DONTWAIT | MSG_NOSIGNAL);
  if (count < 0 && errno != EAGAIN && errno != EINTR) {
    // It may have answered before it closed.
    bool accepted = true;
    receive(&accepted);
    fall_back("the resident process is gone");
  }
  if (count > 0) buffer_drop(&outgoing, (size_t)count);
}

static void feed(Job *job) {
  while (job->in >= 0) {
    size_t left = job->input.length - job->written;
    ssize_t count = left == 0 ? 0 : write(job->in, job->input.data + job->written, left);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count > 0) job->written += (size_t)count;
    if (count <= 0 || job->written == job->input.length) { // one that does not want to hear it all says why by its exit
      close(job->in);
      job->in = -1;
    }
  }
}

static void listen_to(Job *job, int *fd, Buffer *buffer) {
  while (*fd >= 0) {
    ssize_t count = read(*fd, buffer_reserve(buffer, 65536), 65536);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      close(*fd);
      *fd = -1;
      return;
    }
    buffer->length += (size_t)count;
    if (buffer->length > job->limit && job->outcome == EXITED) {
      job->outcome = SAID_TOO_MUCH;
      kill_job(job);
      return;
    }
  }
}

static void reap(void) {
  struct signalfd_siginfo info;
  while (read(signals, &info, sizeof info) == sizeof info) {
    if (info.ssi_signo == SIGCHLD) continue;
    end_jobs();
    unblock_signals();
    signal((int)info.ssi_signo, SIG_DFL);
    raise((int)info.ssi_signo);
    _exit(128 + (int)info.ssi_signo);
  }
  for (size_t index = 0; index < job_count; index++) {
    Job *job = jobs[index];
    if (!job->ended && waitpid(job->pid, &job->status, WNOHANG) == job->pid) job->ended = true;
  }
}

/** Reports those that are over, and ends those whose time is. */
static void settle(void) {
  int64_t time = now();
  for (size_t index = 0; index < job_count;) {
    Job *job = jobs[index];
    if (job->outcome == EXITED && job->deadline != 0 && time >= job->deadline) {
      job->outcome = TIMED_OUT;
      kill_job(job);
      kill(-job->pid, SIGKILL); // what it has started and not waited for
    }
    bool is_over = job->ended && ((job->out < 0 && job->err < 0) || job->outcome != EXITED);
    if (!is_over) {
      index++;
      continue;
    }
    uint32_t value = 0;
    if (job->outcome == EXITED && WIFSIGNALED(job->status)) {
      job->outcome = SIGNALLED;
      value = (uint32_t)WTERMSIG(job->status);
    } else if (job->outcome == EXITED) {
      value = (uint32_t)WEXITSTATUS(job->status);
    }
    if (job->outcome == SAID_TOO_MUCH) job->output.length = 0;
    executed(job->id, job->outcome, value, &job->output, &job->errors);
    free_job(job);
    jobs[index] = jobs[--job_count];
  }
}

static int until_next(int64_t deadline) {
  for (size_t index = 0; index < job_count; index++) {
    if (jobs[index]->deadline != 0 && jobs[index]->deadline < deadline) deadline = jobs[index]->deadline;
  }
  int64_t left = deadline - now();
  return left < 0 ? 0 : (int)left;
}

static _Noreturn void serve(void) {
  bool accepted = false;
  int64_t heard = now();
  for (;;) {
    int64_t deadline = heard + (accepted ? rights.silence_timeout : rights.accept_timeout);
    if (now() >= deadline) fall_back(accepted ? "the resident process says nothing any more" : "the resident process does not answer");
    struct pollfd polled[2 + 3 * MAX_JOBS];
    nfds_t count = 0;
    polled[count++] = (struct pollfd){server, (short)(POLLIN | (outgoing.length > 0 ? POLLOUT : 0)), 0};
    polled[count++] = (struct pollfd){signals, POLLIN, 0};
    for (size_t index = 0; index < job_count; index++) {
      polled[count++] = (struct pollfd){jobs[index]->in, POLLOUT, 0};
      polled[count++] = (struct pollfd){jobs[index]->out, POLLIN, 0};
      polled[count++] = (struct pollfd){jobs[index]->err, POLLIN, 0};
    }
    if (poll(polled, count, until_next(deadline)) < 0 && errno != EINTR) fall_back("poll failed");
    for (size_t index = 0; index < job_count; index++) {
      Job *job = jobs[index];
      const struct pollfd *own = polled + 2 + 3 * index;
      if (own[0].revents != 0) feed(job);
      if (own[1].revents != 0) listen_to(job, &job->out, &job->output);
      if (own[2].revents != 0) listen_to(job, &job->err, &job->errors);
    }
    if (polled[1].revents != 0) reap();
    settle();
    if (polled[0].revents & (POLLIN | POLLHUP | POLLERR)) {
      heard = now();
      receive(&accepted);
    }
    if (outgoing.length > 0) transmit();
  }
}

/** Does nobody else have a say in who answers there? */
static const char *distrust(const char *path) {
  struct stat status;
  char dir[sizeof((struct sockaddr_un *)0)->sun_path];
  snprintf(dir, sizeof dir, "%s", path);
  char *slash = strrchr(dir, '/');
  if (slash == NULL || slash == dir) return "its path has no directory";
  *slash = 0;
  if (lstat(dir, &status) < 0) return "";
  if (!S_ISDIR(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 022) != 0)
    return "the socket's directory must belong to root, and nobody else may write to it";
  if (lstat(path, &status) < 0) return "";
  if (!S_ISSOCK(status.st_mode) || status.st_uid != geteuid() || (status.st_mode & 077) != 0)
    return "the socket must be one, belong to root, and be closed to others";
  return NULL;
}

static void connect_or_fall_back(void) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  if (strlen(rights.socket) >= sizeof address.sun_path) fall_back("the socket's path is too long");
  const char *why = distrust(rights.socket);
  if (why != NULL) fall_back(*why == 0 ? NULL : why);
  strcpy(address.sun_path, rights.socket);
  server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (server < 0) fall_back("no socket can be made");
  int64_t deadline = now() + rights.connect_timeout;
  while (connect(server, (struct sockaddr *)&address, sizeof address) < 0) {
    if (errno == EAGAIN && now() < deadline) { // it has too many to accept
      poll(NULL, 0, 5);
    } else if (errno != EINTR) {
      fall_back(errno == EAGAIN ? "the resident process takes no more calls" : NULL);
    }
  }
  struct ucred peer;
  socklen_t length = sizeof peer;
  if (getsockopt(server, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0 || peer.uid != geteuid())
    fall_back("the process behind the socket is not root's");
}

static void send_call(void) {
  size_t at;
  start_frame(CALL, 0, &at);
  put_u32(&outgoing, PROTOCOL);
  put_string(&outgoing, SHIM_VERSION);
  put_u32(&outgoing, (uint32_t)list_length(environ));
  for (char **variable = environ; *variable != NULL; variable++) put_string(&outgoing, *variable);
  put_bytes(&outgoing, input.data, input.length);
  end_frame(at);
}

static void read_input(void) {
  for (;;) {
    ssize_t count = read(0, buffer_reserve(&input, 65536), 65536);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("stdin cannot be read");
    if (count == 0) return;
    input.length += (size_t)count;
    if (input.length > MAX_INPUT) fail("the conf on stdin is larger than 8 MiB");
  }
}

int main(void) {
  const char *command = getenv("CNI_COMMAND");
  if (command == NULL || *command == 0) {
    fputs("plexus-shim, of the CNI meta-plugin Plexus. A container runtime executes it.\n", stderr);
    return 0;
  }
  if (strcmp(command, "VERSION") == 0) {
    fputs("{\"cniVersion\":\"1.1.0\",\"supportedVersions\":[" SUPPORTED "]}\n", stdout);
    return 0;
  }
  read_input();
  ssize_t length = readlink("/proc/self/exe", directory, sizeof directory - 1);
  if (length <= 0) fail("/proc is not there");
  directory[length] = 0;
  char conf[sizeof directory + 16];
  snprintf(conf, sizeof conf, "%s.conf", directory);
  *strrchr(directory, '/') = 0;
  rights_load(&rights, conf);

  sigset_t blocked;
  sigemptyset(&blocked);
  const int numbers[] = {SIGCHLD, SIGTERM, SIGINT, SIGHUP};
  for (size_t index = 0; index < sizeof numbers / sizeof *numbers; index++) sigaddset(&blocked, numbers[index]);
  sigprocmask(SIG_BLOCK, &blocked, NULL);
  signal(SIGPIPE, SIG_IGN);
  signals = signalfd(-1, &blocked, SFD_CLOEXEC | SFD_NONBLOCK);
  if (signals < 0) fail("no signalfd can be made");

  connect_or_fall_back();
  send_call();
  serve();
}
