#define _GNU_SOURCE
#include "network.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "devices.h"
#include "plugins.h"

#define MAX_KEYS 9
#define MAX_VALUES 3
/** Links that a batch has given another name. */
#define MAX_RENAMED 8

/** What a value may be. */
enum Value {
  NOTHING = 0,
  NAME,
  NETNS,
  MAC,
  NUMBER,
  ADDRESS,
  PREFIX,
  DESTINATION,
  ON_OFF,
  LINK_STATE,
  VLAN_PROTOCOL,
  FLAG,
};

/** The network namespaces that a request may change. */
enum Where { ON_NODE = 1, IN_CONTAINER = 2 };

typedef struct {
  const char *word;
  enum Value value;
  /** Of a number. */
  uint32_t most;
} Key;

typedef struct {
  const char *name;
  /** ip's words: $1 and so on are the values that a request begins with. */
  const char *line;
  enum Value values[MAX_VALUES];
  enum Where where;
  /** What may follow. */
  Key keys[MAX_KEYS];
} Form;

#define ROUTE_KEYS                                                                                              \
  {                                                                                                             \
    {"via", ADDRESS, 0}, {"mtu", NUMBER, UINT32_MAX}, {"advmss", NUMBER, UINT32_MAX},                           \
        {"metric", NUMBER, UINT32_MAX}, {"table", NUMBER, UINT32_MAX}, {"scope", NUMBER, 255}, {"onlink", FLAG, 0}, \
  }

static const Form FORMS[] = {
    {"link", "link set dev $1", {NAME}, ON_NODE | IN_CONTAINER,
     {{"up", FLAG, 0}, {"down", FLAG, 0}, {"mtu", NUMBER, 65535}, {"address", MAC, 0}, {"name", NAME, 0}}},
    {"move", "link set dev $1 netns $2 name $3", {NAME, NETNS, NAME}, ON_NODE | IN_CONTAINER, {{0}}},
    {"vf", "link set dev $1 vf $2", {NAME, NUMBER}, ON_NODE,
     {{"mac", MAC, 0}, {"vlan", NUMBER, 4094}, {"qos", NUMBER, 7}, {"proto", VLAN_PROTOCOL, 0}, {"spoofchk", ON_OFF, 0},
      {"trust", ON_OFF, 0}, {"state", LINK_STATE, 0}, {"max_tx_rate", NUMBER, INT32_MAX},
      {"min_tx_rate", NUMBER, INT32_MAX}}},
    {"address", "address add $2 dev $1", {NAME, PREFIX}, IN_CONTAINER, {{"nodad", FLAG, 0}}},
    {"route add", "route add $2 dev $1", {NAME, DESTINATION}, IN_CONTAINER, ROUTE_KEYS},
    {"route append", "route append $2 dev $1", {NAME, DESTINATION}, IN_CONTAINER, ROUTE_KEYS},
    {"route prepend", "route prepend $2 dev $1", {NAME, DESTINATION}, IN_CONTAINER, ROUTE_KEYS},
    {"route replace", "route replace $2 dev $1", {NAME, DESTINATION}, IN_CONTAINER, ROUTE_KEYS},
    {"route delete", "route delete $2 dev $1", {NAME, DESTINATION}, IN_CONTAINER, ROUTE_KEYS},
    {"flush", "route flush exact $2 dev $1", {NAME, DESTINATION}, IN_CONTAINER, {{0}}},
};

/** Has the text bytes only that are one word for `ip`, and mean nothing else to it? */
static bool is_word(const char *text) {
  if (*text == 0 || *text == '-') return false;
  for (; *text != 0; text++) {
    if (*text <= ' ' || *text > '~' || strchr("\\\"'#", *text) != NULL) return false;
  }
  return true;
}

bool is_link_name(const char *name) {
  return is_word(name) && strlen(name) < IF_NAMESIZE && strpbrk(name, "/:%") == NULL && strcmp(name, ".") != 0 &&
         strcmp(name, "..") != 0;
}

static bool is_mac(const char *text) {
  static const char shape[] = "xx:xx:xx:xx:xx:xx";
  for (size_t index = 0; index < sizeof shape; index++) {
    bool fits = shape[index] == 'x' ? isxdigit((unsigned char)text[index]) != 0 : text[index] == shape[index];
    if (!fits) return false;
  }
  return true;
}

