#define _GNU_SOURCE
#include "jobs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "executions.h"

/** How much is read of an output at once. */
#define READ_SIZE 65536

/** A job is over when it has ended and closed its outputs, or when it has been killed for what `outcome` says. */
typedef struct {
  uint32_t id;
  /** Its name among the executions, or NULL. */
  char *execution;
  pid_t pid;
  bool ended;
  int status;
  /** This process's ends of its pipes; -1 once closed. */
  int in, out, err;
  Buffer input;
  size_t written;
  Buffer output, errors;
  uint32_t max_output;
  /** By the monotonic clock; 0 for never. */
  int64_t deadline_ms;
  enum Outcome outcome;
} Job;

static Job *jobs[MAX_JOBS];
static size_t job_count;

int64_t now_ms(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

void restore_signals(void) {
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, NULL);
  signal(SIGPIPE, SIG_DFL);
}

static void close_fd(int *fd) {
  if (*fd >= 0) close(*fd);
  *fd = -1;
}

static void await(Job *job) {
  while (waitpid(job->pid, &job->status, 0) < 0 && errno == EINTR) continue;
  job->ended = true;
}

/** Ends a job with all that it has started; while it is not reaped, no other group can have its number. */
static void kill_job(Job *job) {
  if (job->ended) return;
  kill(-job->pid, SIGKILL);
  kill(job->pid, SIGKILL); // it may not lead its group yet
  await(job);
}

static void free_job(Job *job) {
  close_fd(&job->in);
  close_fd(&job->out);
  close_fd(&job->err);
  buffer_free(&job->input);
  buffer_free(&job->output);
  buffer_free(&job->errors);
  execution_end(job->execution);
  free(job);
}

void jobs_end(void) {
  for (size_t index = 0; index < job_count; index++) {
    kill_job(jobs[index]);
    free_job(jobs[index]);
  }
  job_count = 0;
}

bool jobs_are_full(size_t input_length) {
  for (size_t index = 0; index < job_count; index++) input_length += jobs[index]->input.length;
  return job_count == MAX_JOBS || input_length > MAX_JOBS_INPUT;
}

/** Makes the pipes to stdin, stdout and stderr of a job: its own ends go to `ends`. Returns false, with errno set. */
static bool open_pipes(Job *job, int ends[3]) {
  int *const ours[3] = {&job->in, &job->out, &job->err};
  for (int fd = 0; fd < 3; fd++) {
    int pair[2];
    if (pipe2(pair, O_CLOEXEC) < 0) return false;
    ends[fd] = pair[fd == 0 ? 0 : 1];
    *ours[fd] = pair[fd == 0 ? 1 : 0];
    fcntl(*ours[fd], F_SETFL, O_NONBLOCK);
  }
  return true;
}

/** Overlays this process's environment, first with what is the shim's own. Only the list is new, not the strings. */
static char **overlaid(char *const *ours, char *const *more) {
  size_t own = list_length(environ);
  char **all = must(calloc(own + list_length(ours) + list_length(more) + 1, sizeof *all));
  size_t used = 0;
  for (; *ours != NULL; ours++) all[used++] = *ours;
  for (; *more != NULL; more++) all[used++] = *more;
  size_t set = used;
  for (size_t index = 0; index < own; index++) {
    size_t key = strcspn(environ[index], "=") + 1;
    bool is_set = false;
    for (size_t other = 0; other < set; other++) is_set |= strncmp(environ[index], all[other], key) == 0;
    if (!is_set) all[used++] = environ[index];
  }
  return all;
}

/** Puts the path before the arguments, as a program expects them. Only the list is new. */
static char **with_path(const Execution *execution) {
  size_t count = list_length(execution->arguments);
  char **all = must(calloc(count + 2, sizeof *all));
  all[0] = (char *)(uintptr_t)execution->path; // execve changes none of them
  for (size_t index = 0; index < count; index++) all[index + 1] = execution->arguments[index];
  return all;
}

/** Is the child: becomes what is to be executed, or tells the parent, in whose memory the failure's words are too. */
static _Noreturn void become(const Execution *execution, char **arguments, char **environment, int netns,
                             const int ends[3], int told, pid_t parent) {
  Failure failure = {"execve", execution->path, 0};
  setpgid(0, 0); // so that all that it starts can be ended with it
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (getppid() != parent) _exit(126); // it has been killed before that was said
  for (int fd = 0; fd < 3; fd++) dup2(ends[fd], fd);
  if (netns >= 0 && setns(netns, CLONE_NEWNET) < 0) {
    failure = (Failure){"setns", execution->netns, errno};
  } else {
    restore_signals();
    execve(execution->path, arguments, environment);
    failure.error = errno;
  }
  _exit(write(told, &failure, sizeof failure) == sizeof failure ? 127 : 126);
}

