// The requests of the resident process: one table of them, and what the shim does for each.
#ifndef REQUESTS_H
#define REQUESTS_H

#include "frames.h"
#include "rights.h"

/** What the frames that came in have made of the runtime's call. */
enum Standing {
  /** It is being served. */
  OPEN,
  /** `plexus` has to do it, for `reason`. */
  LEFT,
  /** The resident process is gone, as `reason` says. */
  LOST,
  /** The runtime gets `answer` and `exit_code`. */
  ANSWERED,
};

typedef struct {
  const Rights *rights;
  Outgoing outgoing;
  /** Has there been an ACCEPT? */
  bool accepted;
  /** The version of the resident process, from its ACCEPT. */
  char *version;
  enum Standing standing;
  /** Empty if it is not worth a word. */
  char *reason;
  uint32_t exit_code;
  /** A view of the frame. */
  const uint8_t *answer;
  size_t answer_length;
} Call;

/** Leaves the call to `plexus`. */
__attribute__((format(printf, 2, 3))) void leave(Call *call, const char *format, ...);

/** Notes that the resident process is gone. */
__attribute__((format(printf, 2, 3))) void lose(Call *call, const char *format, ...);

/** Does what the frame asks for. Its answer, if it is to have one, is in `outgoing`, at once or when a job is over. */
void handle_frame(Call *call, const Frame *frame);

#endif