static bool is_number(const char *text, uint32_t most) {
  size_t digits = strspn(text, "0123456789");
  return digits > 0 && digits <= 10 && text[digits] == 0 && strtoull(text, NULL, 10) <= most;
}

/** Is it an address, with a prefix length if there has to be one? */
static bool is_address(const char *text, bool may_have_length, bool must_have_length) {
  char address[INET6_ADDRSTRLEN];
  size_t length = strcspn(text, "/");
  if (length >= sizeof address) return false;
  memcpy(address, text, length);
  address[length] = 0;
  uint8_t bytes[16];
  bool is_v6 = strchr(address, ':') != NULL;
  if (inet_pton(is_v6 ? AF_INET6 : AF_INET, address, bytes) != 1) return false;
  if (text[length] == 0) return !must_have_length;
  return may_have_length && is_number(text + length + 1, is_v6 ? 128 : 32);
}

static bool is_any(const char *text, const char *const *words) { return is_one_of(text, strlen(text), words); }

static bool fits(const char *text, enum Value value, uint32_t most) {
  static const char *const on_off[] = {"on", "off", NULL};
  static const char *const link_state[] = {"auto", "enable", "disable", NULL};
  static const char *const vlan_protocol[] = {"802.1q", "802.1ad", NULL};
  switch (value) {
    case NAME: return is_link_name(text);
    case NETNS: return *text == 0 || refuse_namespace(text) == NULL;
    case MAC: return is_mac(text);
    case NUMBER: return is_number(text, most);
    case ADDRESS: return is_address(text, false, false);
    case PREFIX: return is_address(text, true, true);
    case DESTINATION: return strcmp(text, "default") == 0 || is_address(text, true, false);
    case ON_OFF: return is_any(text, on_off);
    case LINK_STATE: return is_any(text, link_state);
    case VLAN_PROTOCOL: return is_any(text, vlan_protocol);
    case NOTHING:
    case FLAG: break;
  }
  return false;
}

const char *refuse_namespace(const char *netns) {
  const char *own = getenv("CNI_NETNS");
  if (*netns == 0) return NULL;
  if (own == NULL || strcmp(own, netns) != 0) return "the network namespace is not this call's CNI_NETNS";
  return is_plain(netns) && is_word(netns) ? NULL : "the path of the network namespace is not a plain one";
}

static void add_text(Buffer *lines, const char *text) { buffer_add(lines, text, strlen(text)); }

static void render(const Form *form, char *const *values, Buffer *lines) {
  for (const char *at = form->line; *at != 0; at++) {
    if (*at != '$') {
      buffer_add(lines, at, 1);
      continue;
    }
    at++;
    const char *value = values[*at - '1'];
    add_text(lines, *value == 0 ? "1" : value); // the namespace of the process 1 is the node's
  }
}

static const Form *find_form(const char *name) {
  for (size_t index = 0; index < sizeof FORMS / sizeof *FORMS; index++) {
    if (strcmp(FORMS[index].name, name) == 0) return &FORMS[index];
  }
  return NULL;
}

static const Key *find_key(const Form *form, const char *word) {
  for (const Key *key = form->keys; key < form->keys + MAX_KEYS && key->word != NULL; key++) {
    if (strcmp(key->word, word) == 0) return key;
  }
  return NULL;
}

/** The names that a batch gives to links which it may change. */
typedef struct {
  char *names[MAX_RENAMED + 1];
} Renamed;

/** On the node, only links of devices that may be touched are changed and moved, whatever they are called by then. */
static const char *refuse_link(const Rights *rights, const Form *form, char *const *words, Renamed *renamed) {
  const char *link = words[1];
  if (strcmp(form->name, "vf") == 0) return NULL; // it is the PF's
  bool is_known = is_one_of(link, strlen(link), (const char *const *)renamed->names);
  if (!is_known && !may_touch_device_of(rights, "/sys/class/net", link))
    return "on the node, only the links of VFs may be changed, and those of each `device` of plexus-shim.conf";
  if (strcmp(form->name, "link") != 0 || words[2] == NULL || strcmp(words[2], "name") != 0) return NULL;
  size_t count = list_length(renamed->names);
  if (count == MAX_RENAMED) return "a batch renames too many links";
  renamed->names[count] = words[3];
  return NULL;
}

