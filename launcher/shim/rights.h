// What the shim's installer allows the resident process. See docs/security.md.
#ifndef RIGHTS_H
#define RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MAX_WORDS 64

/** Paths, names or addresses. Ends with NULL. */
typedef struct {
  char *items[MAX_WORDS + 1];
} Words;

typedef struct {
  /** The directory that the shim lies in, or did before it was replaced. */
  char *directory;
  char *socket;
  /** Does the shim start the resident process if there is none? */
  bool starts;
  /** Options that it is started with. */
  Words options;
  /** Directories to execute plugins from, besides those of CNI_PATH. */
  Words plugin_dirs;
  /** Names of the plugins that may be executed; all if there is none. */
  Words plugins;
  /** Directories below which files may be read, listed, written and removed. */
  Words state;
  /** Directories below which confs may be read and listed. */
  Words read;
  /** Files that may be appended to. */
  Words log;
  /** PCI addresses of devices that may be bound and moved although they are not VFs. */
  Words devices;
  /** Where the shim notes the sandboxes that it attaches, for `plexus-shim --serve`; NULL for nowhere. */
  char *sandboxes;
  /** The kubelet's root directory, of which one file may be read: which pod has which devices; NULL for none. */
  char *kubelet;
  uint32_t connect_timeout_ms;
  /** For how long a resident process that is being started may do nothing. */
  uint32_t start_timeout_ms;
  uint32_t accept_timeout_ms;
  uint32_t silence_timeout_ms;
  uint32_t wait_timeout_ms;
  /** A bit for each key that the conf has; the others have their defaults. */
  uint32_t given;
} Rights;

/**
 * Takes what the conf says that lies beside the shim, whose own path is `path`, and defaults for the rest. Complains of a conf that
 * others than its owner can write to, of lines that are not taken, and unless it may be missing, if there is none.
 */
void rights_load(Rights *rights, const char *path, bool may_be_missing);
/** Prints them on stdout as a conf that says the same, with `# default` behind what the conf did not say. */
void rights_print(const Rights *rights);
/** Splits a line of the conf, in its place. Returns its key, empty if the line says nothing. */
char *split_line(char *line, char **value);

/** Returns the words with colons between them, for `free`. */
char *joined(const Words *words);
bool is_one_of(const char *word, size_t length, const char *const *words);
/** Is it one of the words? */
bool is_listed(const Words *words, const char *word, size_t length);
/** Is the component of a path empty, `.` or `..`? */
bool leads_elsewhere(const char *component, size_t length);
/** Is the path absolute, and without a component that leads elsewhere? */
bool is_plain(const char *path);
/** Is the path plain, and below the directory? */
bool is_below(const char *path, const char *dir);
bool is_pci_address(const char *text, size_t length);

#endif
