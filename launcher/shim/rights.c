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

#define DEFAULT_SOCKET "/run/plexus/plexus.sock"
static const char *const DEFAULT_STATE[] = {"/var/lib/cni/multus", "/var/run/k8s.cni.cncf.io/devinfo", NULL};
static const char *const DEFAULT_READ[] = {"/etc/cni/net.d", "/etc/cni/multus/net.d", NULL};
static const char *const DEFAULT_LOG[] = {"/var/log/plexus.log", "/var/log/multus.log", NULL};

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

bool leads_elsewhere(const char *component, size_t length) {
  return length == 0 || (length <= 2 && strncmp(component, "..", length) == 0);
}

/** Is it absolute, and without a component that leads elsewhere? */
static bool is_plain(const char *path) {
  if (path[0] != '/') return false;
  for (const char *part = path; *part != 0;) {
    part++;
    size_t length = strcspn(part, "/");
    if (leads_elsewhere(part, length)) return false;
    part += length;
  }
  return true;
}

/** Returns NULL, or why it is not added. */
static const char *add_path(Paths *paths, const char *path) {
  size_t count = 0;
  while (paths->items[count] != NULL) count++;
  if (count == MAX_PATHS) return "there are more than " STRING_OF(MAX_PATHS);
  paths->items[count] = must(strdup(path));
  return NULL;
}

static void default_to(Paths *paths, const char *const *defaults) {
  if (paths->items[0] != NULL) return;
  for (; *defaults != NULL; defaults++) add_path(paths, *defaults);
}

/** Returns NULL, or why the line is ignored. */
static const char *set_line(Rights *rights, const char *key, const char *value) {
  uint32_t milliseconds = (uint32_t)strtoul(value, NULL, 10);
  if (strcmp(key, "plugins") == 0) return add_path(&rights->plugins, value);
  if (strcmp(key, "state") == 0) return add_path(&rights->state, value);
  if (strcmp(key, "read") == 0) return add_path(&rights->read, value);
  if (strcmp(key, "log") == 0) return is_plain(value) ? add_path(&rights->log, value) : "the path is not absolute and plain";
  if (strcmp(key, "socket") == 0) {
    free(rights->socket);
    rights->socket = must(strdup(value));
  } else if (strcmp(key, "connect-timeout-ms") == 0) {
    rights->connect_timeout_ms = milliseconds;
  } else if (strcmp(key, "accept-timeout-ms") == 0) {
    rights->accept_timeout_ms = milliseconds;
  } else if (strcmp(key, "silence-timeout-ms") == 0) {
    rights->silence_timeout_ms = milliseconds;
  } else {
    return "the key is unknown";
  }
  return NULL;
}

/** Opens the conf if nobody but its owner can have written it. Returns NULL, with a complaint unless it is missing. */
static FILE *open_conf(const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) {
    if (errno != ENOENT) complain("open %s: %s", path, strerror(errno));
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

static void load_conf(Rights *rights, const char *path) {
  FILE *file = open_conf(path);
  if (file == NULL) return;
  char line[4096];
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "#\n")] = 0;
    char *key = line + strspn(line, " \t");
    char *value = key + strcspn(key, " \t");
    if (*key == 0) continue;
    if (*value != 0) *value++ = 0;
    value += strspn(value, " \t");
    for (size_t end = strlen(value); end > 0 && isspace((unsigned char)value[end - 1]); end--) value[end - 1] = 0;
    const char *why = set_line(rights, key, value);
    if (why != NULL) complain("%s: %s %s is ignored: %s", path, key, value, why);
  }
  if (ferror(file)) complain("read %s: %s", path, strerror(errno));
  fclose(file);
}

void rights_load(Rights *rights, const char *path) {
  *rights = (Rights){.connect_timeout_ms = 1000, .accept_timeout_ms = 3000, .silence_timeout_ms = 10000};
  load_conf(rights, path);
  if (rights->socket == NULL) rights->socket = must(strdup(DEFAULT_SOCKET));
  default_to(&rights->state, DEFAULT_STATE);
  default_to(&rights->read, DEFAULT_READ);
  default_to(&rights->log, DEFAULT_LOG);
}

