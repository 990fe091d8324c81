// The processes that are executed for the resident process: started, fed, listened to, reaped, and ended in time.
#ifndef JOBS_H
#define JOBS_H

#include <poll.h>

#include "frames.h"

#define MAX_JOBS 64
#define MAX_JOB_OUTPUT (4u << 20)
/** What all jobs together have for stdin. */
#define MAX_JOBS_INPUT (64u << 20)
/** In it, all that is executed finds the path of the delegate: Plexus refuses to be one. launcher/host/host.ts has the same. */
#define DELEGATE_VARIABLE "PLEXUS_DELEGATE"
/** A job is polled for its stdin, its stdout and its stderr. */
#define MAX_POLLED (3 * MAX_JOBS)

/** What is to be executed. */
typedef struct {
  /** The request's, for the EXECUTED that answers it. */
  uint32_t id;
  const char *path;
  /** Without the path; ends with NULL. */
  char *const *arguments;
  /** Overlays this process's own, with the path as PLEXUS_DELEGATE and its name as PLEXUS_EXECUTION; ends with NULL. */
  char *const *environment;
  /** The path of the network namespace to execute it in; empty for this process's own. */
  const char *netns;
  /** 0 for no limit. */
  uint32_t timeout_ms;
  /** Bytes, for stdout and stderr each; MAX_JOB_OUTPUT at most. */
  uint32_t max_output;
  const uint8_t *input;
  size_t input_length;
} Execution;

/** Why something was not executed: the system call, what it was called for, and its errno; 0 if it was executed. */
typedef struct {
  const char *call;
  const char *object;
  int error;
} Failure;

/** Is there no room for another one, with so much for its stdin? */
bool jobs_are_full(size_t input_length);
/** Starts a job; there must be room. `execution` need not outlive the call, but a failure names parts of it. */
Failure jobs_start(const Execution *execution);
/** Fills in what the jobs wait for, at most MAX_POLLED. Returns how much that is. */
nfds_t jobs_poll(struct pollfd *polled);
/** Feeds and hears the jobs that are ready. `polled` is what `jobs_poll` filled in; no job was started since. */
void jobs_exchange(const struct pollfd *polled);
/** Reaps what has ended, and ends what that has started and left behind in its process group. */
void jobs_reap(void);
/** Ends the jobs that ran out of time, and reports all that are over with EXECUTED. */
void jobs_settle(Outgoing *outgoing);
/** Returns the earliest time limit if it is before `deadline`, else `deadline`. */
int64_t jobs_deadline(int64_t deadline);
/** Kills all jobs, and waits for them. */
void jobs_end(void);

/** Returns the milliseconds of the monotonic clock, which time limits go by. */
int64_t now_ms(void);
/** Gives signals back what they do by default, for what is executed. */
void restore_signals(void);

#endif
