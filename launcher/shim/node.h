// `plexus-shim --serve --host=PATH`: the executor of a container, which is one of the node from its first step on.
#ifndef NODE_H
#define NODE_H

/**
 * Enters the mounts and the network of process 1, waits until `plexus install --hotplug` has put the shim there, `path`, and becomes
 * that one's executor: what it executes are the node's own files, and the shim's conf is the node's.
 */
_Noreturn void serve_on_node(const char *path);

#endif