/** Is it one of the words, which end with NULL? */
static bool is_one_of(const char *word, size_t length, const char *const *words) {
  for (; *words != NULL; words++) {
    if (strlen(*words) == length && strncmp(*words, word, length) == 0) return true;
  }
  return false;
}

bool is_listed(const Paths *paths, const char *path, size_t length) {
  return is_one_of(path, length, (const char *const *)paths->items);
}

static bool is_plugin_dir(const Rights *rights, const char *dir, size_t length) {
  if (length == 0 || dir[0] != '/') return false;
  if (is_listed(&rights->plugins, dir, length)) return true;
  const char *path = getenv("CNI_PATH");
  while (path != NULL && *path != 0) {
    size_t part = strcspn(path, ":");
    if (part == length && strncmp(path, dir, length) == 0) return true;
    path += part;
    if (*path == ':') path++;
  }
  return false;
}

static bool is_name(const char *name) {
  return *name != 0 && strchr(name, '/') == NULL && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

static bool is_system_dir(const char *dir, size_t length) {
  static const char *const dirs[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin", NULL};
  return is_one_of(dir, length, dirs);
}

bool may_find(const Rights *rights, const char *dir, const char *name) {
  size_t length = strlen(dir);
  if (!is_name(name)) return false;
  bool is_iproute = strcmp(name, "ip") == 0 || strcmp(name, "rdma") == 0;
  return is_plugin_dir(rights, dir, length) || (is_system_dir(dir, length) && is_iproute);
}

static const char *const OBJECTS[] = {"route", "link", "address", NULL};
static const char *const ACTIONS[] = {"add", "set", "replace", "del", "delete", "flush", "show", NULL};

/** Is it a line that neither executes nor loads anything, as `ip netns exec` and `xdp` do? */
static bool is_harmless_line(const char *line, size_t length) {
  for (size_t index = 0; index < length; index++) {
    unsigned char byte = (unsigned char)line[index];
    if (byte < ' ' || byte > '~' || strchr("\\\"'#", byte) != NULL) return false;
  }
  size_t count = 0;
  for (size_t at = 0; at < length;) {
    while (at < length && line[at] == ' ') at++;
    size_t start = at;
    while (at < length && line[at] != ' ') at++;
    if (at == start) break;
    const char *word = line + start;
    size_t size = at - start;
    if (count == 0 && !is_one_of(word, size, OBJECTS)) return false;
    if (count == 1 && !is_one_of(word, size, ACTIONS)) return false;
    if (size >= 3 && strncmp(word, "xdp", 3) == 0) return false;
    count++;
  }
  return count == 0 || count >= 2;
}

static const char *refuse_ip(char *const *arguments, const uint8_t *input, size_t input_length) {
  size_t at = 0;
  if (arguments[at] != NULL && (strcmp(arguments[at], "-4") == 0 || strcmp(arguments[at], "-6") == 0)) at++;
  if (arguments[at] != NULL && strcmp(arguments[at], "-batch") == 0) {
    if (arguments[at + 1] == NULL || strcmp(arguments[at + 1], "-") != 0 || arguments[at + 2] != NULL)
      return "ip -batch may read its stdin only";
    const char *text = (const char *)input;
    for (size_t from = 0; from < input_length;) {
      const char *end = memchr(text + from, '\n', input_length - from);
      size_t length = end == NULL ? input_length - from : (size_t)(end - text) - from;
      if (!is_harmless_line(text + from, length)) return "a line of ip -batch is not allowed";
      from += length + 1;
    }
    return NULL;
  }
  if (at != 0 || arguments[0] == NULL || strcmp(arguments[0], "-json") != 0)
    return "these arguments of ip are not allowed";
  at = 1;
  if (arguments[at] != NULL && strcmp(arguments[at], "-details") == 0) at++;
  if (arguments[at] == NULL || !is_one_of(arguments[at], strlen(arguments[at]), OBJECTS))
    return "ip -json may show links, routes and addresses only";
  at++;
  if (arguments[at] == NULL || strcmp(arguments[at], "show") != 0) return "ip -json may only show";
  at++;
  if (arguments[at] == NULL) return NULL;
  const char *device = strcmp(arguments[at], "dev") == 0 ? arguments[at + 1] : NULL;
  if (device == NULL || device[0] == '-' || arguments[at + 2] != NULL)
    return "ip -json may show all devices or one";
  return NULL;
}

/** Allows moving an RDMA device: rdma dev set NAME netns PATH */
static const char *refuse_rdma(char *const *arguments) {
  static const char *const words[] = {"dev", "set", "", "netns", "", NULL};
  size_t at = 0;
  for (; words[at] != NULL; at++) {
    if (arguments[at] == NULL || arguments[at][0] == '-') return "rdma may only move a device";
    if (*words[at] != 0 && strcmp(words[at], arguments[at]) != 0) return "rdma may only move a device";
  }
  return arguments[at] == NULL ? NULL : "rdma may only move a device";
}

const char *refuse_execution(const Rights *rights, const char *path, char *const *arguments, char *const *environment,
                             const char *netns, const uint8_t *input, size_t input_length) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return "its path is not absolute";
  if (!is_name(slash + 1)) return "its path does not end with a name";
  size_t length = (size_t)(slash - path);
  for (; *environment != NULL; environment++) {
    if (!starts_with(*environment, "CNI_") || strchr(*environment, '=') == NULL)
      return "only CNI_* variables may be set";
  }
  const char *own = getenv("CNI_NETNS");
  if (*netns != 0 && (own == NULL || strcmp(own, netns) != 0))
    return "the network namespace is not this call's CNI_NETNS";
  if (is_system_dir(path, length) && strcmp(slash + 1, "ip") == 0) return refuse_ip(arguments, input, input_length);
  if (is_system_dir(path, length) && strcmp(slash + 1, "rdma") == 0) return refuse_rdma(arguments);
  if (!is_plugin_dir(rights, path, length))
    return "its directory is neither in CNI_PATH nor among the plugins of plexus-shim.conf";
  return arguments[0] == NULL ? NULL : "a plugin takes no arguments";
}

static bool is_below(const char *path, const char *dir) {
  return starts_with(path, dir) && path[strlen(dir)] == '/' && is_plain(path);
}

bool is_sysfs_readable(const char *path) {
  static const char *const dirs[] = {"/sys/bus/pci", "/sys/class/net", "/sys/class/infiniband",
                                     "/sys/kernel/iommu_groups", "/sys/devices", "/sys/module", NULL};
  for (const char *const *dir = dirs; *dir != NULL; dir++) {
    if (is_below(path, *dir) || strcmp(path, *dir) == 0) return true;
  }
  return false;
}

/** Is it like 0000:3b:02.1? */
static bool is_pci_address(const char *text, size_t length) {
  static const char shape[] = "xxxx:xx:xx.x";
  if (length != sizeof shape - 1) return false;
  for (size_t index = 0; index < length; index++) {
    bool fits = shape[index] == 'x' ? isxdigit((unsigned char)text[index]) != 0 : text[index] == shape[index];
    if (!fits) return false;
  }
  return true;
}

bool is_sysfs_writable(const char *path) {
  static const char devices[] = "/sys/bus/pci/devices/";
  static const char drivers[] = "/sys/bus/pci/drivers/";
  static const char *const of_driver[] = {"bind", "unbind", "new_id", "remove_id", NULL};
  if (!is_plain(path)) return false;
  if (strcmp(path, "/sys/bus/pci/drivers_probe") == 0) return true;
  const char *slash = strrchr(path, '/');
  if (starts_with(path, devices) && slash >= path + sizeof devices - 1) {
    const char *address = path + sizeof devices - 1;
    return strcmp(slash, "/driver_override") == 0 && is_pci_address(address, (size_t)(slash - address));
  }
  if (starts_with(path, drivers) && slash >= path + sizeof drivers - 1) {
    const char *driver = path + sizeof drivers - 1;
    return memchr(driver, '/', (size_t)(slash - driver)) == NULL && is_one_of(slash + 1, strlen(slash + 1), of_driver);
  }
  return false;
}

bool may_look_at(const char *path) {
  return is_below(path, "/run") || is_below(path, "/var/run") || is_below(path, "/etc/cni");
}

bool may_append(const Rights *rights, const char *path) { return is_listed(&rights->log, path, strlen(path)); }