/** Forks a job that has its pipes. */
static Failure fork_job(Job *job, const Execution *execution, int netns, const int ends[3]) {
  int told[2]; // closed by execve, else it says why there was none
  if (pipe2(told, O_CLOEXEC) < 0) return (Failure){"pipe2", execution->path, errno};
  char **arguments = with_path(execution);
  char *ours[3] = {0};
  if (asprintf(&ours[0], DELEGATE_VARIABLE "=%s", execution->path) < 0) must(NULL);
  if (job->execution != NULL && asprintf(&ours[1], EXECUTION_VARIABLE "=%s", job->execution) < 0) must(NULL);
  char **environment = overlaid(ours, execution->environment);
  Failure failure = {"fork", execution->path, 0};
  pid_t parent = getpid();
  job->pid = fork();
  if (job->pid == 0) become(execution, arguments, environment, netns, ends, told[1], parent);
  if (job->pid < 0) failure.error = errno;
  free(arguments);
  free(environment);
  for (int index = 0; index < 2; index++) free(ours[index]);
  close(told[1]);
  if (job->pid > 0) {
    setpgid(job->pid, job->pid); // the child does so too: whoever comes first
    if (read(told[0], &failure, sizeof failure) == sizeof failure) await(job);
  }
  close(told[0]);
  return failure;
}

Failure jobs_start(const Execution *execution) {
  Job *job = must(calloc(1, sizeof *job));
  *job = (Job){.id = execution->id, .in = -1, .out = -1, .err = -1,
               .max_output = execution->max_output < MAX_JOB_OUTPUT ? execution->max_output : MAX_JOB_OUTPUT,
               .execution = execution_begin()};
  job->deadline_ms = execution->timeout_ms == 0 ? 0 : now_ms() + execution->timeout_ms;
  buffer_add(&job->input, execution->input, execution->input_length);

  Failure failure = {0};
  int netns = -1;
  int ends[3] = {-1, -1, -1};
  if (*execution->netns != 0 && (netns = open(execution->netns, O_RDONLY | O_CLOEXEC)) < 0) {
    failure = (Failure){"open", execution->netns, errno};
  } else if (!open_pipes(job, ends)) {
    failure = (Failure){"pipe2", execution->path, errno};
  } else {
    failure = fork_job(job, execution, netns, ends);
  }
  for (int fd = 0; fd < 3; fd++) close_fd(&ends[fd]);
  close_fd(&netns);
  if (failure.error == 0) jobs[job_count++] = job;
  else free_job(job);
  return failure;
}

nfds_t jobs_poll(struct pollfd *polled) {
  nfds_t count = 0;
  for (size_t index = 0; index < job_count; index++) {
    polled[count++] = (struct pollfd){jobs[index]->in, POLLOUT, 0}; // poll ignores what is closed
    polled[count++] = (struct pollfd){jobs[index]->out, POLLIN, 0};
    polled[count++] = (struct pollfd){jobs[index]->err, POLLIN, 0};
  }
  return count;
}

static void feed(Job *job) {
  while (job->in >= 0) {
    size_t left = job->input.length - job->written;
    ssize_t count = left == 0 ? 0 : write(job->in, job->input.data + job->written, left);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count > 0) job->written += (size_t)count;
    // One that closes its stdin before it has read all says by its exit whether that is an error.
    if (count <= 0 || job->written == job->input.length) close_fd(&job->in);
  }
}

static void listen_to(Job *job, int *fd, Buffer *heard) {
  while (*fd >= 0) {
    ssize_t count = read(*fd, buffer_reserve(heard, READ_SIZE), READ_SIZE);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0 && errno == EAGAIN) return;
    if (count <= 0) {
      close_fd(fd);
      return;
    }
    heard->length += (size_t)count;
    if (heard->length > job->max_output && job->outcome == EXITED) {
      job->outcome = SAID_TOO_MUCH;
      kill_job(job);
      return;
    }
  }
}

void jobs_exchange(const struct pollfd *polled) {
  for (size_t index = 0; index < job_count; index++, polled += 3) {
    Job *job = jobs[index];
    if (polled[0].revents != 0) feed(job);
    if (polled[1].revents != 0) listen_to(job, &job->out, &job->output);
    if (polled[2].revents != 0) listen_to(job, &job->err, &job->errors);
  }
}

void jobs_reap(void) {
  for (size_t index = 0; index < job_count; index++) {
    Job *job = jobs[index];
    siginfo_t info = {0};
    if (job->ended || waitid(P_PID, (id_t)job->pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0) continue;
    if (info.si_pid == job->pid) kill_job(job); // its own end stands
  }
}

static void report(Job *job, Outgoing *outgoing) {
  uint32_t value = 0;
  if (job->outcome == EXITED && WIFSIGNALED(job->status)) {
    job->outcome = SIGNALLED;
    value = (uint32_t)WTERMSIG(job->status);
  } else if (job->outcome == EXITED) {
    value = (uint32_t)WEXITSTATUS(job->status);
  }
  if (job->outcome == SAID_TOO_MUCH) job->output.length = 0;
  add_executed(outgoing, job->id, job->outcome, value, &job->output, &job->errors);
}

void jobs_settle(Outgoing *outgoing) {
  int64_t time = now_ms();
  for (size_t index = 0; index < job_count;) {
    Job *job = jobs[index];
    if (job->outcome == EXITED && job->deadline_ms != 0 && time >= job->deadline_ms) {
      job->outcome = TIMED_OUT;
      kill_job(job);
    }
    bool is_over = job->ended && ((job->out < 0 && job->err < 0) || job->outcome != EXITED);
    if (is_over) {
      report(job, outgoing);
      free_job(job);
      jobs[index] = jobs[--job_count];
    } else {
      index++;
    }
  }
}

int64_t jobs_deadline(int64_t deadline) {
  for (size_t index = 0; index < job_count; index++) {
    if (jobs[index]->deadline_ms != 0 && jobs[index]->deadline_ms < deadline) deadline = jobs[index]->deadline_ms;
  }
  return deadline;
}
