// The sandboxes that this shim has attached: a file for each, with how the runtime executed the shim for its ADD, and which
// network namespace that was. By them `plexus-shim --serve` knows what a daemon may have it do between the runtime's calls.
//
// The files are in a directory of the installer's choice (`sandboxes`), which no request of a daemon reaches, and which is in
// memory: a boot ends all sandboxes. A file is called `ID@IFNAME`; from the beginning of a DEL on `ID@IFNAME~`, until a DEL has
// succeeded. Whoever works on a sandbox has the file locked (flock), and `plexus` too if the shim becomes that.
#ifndef SANDBOXES_H
#define SANDBOXES_H

#include "buffer.h"
#include "rights.h"

enum Life {
  /** Its network namespace is the one of its ADD. */
  ATTACHED,
  /** That is not there any more: the runtime has removed it, or another one has its path. */
  GONE,
  /** The runtime has begun to delete it. */
  ENDED,
};

/** What a file says. */
typedef struct {
  enum Life life;
  /** `CNI_*=V`, for `free_list`. */
  char **parameters;
  /** The conf. */
  Buffer input;
} Sandbox;

/** Notes how the runtime executed this shim, for an ADD or a DEL; nothing without a directory. Complains if it cannot. */
void sandbox_begins(const Rights *rights, const char *command, const Buffer *input);
/** Waits until nobody else works on the sandbox, but not for ever; what is executed next keeps the lock. */
void sandbox_is_handed_on(void);
/** Removes the file of a DEL that has succeeded. */
void sandbox_is_deleted(void);

/**
 * Locks the sandbox of this process's CNI_CONTAINERID and CNI_IFNAME; one that the runtime deletes is there for a DEL only, which has
 * begun with that. Returns 0, EWOULDBLOCK if somebody works on it, or an errno.
 */
int sandbox_lock(const Rights *rights, bool deletes);

/** Returns 0, or an errno: ENOENT for a name that none has. What it has read is for `sandbox_free`. */
int sandbox_read(const Rights *rights, const char *name, Sandbox *sandbox);
void sandbox_free(Sandbox *sandbox);
/** Adds how many sandboxes there are, and for each a list: its name, how it lives, and the parameters of its ADD. */
int sandboxes_list(const Rights *rights, Buffer *result);
/** Returns the value of a parameter, or "". */
const char *parameter_of(const Sandbox *sandbox, const char *name);

#endif
