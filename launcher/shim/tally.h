// Counts what no resident process sees: a letter for each in the file SOCKET.tally, which a resident process with metrics reads.
//
// A letter that is appended needs no lock and cannot be torn. The file is there until the node boots again, in a directory
// that is root's; without that directory nothing is counted.
#ifndef TALLY_H
#define TALLY_H

#include "rights.h"

/** launcher/resident/tally.ts has the same. */
enum Tally {
  /** The shim has become `plexus`, as ... nobody is at the socket, and it starts none; */
  FELL_ABSENT = 'a',
  /** the socket or its directory is open to others, or cannot be used; */
  FELL_UNUSABLE = 'u',
  /** its backlog was full; */
  FELL_BUSY = 'b',
  /** a process could not be started, or did not begin to serve; */
  FELL_NOT_STARTED = 'n',
  /** it said nothing; */
  FELL_SILENT = 's',
  /** it was gone; */
  FELL_GONE = 'g',
  /** it left the call to `plexus`, or sent what was not a frame; */
  FELL_LEFT = 'l',
  /** or for another reason. */
  FELL_OTHER = 'o',
  /** A resident process was started. */
  PROCESS_STARTED = 'P',
  /** A call was handed to another one. */
  HANDED_OVER = 'H',
};

/** Counts; if that cannot be, nothing is said of it, as nothing depends on it. */
void tally(const Rights *rights, enum Tally what);

#endif
