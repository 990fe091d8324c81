// What the shim's installer allows the resident process, and where that is. See docs/security.md.
#ifndef RIGHTS_H
#define RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_DIRS 32

typedef struct {
  char *dirs[MAX_DIRS + 1];
} Dirs;

typedef struct {
  char *socket;
  /** Where plugins may be executed from, besides the directories of CNI_PATH. */
  Dirs plugins;
  /** Below these, files may be read, listed, written and removed. */
  Dirs state;
  /** Below these, files may be read and listed. */
  Dirs read;
  /** Milliseconds. */
  uint32_t connect_timeout;
  uint32_t accept_timeout;
  uint32_t silence_timeout;
} Rights;

/** The defaults, and what `path` says. A file that others than its owner can write is as none, and is complained about. */
void rights_load(Rights *rights, const char *path);

/** NULL where it is allowed, else why not. `arguments` and `environment` end with NULL. */
const char *refuse_execution(const Rights *rights, const char *path, char *const *arguments, char *const *environment,
                             const char *netns, const uint8_t *input, size_t input_length);
bool may_find(const Rights *rights, const char *dir, const char *name);
bool is_sysfs_readable(const char *path);
bool is_sysfs_writable(const char *path);
bool may_look_at(const char *path);

#endif
