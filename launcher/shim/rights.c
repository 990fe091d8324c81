#include "rights.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool starts_with(const char *text, const char *start) { return strncmp(text, start, strlen(start)) == 0; }

static void add_dir(Dirs *dirs, const char *dir) {
  size_t count = 0;
  while (dirs->dirs[count] != NULL) count++;
  if (count == MAX_DIRS) {
    fprintf(stderr, "plexus-shim: more than %d directories: %s is left out\n", MAX_DIRS, dir);
    return;
  }
  dirs->dirs[count] = strdup(dir);
}

static void set_line(Rights *rights, const char *path, const char *key, const char *value) {
  uint32_t milliseconds = (uint32_t)strtoul(value, NULL, 10);
  if (strcmp(key, "socket") == 0) rights->socket = strdup(value);
  else if (strcmp(key, "plugins") == 0) add_dir(&rights->plugins, value);
  else if (strcmp(key, "state") == 0) add_dir(&rights->state, value);
  else if (strcmp(key, "read") == 0) add_dir(&rights->read, value);
  else if (strcmp(key, "connect-timeout-ms") == 0) rights->connect_timeout = milliseconds;
  else if (strcmp(key, "accept-timeout-ms") == 0) rights->accept_timeout = milliseconds;
  else if (strcmp(key, "silence-timeout-ms") == 0) rights->silence_timeout = milliseconds;
  else fprintf(stderr, "plexus-shim: %s: there is no key %s\n", path, key);
}

static void load_file(Rights *rights, const char *path) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
  if (fd < 0) return;
  struct stat status;
  if (fstat(fd, &status) < 0 || status.st_uid != geteuid() || (status.st_mode & 022) != 0) {
    fprintf(stderr, "plexus-shim: %s is not read: it must belong to root, and nobody else may write it\n", path);
    close(fd);
    return;
  }
  FILE *file = fdopen(fd, "r");
  if (file == NULL) {
    close(fd);
    return;
  }
  char line[4096];
  while (fgets(line, sizeof line, file) != NULL) {
    line[strcspn(line, "#\n")] = 0;
    char *key = line + strspn(line, " \t");
    char *value = key + strcspn(key, " \t");
    if (*key == 0) continue;
    if (*value != 0) *value++ = 0;
    value += strspn(value, " \t");
    for (size_t end = strlen(value); end > 0 && isspace((unsigned char)value[end - 1]); end--) value[end - 1] = 0;
    set_line(rights, path, key, value);
  }
  fclose(file);
}

void rights_load(Rights *rights, const char *path) {
  *rights = (Rights){.connect_timeout = 1000, .accept_timeout = 3000, .silence_timeout = 10000};
  load_file(rights, path);
  if (rights->socket == NULL) rights->socket = strdup("/run/plexus/plexus.sock");
  if (rights->state.dirs[0] == NULL) {
    add_dir(&rights->state, "/var/lib/cni/multus");
    add_dir(&rights->state, "/var/run/k8s.cni.cncf.io/devinfo");
  }
  if (rights->read.dirs[0] == NULL) {
    add_dir(&rights->read, "/etc/cni/net.d");
    add_dir(&rights->read, "/etc/cni/multus/net.d");
  }
}

