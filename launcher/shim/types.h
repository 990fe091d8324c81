// What the shim reads in a conf: the plugins that it names for a plugin to execute, as `ipam.type`, and its own `cniVersion`.
#ifndef TYPES_H
#define TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Longer than any file name: of a longer type that much is read. */
#define MAX_TYPE 300

/** Returns NULL, or why a plugin of this type is not to be executed. */
typedef const char *RefuseType(const char *type, const void *context);

/**
 * Asks for each string under a key `type`, in capitals or not, but the conf's own. Returns the first reason, or NULL.
 *
 * It knows where strings begin and end, and how deep they are, and no more of JSON: a conf that is none a plugin refuses.
 */
const char *refuse_types(const uint8_t *conf, size_t length, RefuseType *refuse, const void *context);

/** Finds the `cniVersion` of the conf itself. Returns whether it has one of three numbers. */
bool find_version(const uint8_t *conf, size_t length, char version[MAX_TYPE + 1]);

#endif
