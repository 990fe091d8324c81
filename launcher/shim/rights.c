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

// What follows takes a value of the conf, or returns why it does not.

static const char *add_word(void *member, const char *word) {
  Words *words = member;
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

static const char *add_path(void *member, const char *path) {
  return is_plain(path) ? add_word(member, path) : "the path is not absolute and plain";
}

static const char *add_name(void *member, const char *name) {
  return strchr(name, '/') == NULL ? add_word(member, name) : "it is not a name";
}

static const char *add_option(void *member, const char *option) {
  return strncmp(option, "--", 2) == 0 ? add_word(member, option) : "it does not begin with --";
}

static const char *add_device(void *member, const char *address) {
  return is_pci_address(address, strlen(address)) ? add_word(member, address) : "it is not a PCI address";
}

static const char *set_timeout(void *member, const char *value) {
  char *end;
  errno = 0;
  unsigned long number = strtoul(value, &end, 10);
  if (!isdigit((unsigned char)*value) || *end != 0 || errno != 0 || number == 0 || number > MAX_TIMEOUT_MS)
    return "it is not a number of milliseconds from 1 to " STRING_OF(MAX_TIMEOUT_MS);
  *(uint32_t *)member = (uint32_t)number;
  return NULL;
}

static const char *set_resident(void *member, const char *value) {
  bool *starts = member;
  *starts = strcmp(value, "on-demand") == 0;
  return *starts ? NULL : "there is `on-demand` only";
}

static const char *set_text(void *member, const char *value) {
  char **text = member;
  free(*text);
  *text = must(strdup(value));
  return NULL;
}

static const char *set_directory(void *member, const char *path) {
  return is_plain(path) && path[1] != 0 ? set_text(member, path) : "the path is not absolute and plain";
}

#define AT(member) offsetof(Rights, member)

/** The keys of the conf. */
static const struct {
  const char *name;
  const char *(*set)(void *member, const char *value);
  /** Where its values are. */
  size_t member;
  enum { WORDS, TEXT, SWITCH, NUMBER } kind;
  /** Its values if the conf has none. */
  const char *defaults[4];
} KEYS[] = {
    {"socket", set_text, AT(socket), TEXT, {"/run/plexus/plexus.sock"}},
    {"resident", set_resident, AT(starts), SWITCH, {0}},
    {"resident-option", add_option, AT(options), WORDS, {0}},
    {"plugins", add_word, AT(plugin_dirs), WORDS, {0}},
    {"plugin", add_name, AT(plugins), WORDS, {0}},
    {"state", add_word, AT(state), WORDS, {"/var/lib/cni/multus", "/var/run/k8s.cni.cncf.io/devinfo", "/var/lib/cni/sriov"}},
    {"read", add_word, AT(read), WORDS, {"/etc/cni/net.d", "/etc/cni/multus/net.d"}},
    {"log", add_path, AT(log), WORDS, {"/var/log/plexus.log", "/var/log/multus.log"}},
    {"device", add_device, AT(devices), WORDS, {0}},
    {"sandboxes", set_directory, AT(sandboxes), TEXT, {0}},
    {"kubelet", set_directory, AT(kubelet), TEXT, {0}},
    {"connect-timeout-ms", set_timeout, AT(connect_timeout_ms), NUMBER, {"1000"}},
    {"start-timeout-ms", set_timeout, AT(start_timeout_ms), NUMBER, {"2000"}},
    {"accept-timeout-ms", set_timeout, AT(accept_timeout_ms), NUMBER, {"3000"}},
    {"silence-timeout-ms", set_timeout, AT(silence_timeout_ms), NUMBER, {"10000"}},
    {"wait-timeout-ms", set_timeout, AT(wait_timeout_ms), NUMBER, {"30000"}},
};
#define KEY_COUNT (sizeof KEYS / sizeof *KEYS)

static const char *set_key(Rights *rights, size_t key, const char *value) {
  return KEYS[key].set((char *)rights + KEYS[key].member, value);
}

static const char *take_line(Rights *rights, const char *name, const char *value) {
  size_t key = 0;
  while (key < KEY_COUNT && strcmp(KEYS[key].name, name) != 0) key++;
  if (key == KEY_COUNT) return "the key is unknown";
  const char *why = set_key(rights, key, value);
  if (why == NULL) rights->given |= 1u << key;
  return why;
}

static void take_defaults(Rights *rights) {
  for (size_t key = 0; key < KEY_COUNT; key++) {
    if ((rights->given & 1u << key) != 0) continue;
    for (const char *const *value = KEYS[key].defaults; *value != NULL; value++) set_key(rights, key, *value);
  }
}

void rights_print(const Rights *rights) {
  for (size_t key = 0; key < KEY_COUNT; key++) {
    const char *name = KEYS[key].name, *note = (rights->given & 1u << key) != 0 ? "" : " # default";
    const void *member = (const char *)rights + KEYS[key].member;
    if (KEYS[key].kind == NUMBER) printf("%s %u%s\n", name, *(const uint32_t *)member, note);
    if (KEYS[key].kind == SWITCH && *(const bool *)member) printf("%s on-demand\n", name);
    if (KEYS[key].kind == TEXT && *(char *const *)member != NULL) printf("%s %s%s\n", name, *(char *const *)member, note);
    if (KEYS[key].kind != WORDS) continue;
    for (char *const *word = ((const Words *)member)->items; *word != NULL; word++) printf("%s %s%s\n", name, *word, note);
  }
}

/** Opens the conf if nobody but its owner can have written it. Returns NULL; complains unless it may be missing. */
static FILE *open_conf(const char *path, bool may_be_missing) {
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK); // a pipe would be waited for
  if (fd < 0) {
    if (errno == ELOOP) complain("%s is ignored: it is a link; put the file itself there", path);
    else if (errno != ENOENT || !may_be_missing) complain("open %s: %s; run plexus install", path, strerror(errno));
    return NULL;
  }
  struct stat status;
  FILE *file = NULL;
  if (fstat(fd, &status) < 0) {
    complain("fstat %s: %s", path, strerror(errno));
  } else if (!S_ISREG(status.st_mode)) {
    complain("%s is ignored: it is not a file; remove it, and run plexus install", path);
  } else if (status.st_uid != geteuid()) {
    complain("%s is ignored: it is not root's; read it, then: chown root %s", path, path);
  } else if ((status.st_mode & 022) != 0) {
    complain("%s is ignored: others than root may write it; read it, then: chmod go-w %s", path, path);
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
    const char *why = take_line(rights, key, value);
    if (why != NULL) complain("%s: %.200s %.200s is ignored: %s; correct it, or remove it", path, key, value, why);
  }
  if (ferror(file)) complain("read %s: %s", path, strerror(errno));
  fclose(file);
}

void rights_load(Rights *rights, const char *path, bool may_be_missing) {
  *rights = (Rights){0};
  char conf[4096 + sizeof ".conf"];
  snprintf(conf, sizeof conf, "%.4095s.conf", path);
  load_conf(rights, conf, may_be_missing);
  rights->directory = must(strndup(path, (size_t)(strrchr(path, '/') - path)));
  take_defaults(rights);
}
