#define _GNU_SOURCE
#include "plugins.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "types.h"

/** Plugins that execute others by a conf: with `binDir` and the like they would do anything as root. */
static const char *const META_PLUGINS[] = {"multus", "multus-shim", "multus-daemon", "genie",
                                           "danm",   "knitter",     "plexus",        "plexus-shim", NULL};
/** Those of them that are ours. */
static const char *const OWN[] = {"plexus", "plexus-shim", NULL};

const char *const SYSTEM_DIRS[] = {"/usr/sbin", "/sbin", "/usr/bin", "/bin", NULL};

/** What is executed in a call of the runtime: an ADD is undone by DELs, a GC detaches containers that are gone. */
static const struct {
  const char *called;
  const char *executed[3];
} VERBS[] = {{"ADD", {"ADD", "DEL"}}, {"DEL", {"DEL"}},      {"CHECK", {"CHECK"}},
             {"STATUS", {"STATUS"}},  {"GC", {"GC", "DEL"}}};

static const char *own(const char *name) {
  const char *value = getenv(name);
  return value == NULL ? "" : value;
}

/** Is it the directory of a plugin: of CNI_PATH, or of the installer's? */
static bool is_plugin_dir(const Rights *rights, const char *dir, size_t length) {
  if (length == 0 || dir[0] != '/') return false;
  if (is_listed(&rights->plugin_dirs, dir, length)) return true;
  for (const char *path = own("CNI_PATH"); *path != 0;) {
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

bool may_find(const Rights *rights, const char *dir, const char *name) {
  size_t length = strlen(dir);
  if (!is_name(name)) return false;
  bool is_iproute = strcmp(name, "ip") == 0 || strcmp(name, "rdma") == 0;
  return is_plugin_dir(rights, dir, length) || (is_one_of(dir, length, SYSTEM_DIRS) && is_iproute);
}

static bool is_same_file(const char *path, const struct stat *other) {
  struct stat status;
  return stat(path, &status) == 0 && status.st_dev == other->st_dev && status.st_ino == other->st_ino;
}

/** Is it this shim, or what lies as shim or `plexus` where this one does: by whatever name, but not as a copy? */
static bool is_ours(const Rights *rights, const char *path) {
  struct stat status;
  if (stat(path, &status) < 0) return false;
  if (is_same_file("/proc/self/exe", &status)) return true;
  for (const char *const *name = OWN; *name != NULL; name++) {
    char beside[4096];
    int written = snprintf(beside, sizeof beside, "%s/%s", rights->directory, *name);
    if (written > 0 && (size_t)written < sizeof beside && is_same_file(beside, &status)) return true;
  }
  return false;
}

static const char *refuse_plugin(const Rights *rights, const char *path, const char *name) {
  if (is_one_of(name, strlen(name), META_PLUGINS) || is_ours(rights, path))
    return "it is a meta-plugin, which executes others";
  if (rights->plugins.items[0] != NULL && !is_listed(&rights->plugins, name, strlen(name)))
    return "it is not a `plugin` of plexus-shim.conf";
  return NULL;
}

static const char *refuse_verb(const char *verb) {
  const char *called = own("CNI_COMMAND");
  for (size_t index = 0; index < sizeof VERBS / sizeof *VERBS; index++) {
    if (strcmp(VERBS[index].called, called) == 0 && is_one_of(verb, strlen(verb), VERBS[index].executed)) return NULL;
  }
  return "CNI_COMMAND does not belong to this call";
}

/** In a GC, a container that is gone is detached in its own network namespace; never in the node's. */
static const char *refuse_netns(const char *netns) {
  if (*netns == 0 || strcmp(netns, own("CNI_NETNS")) == 0) return NULL;
  struct stat status;
  if (strcmp(own("CNI_COMMAND"), "GC") != 0 || !is_plain(netns) || is_below(netns, "/proc") ||
      stat("/proc/self/ns/net", &status) < 0 || is_same_file(netns, &status))
    return "CNI_NETNS is not this call's";
  return NULL;
}

static const char *refuse_container(const char *id) {
  bool is_own = *id == 0 || strcmp(id, own("CNI_CONTAINERID")) == 0;
  return is_own || strcmp(own("CNI_COMMAND"), "GC") == 0 ? NULL : "CNI_CONTAINERID is not this call's";
}

static const char *refuse_path(const Rights *rights, const char *path) {
  for (;;) {
    size_t length = strcspn(path, ":");
    if (!is_plugin_dir(rights, path, length))
      return "a directory of CNI_PATH is neither this call's nor among the `plugins` of plexus-shim.conf";
    if (path[length] == 0) return NULL;
    path += length + 1;
  }
}

/** Returns the value if the variable has that name, else NULL. */
static const char *value_of(const char *variable, const char *name) {
  size_t length = strlen(name);
  return strncmp(variable, name, length) == 0 && variable[length] == '=' ? variable + length + 1 : NULL;
}

/** Is a variable there again? The plugin would take one of the two, and this shim might have looked at the other. */
static bool is_set_again(char *const *environment) {
  size_t key = strcspn(*environment, "=") + 1;
  for (char *const *later = environment + 1; *later != NULL; later++) {
    if (strncmp(*environment, *later, key) == 0) return true;
  }
  return false;
}

static const char *refuse_variable(const Rights *rights, const char *variable) {
  const char *value;
  if ((value = value_of(variable, "CNI_COMMAND")) != NULL) return refuse_verb(value);
  if ((value = value_of(variable, "CNI_CONTAINERID")) != NULL) return refuse_container(value);
  if ((value = value_of(variable, "CNI_NETNS")) != NULL) return refuse_netns(value);
  if ((value = value_of(variable, "CNI_PATH")) != NULL) return refuse_path(rights, value);
  if (value_of(variable, "CNI_IFNAME") != NULL || value_of(variable, "CNI_ARGS") != NULL) return NULL;
  return "only the CNI_* variables of the spec may be set";
}

/** What the types of a conf are looked for in. */
typedef struct {
  const Rights *rights;
  const char *path;
} Search;

/** Refuses a type by which the plugin would execute, from CNI_PATH, what may not be executed itself. */
static const char *refuse_type(const char *type, const void *context) {
  const Search *search = context;
  if (strlen(type) == MAX_TYPE) return "its conf names a plugin that may not be executed"; // it may go on
  if (is_one_of(type, strlen(type), META_PLUGINS)) return "its conf names a meta-plugin, which executes others";
  for (const char *dir = search->path; *dir != 0;) {
    size_t length = strcspn(dir, ":");
    char path[4096];
    struct stat status;
    int written = snprintf(path, sizeof path, "%.*s/%s", (int)length, dir, type);
    bool is_there = written > 0 && (size_t)written < sizeof path && stat(path, &status) == 0 && S_ISREG(status.st_mode);
    if (is_there && (!is_name(type) || refuse_plugin(search->rights, path, type) != NULL))
      return "its conf names a plugin that may not be executed";
    dir += length;
    if (*dir == ':') dir++;
  }
  return NULL;
}

const char *refuse_execution(const Rights *rights, const char *path, char *const *environment, const uint8_t *conf,
                             size_t length) {
  const char *slash = strrchr(path, '/');
  if (slash == NULL) return "its path is not absolute";
  if (!is_name(slash + 1)) return "its path does not end with a name";
  if (!is_plugin_dir(rights, path, (size_t)(slash - path)))
    return "its directory is neither in CNI_PATH nor among the `plugins` of plexus-shim.conf";
  const char *why = refuse_plugin(rights, path, slash + 1);
  Search search = {rights, own("CNI_PATH")};
  for (; why == NULL && *environment != NULL; environment++) {
    why = is_set_again(environment) ? "a variable is set twice" : refuse_variable(rights, *environment);
    const char *dirs = value_of(*environment, "CNI_PATH");
    if (dirs != NULL) search.path = dirs;
  }
  return why != NULL ? why : refuse_types(conf, length, refuse_type, &search);
}
