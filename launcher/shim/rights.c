#include "rights.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "buffer.h"
#include "messages.h"

#define STRING_OF(number) STRING_OF_VALUE(number)
#define STRING_OF_VALUE(value) #value

#define MAX_TIMEOUT_MS 3600000

#define DEFAULT_SOCKET "/run/plexus/plexus.sock"
static const char *const DEFAULT_STATE[] = {"/var/lib/cni/multus", "/var/run/k8s.cni.cncf.io/devinfo", "/var/lib/cni/sriov",
                                            NULL};
static const char *const DEFAULT_READ[] = {"/etc/cni/net.d", "/etc/cni/multus/net.d", NULL};
static const char *const DEFAULT_LOG[] = {"/var/log/plexus.log", "/var/log/multus.log", NULL};

bool leads_elsewhere(const char *component, size_t length) {
  return length == 0 || (length <= 2 && strncmp(component, "..", length) == 0);
}

bool is_plain(const char *path) {
  if (path[0] != '/') return false;
  for (const char *part = path; *part != 0;) {
    part++;
    size_t length = strcspn(part, "/");
    if (leads_elsewhere(part, length)) return false;
    part += length;
  }
  return true;
}

bool is_below(const char *path, const char *dir) {
  size_t length = strlen(dir);
  return strncmp(path, dir, length) == 0 && path[length] == '/' && is_plain(path);
}

/** Is it like 0000:3b:02.1? */
bool is_pci_address(const char *text, size_t length) {
  static const char shape[] = "xxxx:xx:xx.x";
  if (length != sizeof shape - 1) return false;
  for (size_t index = 0; index < length; index++) {
    bool fits = shape[index] == 'x' ? isxdigit((unsigned char)text[index]) != 0 : text[index] == shape[index];
    if (!fits) return false;
  }
  return true;
}

bool is_one_of(const char *word, size_t length, const char *const *words) {
  for (; *words != NULL; words++) {
    if (strlen(*words) == length && strncmp(*words, word, length) == 0) return true;
  }
  return false;
}

bool is_listed(const Words *words, const char *word, size_t length) {
  return is_one_of(word, length, (const char *const *)words->items);
}

/** Returns NULL, or why it is not added. */
static const char *add_word(Words *words, const char *word) {
  size_t count = 0;
  while (words->items[count] != NULL) count++;
  if (count == MAX_WORDS) return "there are more than " STRING_OF(MAX_WORDS);
  words->items[count] = must(strdup(word));
  return NULL;
}

char *joined(const Words *words) {
  Buffer text = {0};
  for (char *const *word = words->items; *word != NULL; word++) {
    if (text.length > 0) buffer_add(&text, ":", 1);
    buffer_add(&text, *word, strlen(*word));
  }
  buffer_add(&text, "", 1);
  return (char *)text.data;
}

static void default_to(Words *words, const char *const *defaults) {
  if (words->items[0] != NULL) return;
  for (; *defaults != NULL; defaults++) add_word(words, *defaults);
}

static const char *add_path(Words *words, const char *path) {
  return is_plain(path) ? add_word(words, path) : "the path is not absolute and plain";
}

static const char *set_timeout(uint32_t *timeout_ms, const char *value) {
  char *end;
  errno = 0;
  unsigned long number = strtoul(value, &end, 10);
  if (!isdigit((unsigned char)*value) || *end != 0 || errno != 0 || number == 0 || number > MAX_TIMEOUT_MS)
    return "it is not a number of milliseconds from 1 to " STRING_OF(MAX_TIMEOUT_MS);
  *timeout_ms = (uint32_t)number;
  return NULL;
}

static const char *set_resident(Rights *rights, const char *value) {
  rights->starts = strcmp(value, "on-demand") == 0;
  return rights->starts ? NULL : "there is `on-demand` only";
}

static const char *set_directory(char **directory, const char *value) {
  if (!is_plain(value) || value[1] == 0) return "the path is not absolute and plain";
  free(*directory);
  *directory = must(strdup(value));
  return NULL;
}

