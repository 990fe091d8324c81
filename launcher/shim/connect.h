// The way to the resident process: its socket, which nobody but root may have a say in.
#ifndef CONNECT_H
#define CONNECT_H

#include "rights.h"

enum Reached {
  CONNECTED,
  /** Nobody listens: there is no socket, or the process behind it has ended. */
  ABSENT,
  /** The process takes no more calls for the moment: as many wait as may. */
  FULL,
  /** There is a socket that is not to be used. */
  UNUSABLE,
};

/** Tries to connect. `*server` is the connection; `*why` says why the socket is unusable, for `free`. */
enum Reached connect_to_resident(const Rights *rights, int *server, char **why);

#endif