static bool is_listed(const Dirs *dirs, const char *dir, size_t length) {
  for (char *const *item = dirs->dirs; *item != NULL; item++) {
    if (strlen(*item) == length && strncmp(*item, dir, length) == 0) return true;
  }
  return false;
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
  static const char *const dirs[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin"};
  for (size_t index = 0; index < sizeof dirs / sizeof *dirs; index++) {
    if (strlen(dirs[index]) == length && strncmp(dirs[index], dir, length) == 0) return true;
  }
  return false;
}

bool may_find(const Rights *rights, const char *dir, const char *name) {
  size_t length = strlen(dir);
  if (!is_name(name)) return false;
  bool is_iproute = strcmp(name, "ip") == 0 || strcmp(name, "rdma") == 0;
  return is_plugin_dir(rights, dir, length) || (is_system_dir(dir, length) && is_iproute);
}

/** Is it one of the words, which end with NULL? */
static bool is_one_of(const char *word, size_t length, const char *const *words) {
  for (; *words != NULL; words++) {
    if (strlen(*words) == length && strncmp(*words, word, length) == 0) return true;
  }
  return false;
}

static const char *const OBJECTS[] = {"route", "link", "address", NULL};
static const char *const ACTIONS[] = {"add", "set", "replace", "del", "delete", "flush", "show", NULL};

/** `ip netns exec`, and what else of ip executes or loads something, is none of these. */
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
      return "ip -batch reads from its stdin, and nothing else";
    const char *text = (const char *)input;
    for (size_t from = 0; from < input_length;) {
      const char *end = memchr(text + from, '\n', input_length - from);
      size_t length = end == NULL ? input_length - from : (size_t)(end - text) - from;
      if (!is_harmless_line(text + from, length)) return "a line of ip -batch is none that Plexus needs";
      from += length + 1;
    }
    return NULL;
  }
  if (at != 0 || arguments[0] == NULL || strcmp(arguments[0], "-json") != 0) return "these arguments of ip are none that Plexus needs";
  at = 1;
  if (arguments[at] != NULL && strcmp(arguments[at], "-details") == 0) at++;
  if (arguments[at] == NULL || !is_one_of(arguments[at], strlen(arguments[at]), OBJECTS)) return "ip shows link, route and address only";
  at++;
  if (arguments[at] == NULL || strcmp(arguments[at], "show") != 0) return "ip -json only shows";
  at++;
  if (arguments[at] == NULL) return NULL;
  if (strcmp(arguments[at], "dev") != 0 || arguments[at + 1] == NULL || arguments[at + 1][0] == '-' || arguments[at + 2] != NULL)
    return "ip shows all, or one device";
  return NULL;
}

/** Moving an RDMA device: rdma dev set NAME netns PATH */
static const char *refuse_rdma(char *const *arguments) {
  static const char *const words[] = {"dev", "set", "", "netns", "", NULL};
  size_t at = 0;
  for (; words[at] != NULL; at++) {
    if (arguments[at] == NULL || arguments[at][0] == '-') return "rdma moves a device, and nothing else";
    if (*words[at] != 0 && strcmp(words[at], arguments[at]) != 0) return "rdma moves a device, and nothing else";
  }
  return arguments[at] == NULL ? NULL : "rdma moves a device, and nothing else";
}

const char *refuse_execution(const Rights *rights, const char *path, char *const *arguments, char *const *environment,
                             const char *netns, const uint8_t *input, size_t input_length) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL || !is_name(slash + 1)) return "it is no absolute path of a file";
  size_t length = (size_t)(slash - path);
  for (; *environment != NULL; environment++) {
    if (!starts_with(*environment, "CNI_") || strchr(*environment, '=') == NULL) return "only CNI_* may be set";
  }
  const char *own = getenv("CNI_NETNS");
  if (*netns != 0 && (own == NULL || strcmp(own, netns) != 0)) return "it is not this call's CNI_NETNS";
  if (is_system_dir(path, length) && strcmp(slash + 1, "ip") == 0) return refuse_ip(arguments, input, input_length);
  if (is_system_dir(path, length) && strcmp(slash + 1, "rdma") == 0) return refuse_rdma(arguments);
  if (!is_plugin_dir(rights, path, length)) return "its directory is neither in CNI_PATH nor among the installer's";
  return arguments[0] == NULL ? NULL : "a plugin takes no arguments";
}

/** Absolute, and without a component that leads elsewhere. */
static bool is_plain(const char *path) {
  if (path[0] != '/') return false;
  for (const char *part = path; *part != 0;) {
    part++;
    size_t length = strcspn(part, "/");
    if (length == 0 || (length == 1 && part[0] == '.') || (length == 2 && part[0] == '.' && part[1] == '.')) return false;
    part += length;
  }
  return true;
}

static bool is_below(const char *path, const char *dir) {
  return starts_with(path, dir) && path[strlen(dir)] == '/' && is_plain(path);
}

bool is_sysfs_readable(const char *path) {
  static const char *const dirs[] = {"/sys/bus/pci", "/sys/class/net", "/sys/class/infiniband",
                                     "/sys/kernel/iommu_groups", "/sys/devices", "/sys/module"};
  for (size_t index = 0; index < sizeof dirs / sizeof *dirs; index++) {
    if (is_below(path, dirs[index]) || strcmp(path, dirs[index]) == 0) return true;
  }
  return false;
}

/** 0000:3b:02.1 */
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