static const char *render_request(const Rights *rights, char *const *words, const char *netns, Renamed *renamed,
                                  Buffer *lines) {
  const Form *form = words[0] == NULL ? NULL : find_form(words[0]);
  if (form == NULL) return "there is no such request";
  if ((form->where & (*netns == 0 ? ON_NODE : IN_CONTAINER)) == 0)
    return *netns == 0 ? "it is not for the node's network namespace" : "it is not for a container's network namespace";
  char *const *at = words + 1;
  for (size_t index = 0; index < MAX_VALUES && form->values[index] != NOTHING; index++, at++) {
    if (*at == NULL || !fits(*at, form->values[index], UINT16_MAX)) return "a value of it is malformed";
    // A link comes from the node to the container, or back.
    if (form->values[index] == NETNS && (**at == 0) == (*netns == 0)) return "it moves a link to where that is";
  }
  const char *why = *netns == 0 ? refuse_link(rights, form, words, renamed) : NULL;
  if (why != NULL) return why;
  render(form, words + 1, lines);
  while (*at != NULL) {
    const Key *key = find_key(form, *at++);
    if (key == NULL) return "there is no such key";
    add_text(lines, " ");
    add_text(lines, key->word);
    if (key->value == FLAG) continue;
    if (*at == NULL || !fits(*at, key->value, key->most)) return "the value of a key is malformed";
    add_text(lines, " ");
    add_text(lines, *at++);
  }
  add_text(lines, "\n");
  return NULL;
}

const char *render_requests(const Rights *rights, Reader *requests, const char *netns, Buffer *lines) {
  const char *why = refuse_namespace(netns);
  Renamed renamed = {0};
  char **kept[MAX_RENAMED] = {0}; // the lists that the names are in
  size_t count = 0;
  while (why == NULL && requests->left > 0 && !requests->broken) {
    char **words = get_list(requests);
    size_t before = list_length(renamed.names);
    if (!requests->broken) why = render_request(rights, words, netns, &renamed, lines);
    if (list_length(renamed.names) > before) kept[count++] = words;
    else free_list(words);
  }
  while (count > 0) free_list(kept[--count]);
  return why;
}

const char *refuse_rdma(const Rights *rights, const char *name, const char *netns, const char *to) {
  const char *why = refuse_namespace(netns);
  if (why == NULL) why = refuse_namespace(to);
  if (why != NULL) return why;
  if (!is_word(name) || strpbrk(name, "/:%") != NULL || leads_elsewhere(name, strlen(name)))
    return "it is not the name of a device";
  if ((*netns == 0) == (*to == 0)) return "it moves a device to where that is";
  if (*netns == 0 && !may_touch_device_of(rights, "/sys/class/infiniband", name))
    return "only the RDMA devices of VFs may be moved, and those of each `device` of plexus-shim.conf";
  return NULL;
}

const char *refuse_switching(const char *netns, const char *link) {
  if (*netns == 0) return "it is not for the node's network namespace";
  const char *why = refuse_namespace(netns);
  if (why != NULL) return why;
  // These two are no links: they stand for all.
  bool is_link = is_link_name(link) && strcmp(link, "all") != 0 && strcmp(link, "default") != 0;
  return is_link ? NULL : "it is not the name of a link";
}

char *render_switch(const char *link, const char *text) {
  static const char *const v4[] = {"arp_notify", NULL};
  static const char *const v6[] = {"ndisc_notify", "optimistic_dad", "disable_ipv6", "keep_addr_on_down", NULL};
  size_t length = strcspn(text, "=");
  if (strcmp(text + length, "=0") != 0 && strcmp(text + length, "=1") != 0) return NULL;
  const char *family = is_one_of(text, length, v4) ? "ipv4" : is_one_of(text, length, v6) ? "ipv6" : NULL;
  char *word;
  if (family == NULL) return NULL;
  if (asprintf(&word, "net/%s/conf/%s/%s", family, link, text) < 0) must(NULL);
  return word;
}

char *find_command(const char *name) {
  for (const char *const *dir = SYSTEM_DIRS; *dir != NULL; dir++) {
    char *path;
    struct stat status;
    if (asprintf(&path, "%s/%s", *dir, name) < 0) must(NULL);
    if (stat(path, &status) == 0 && S_ISREG(status.st_mode)) return path;
    free(path);
  }
  return NULL;
}
