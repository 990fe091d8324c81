// Which directories survive a loss of power, as far as it is known: their names in those above were synced.
//
// A shim lives for one call, so the resident process remembers for it what shims before it have synced. It is as good as what
// they know themselves: what is remembered is the directory itself, not its path, so one that was made anew is another one;
// and a loss of power ends the process that remembers.
#ifndef SYNCED_H
#define SYNCED_H

/**
 * Syncs a directory, unless it is known that `name` in it, a directory, survives a loss of power. Whoever has made that may have
 * been killed before it has synced this. Returns 0 or an errno.
 */
int sync_for(int parent, const char *name);
/** Notes what shims before this one have synced: a list as `fresh_synced` returns it. */
void synced_before(char *const *words);
/** Returns what this shim has synced since it was asked last, ending with NULL: each a word that only the resident process keeps. */
char *const *fresh_synced(void);

#endif
