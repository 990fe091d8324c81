// Changes of links, VFs, addresses and routes for the resident process: each request is checked, value by value, and becomes
// a line for `ip -batch`. launcher/host/network.ts has the same forms.
#ifndef NETWORK_H
#define NETWORK_H

#include "buffer.h"
#include "rights.h"

/** How long `ip` and `rdma` may take. */
#define NETWORK_TIMEOUT_MS 30000

/** Returns NULL if `netns` is this call's network namespace, or empty for the node's; else why it is not touched. */
const char *refuse_namespace(const char *netns);

/**
 * Renders requests, one after the other, each a list of strings, as lines for `ip -batch`.
 *
 * @param netns where they are carried out; empty for the node's own namespace
 * @return NULL, or why they are not allowed. Sets the reader `broken` if they are not lists
 */
const char *render_requests(const Rights *rights, Reader *requests, const char *netns, Buffer *lines);

/** Is it a name that a link, or an RDMA device, may have? */
bool is_link_name(const char *name);
/** Returns NULL if the RDMA device may be moved from `netns` to `to`, empty for the node's own namespace; else why not. */
const char *refuse_rdma(const Rights *rights, const char *name, const char *netns, const char *to);
/** Finds a command of the system. Returns its path, for `free`; NULL if there is none. */
char *find_command(const char *name);

/** Says why switches of a link are not set; NULL if they are. */
const char *refuse_switching(const char *netns, const char *link);
/** Writes `KEY=0` or `KEY=1` as an argument of `sysctl`, for the caller to free; NULL if the key is not one that is set. */
char *render_switch(const char *link, const char *text);

#endif