/** Returns NULL, or why the line is ignored. */
static const char *set_line(Rights *rights, const char *key, const char *value) {
  if (strcmp(key, "plugins") == 0) return add_word(&rights->plugin_dirs, value);
  if (strcmp(key, "plugin") == 0)
    return strchr(value, '/') == NULL ? add_word(&rights->plugins, value) : "it is not a name";
  if (strcmp(key, "state") == 0) return add_word(&rights->state, value);
  if (strcmp(key, "read") == 0) return add_word(&rights->read, value);
  if (strcmp(key, "log") == 0) return add_path(&rights->log, value);
  if (strcmp(key, "resident-option") == 0)
    return strncmp(value, "--", 2) == 0 ? add_word(&rights->options, value) : "it does not begin with --";
  if (strcmp(key, "device") == 0)
    return is_pci_address(value, strlen(value)) ? add_word(&rights->devices, value) : "it is not a PCI address";
  if (strcmp(key, "connect-timeout-ms") == 0) return set_timeout(&rights->connect_timeout_ms, value);
  if (strcmp(key, "start-timeout-ms") == 0) return set_timeout(&rights->start_timeout_ms, value);
  if (strcmp(key, "accept-timeout-ms") == 0) return set_timeout(&rights->accept_timeout_ms, value);
  if (strcmp(key, "silence-timeout-ms") == 0) return set_timeout(&rights->silence_timeout_ms, value);
  if (strcmp(key, "wait-timeout-ms") == 0) return set_timeout(&rights->wait_timeout_ms, value);
  if (strcmp(key, "resident") == 0) return set_resident(rights, value);
  if (strcmp(key, "sandboxes") == 0) return set_directory(&rights->sandboxes, value);
  if (strcmp(key, "kubelet") == 0) return set_directory(&rights->kubelet, value);
  if (strcmp(key, "socket") != 0) return "the key is unknown";
  free(rights->socket);
  rights->socket = must(strdup(value));
  return NULL;
}

/** Opens the conf if nobody but its owner can have written it. Returns NULL; complains unless it may be missing. */
static FILE *open_conf(const char *path, bool may_be_missing) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno != ENOENT || !may_be_missing) complain("open %s: %s", path, strerror(errno));
    return NULL;
  }
  struct stat status;
  FILE *file = NULL;
  if (fstat(fd, &status) < 0) {
    complain("fstat %s: %s", path, strerror(errno));
  } else if (status.st_uid != geteuid() || (status.st_mode & 022) != 0) {
    complain("%s is ignored: it must belong to root, and nobody else may write to it", path);
  } else if ((file = fdopen(fd, "r")) == NULL) {
    complain("fdopen %s: %s", path, strerror(errno));
  }
  if (file == NULL) close(fd);
  return file;
}

char *split_line(char *line, char **value) {
  line[strcspn(line, "#\n")] = 0;
  char *key = line + strspn(line, " \t");
  *value = key + strcspn(key, " \t");
  if (**value != 0) *(*value)++ = 0;
  *value += strspn(*value, " \t");
  for (size_t end = strlen(*value); end > 0 && isspace((unsigned char)(*value)[end - 1]); end--) (*value)[end - 1] = 0;
  return key;
}

static void load_conf(Rights *rights, const char *path, bool may_be_missing) {
  FILE *file = open_conf(path, may_be_missing);
  if (file == NULL) return;
  char line[4096];
  while (fgets(line, sizeof line, file) != NULL) {
    char *value;
    const char *key = split_line(line, &value);
    if (*key == 0) continue;
    const char *why = set_line(rights, key, value);
    if (why != NULL) complain("%s: %s %s is ignored: %s", path, key, value, why);
  }
  if (ferror(file)) complain("read %s: %s", path, strerror(errno));
  fclose(file);
}

void rights_load(Rights *rights, const char *path, bool is_replaced) {
  *rights = (Rights){.connect_timeout_ms = 1000,
                     .start_timeout_ms = 2000,
                     .accept_timeout_ms = 3000,
                     .silence_timeout_ms = 10000,
                     .wait_timeout_ms = 30000};
  char conf[4096 + sizeof ".conf"];
  snprintf(conf, sizeof conf, "%.4095s.conf", path);
  load_conf(rights, conf, !is_replaced);
  rights->directory = must(strndup(path, (size_t)(strrchr(path, '/') - path)));
  if (rights->socket == NULL) rights->socket = must(strdup(DEFAULT_SOCKET));
  default_to(&rights->state, DEFAULT_STATE);
  default_to(&rights->read, DEFAULT_READ);
  default_to(&rights->log, DEFAULT_LOG);
}
