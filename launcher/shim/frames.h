// The frames between the shim and the resident process, as docs/protocol.md has them.
#ifndef FRAMES_H
#define FRAMES_H

#include "buffer.h"

#define PROTOCOL 5
/** Bytes of a frame without its length. */
#define MAX_FRAME (16u << 20)
/** Bytes that wait until the resident process reads them. */
#define MAX_OUTGOING (4 * MAX_FRAME)

/** The frames that the shim sends. */
enum FromShim { CALL = 1, EXECUTED = 2, DONE = 3, REFUSED = 4, SYNCED = 5, SERVE = 6, WORK = 7 };

/** The frames that the resident process sends. */
enum ToShim {
  ACCEPT = 16,
  EXECUTE = 17,
  FIND = 18,
  READ = 19,
  LIST = 20,
  KIND = 21,
  WRITE = 22,
  REMOVE = 23,
  SET = 24,
  READLINK = 25,
  ALIVE = 26,
  FALLBACK = 27,
  ANSWER = 28,
  SAY = 29,
  CREATE = 30,
  APPEND = 31,
  CONFIGURE = 32,
  SHOW = 33,
  RDMA = 34,
  CLEAR = 35,
  MARK = 36,
  SYNC = 37,
  WRITESOON = 38,
  SETTLE = 39,
  SYSCTL = 40,
  KNOWN = 41,
};

/** The frames to an executor, beside ACCEPT and ALIVE. */
enum ToExecutor { BEGIN = 42, SANDBOXES = 43 };

/** How an execution ended. */
enum Outcome { EXITED = 0, SIGNALLED = 1, TIMED_OUT = 2, SAID_TOO_MUCH = 3, NOT_EXECUTED = 4 };

/** Frames that are still to be sent. */
typedef struct {
  Buffer bytes;
  /** Set if a frame got larger than MAX_FRAME, or all of them larger than MAX_OUTGOING. */
  bool too_large;
} Outgoing;

/** Of the environment only the CNI_* variables of the spec go out, section 2 "Parameters", and a trace context. */
void add_call(Outgoing *outgoing, const char *version, char *const *environment, const Buffer *input);
/** The same for a job of the daemon, with its number. */
void add_work(Outgoing *outgoing, const char *version, char *const *environment, const Buffer *input, uint32_t job);
/** Announces an executor. */
void add_serve(Outgoing *outgoing, const char *version);
/** `value` is an exit code, a signal or an errno, by the outcome. */
void add_executed(Outgoing *outgoing, uint32_t id, enum Outcome outcome, uint32_t value, const Buffer *output,
                  const Buffer *errors);
/** `error` is 0 or an errno; only with 0 the result is sent. */
void add_done(Outgoing *outgoing, uint32_t id, int error, const Buffer *result);
void add_refused(Outgoing *outgoing, uint32_t id, const char *why);
/** @param words as `fresh_synced` returns them */
void add_synced(Outgoing *outgoing, char *const *words);

/** A frame from the resident process. */
typedef struct {
  uint8_t type;
  uint32_t id;
  Reader fields;
} Frame;

/** What is at the beginning of the bytes that came in. */
enum Arrival { WHOLE, INCOMPLETE, MALFORMED };

/** Looks for a frame at `*at`; moves `*at` behind one that is whole. `frame` is a view of `incoming`. */
enum Arrival take_frame(const Buffer *incoming, size_t *at, Frame *frame);

#endif
