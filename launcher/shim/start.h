// Starts a resident process where there is none, or where that of another version answers: one, however many shims find so.
//
// Whoever has the lock beside the socket makes the socket, listens, and executes `plexus resident` with both. From then on
// all connect and wait for its ACCEPT, and nobody has to look again and again whether it is there. The process gives up the
// lock as soon as it serves. If it dies before, the kernel does, and ends the connections.
#ifndef START_H
#define START_H

#include "rights.h"

enum Start {
  /** There is somebody to connect to. */
  STARTED,
  /** Another shim is about to make the socket. */
  BEGUN,
  FAILED,
};

/** Starts it if nobody listens at the socket. `*why` says why that has failed, for `free`. */
enum Start start_resident(const Rights *rights, char **why);
/** Starts it although somebody listens, who then ends: unless that was done moments ago. Returns why not, for `free`, or NULL. */
char *replace_resident(const Rights *rights);

enum Progress {
  /** Nobody is being started. */
  SERVING,
  /** The same, and the process that was started last has just done something. */
  BUSY,
  /** It is being started, and has just done something. */
  STARTING,
  /** It is being started, but does nothing any more, or has done so for too long. */
  STALLED,
};

enum Progress look_at_resident(const Rights *rights);

#endif
