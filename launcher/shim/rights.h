// What the shim's installer allows the resident process, and where that is. See docs/security.md.
#ifndef RIGHTS_H
#define RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_PATHS 32

/** Ends with NULL. */
typedef struct {
  char *items[MAX_PATHS + 1];
} Paths;

typedef struct {
  char *socket;
  /** Directories to execute plugins from, besides those of CNI_PATH. */
  Paths plugins;
  /** Directories below which files may be read, listed, written and removed. */
  Paths state;
  /** Directories below which files may be read and listed. */
  Paths read;
  /** Files that may be appended to. */
  Paths log;
  uint32_t connect_timeout_ms;
  uint32_t accept_timeout_ms;
  uint32_t silence_timeout_ms;
} Rights;

/** Takes the defaults, and what the conf at `path` says; complains if others than its owner can write to that. */
void rights_load(Rights *rights, const char *path);

/** Returns NULL if it may be executed, else why not. `arguments` and `environment` end with NULL. */
const char *refuse_execution(const Rights *rights, const char *path, char *const *arguments, char *const *environment,
                             const char *netns, const uint8_t *input, size_t input_length);
/** Is it one of the paths? */
bool is_listed(const Paths *paths, const char *path, size_t length);
/** Is the component of a path empty, `.` or `..`? */
bool leads_elsewhere(const char *component, size_t length);
bool may_find(const Rights *rights, const char *dir, const char *name);
bool may_append(const Rights *rights, const char *path);
bool may_look_at(const char *path);
bool is_sysfs_readable(const char *path);
bool is_sysfs_writable(const char *path);

#endif
