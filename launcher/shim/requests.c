#define _GNU_SOURCE
#include "requests.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "jobs.h"
#include "messages.h"
#include "network.h"
#include "plugins.h"
#include "synced.h"
#include "writing.h"

#define MAX_FIELDS 5
/** Of a request SYSCTL. */
#define MAX_SWITCHES 8

enum FieldType { U32 = 1, STRING, STRINGS, BYTES };

/** The value of a field; its type is in the table. */
typedef struct {
  uint32_t number;
  char *string;
  char **strings;
  const uint8_t *bytes;
  size_t count;
} Field;

typedef struct Request Request;

/** A request that came in whole. */
typedef struct {
  Call *call;
  const Request *request;
  uint32_t id;
  Field fields[MAX_FIELDS];
  /** What a file operation gives back. */
  Buffer result;
} Asked;

struct Request {
  enum ToShim type;
  /** As docs/protocol.md has it: for those who mend one of the two programs. */
  const char *name;
  /** What it asks for, for those who read the log of a node. */
  const char *deed;
  /** 0 for none. */
  enum FieldType fields[MAX_FIELDS];
  /** NULL if its arrival is all that it says. */
  void (*handle)(Asked *asked);
};

__attribute__((format(printf, 3, 0))) static void end(Call *call, enum Standing standing, const char *format, va_list values) {
  free(call->reason);
  call->reason = worded(format, values);
  call->standing = standing;
}

void leave(Call *call, const char *format, ...) {
  va_list values;
  va_start(values, format);
  end(call, LEFT, format, values);
  va_end(values);
}

void lose(Call *call, const char *format, ...) {
  va_list values;
  va_start(values, format);
  end(call, LOST, format, values);
  va_end(values);
}

static void refuse(const Asked *asked, const char *why) {
  const char *what = asked->fields[0].string;
  complain("refused to %s %s: %s", asked->request->deed, *what == 0 ? "the node" : what, why);
  add_refused(&asked->call->outgoing, asked->id, why);
}

static void accept_call(Asked *asked) {
  uint32_t version = asked->fields[0].number;
  if (version != PROTOCOL) {
    leave(asked->call, "the resident process speaks protocol version %u, not %d", version, PROTOCOL);
    return;
  }
  asked->call->accepted = true;
  free(asked->call->version);
  asked->call->version = must(strdup(asked->fields[1].string));
}

static void fall_back(Asked *asked) {
  const Field *why = &asked->fields[0];
  char *text = must(strndup((const char *)why->bytes, why->count));
  leave(asked->call, "%s%s", text, strlen(text) < why->count ? " ..." : ""); // what follows a NUL
  free(text);
}

static void answer(Asked *asked) {
  Call *call = asked->call;
  call->exit_code = asked->fields[0].number;
  call->answer = asked->fields[1].bytes;
  call->answer_length = asked->fields[1].count;
  call->standing = ANSWERED;
}

static void say_it(Asked *asked) { say(asked->fields[0].bytes, asked->fields[0].count); }

/** Starts what is not refused: its end is reported later. */
static void start(Asked *asked, const Execution *execution, const char *why) {
  if (why == NULL && jobs_are_full(execution->input_length)) why = "too many others are being executed";
  if (why != NULL) {
    refuse(asked, why);
    return;
  }
  Failure failure = jobs_start(execution);
  if (failure.error == 0) return;
  const Buffer nothing = {0};
  complain("cannot execute %s: %s %s: %s", execution->path, failure.call, failure.object, strerror(failure.error));
  add_executed(&asked->call->outgoing, asked->id, NOT_EXECUTED, (uint32_t)failure.error, &nothing, &nothing);
}

static void execute(Asked *asked) {
  const Field *fields = asked->fields;
  char *none[] = {NULL};
  const Execution execution = {
      .id = asked->id,
      .path = fields[0].string,
      .arguments = none,
      .environment = fields[1].strings,
      .netns = "",
      .timeout_ms = fields[2].number,
      .max_output = fields[3].number,
      .input = fields[4].bytes,
      .input_length = fields[4].count,
  };
  start(asked, &execution,
        refuse_execution(asked->call->rights, execution.path, execution.environment, execution.input,
                         execution.input_length));
}

/** Says that the node does not have a command. Without `ip` and `rdma` nothing goes on, and `plexus` says so to the runtime. */
static void missing(Asked *asked, const char *name) {
  const Buffer nothing = {0};
  if (strcmp(name, "sysctl") != 0) refuse(asked, "iproute2 is not on this node");
  else add_executed(&asked->call->outgoing, asked->id, NOT_EXECUTED, ENOENT, &nothing, &nothing);
}

/** Executes a command of the system in the network namespace that the first field names, unless it is refused. */
static void command(Asked *asked, const char *name, char *const *arguments, const Buffer *input, const char *why) {
  char *path = why == NULL ? find_command(name) : NULL;
  char *none[] = {NULL};
  const Execution execution = {
      .id = asked->id,
      .path = path,
      .arguments = arguments,
      .environment = none,
      .netns = asked->fields[0].string,
      .timeout_ms = NETWORK_TIMEOUT_MS,
      .max_output = MAX_JOB_OUTPUT,
      .input = input->data,
      .input_length = input->length,
  };
  if (why == NULL && path == NULL) missing(asked, name);
  else start(asked, &execution, why);
  free(path);
}

static void configure(Asked *asked) {
  const Field *fields = asked->fields;
  Reader requests = {fields[2].bytes, fields[2].count, false};
  Buffer lines = {0};
  const char *why = render_requests(asked->call->rights, &requests, fields[0].string, &lines);
  if (requests.broken) why = "the requests are malformed";
  char *arguments[] = {"-batch", "-", NULL, NULL};
  if (fields[1].number != 0) {
    if (fields[1].number != 4 && fields[1].number != 6) why = "there is no such family";
    arguments[2] = fields[1].number == 4 ? "-4" : "-6";
  }
  command(asked, "ip", arguments, &lines, why);
  buffer_free(&lines);
}

static void show(Asked *asked) {
  const Field *fields = asked->fields;
  char *arguments[] = {"-json", "-details", "address", "show", "dev", fields[1].string, NULL};
  const char *why = refuse_namespace(fields[0].string);
  if (!is_link_name(fields[1].string)) why = "it is not the name of a link";
  const Buffer nothing = {0};
  command(asked, "ip", arguments, &nothing, why);
}

static void sysctl(Asked *asked) {
  const Field *fields = asked->fields;
  size_t count = list_length(fields[2].strings);
  const char *why = count > MAX_SWITCHES ? "it has too many switches" : refuse_switching(fields[0].string, fields[1].string);
  char *arguments[MAX_SWITCHES + 4] = {"-e", "-q", "-w"};
  for (size_t index = 0; why == NULL && index < count; index++) {
    arguments[3 + index] = render_switch(fields[1].string, fields[2].strings[index]);
    if (arguments[3 + index] == NULL) why = "there is no such switch";
  }
  const Buffer nothing = {0};
  command(asked, "sysctl", arguments, &nothing, why);
  for (size_t index = 3; index < MAX_SWITCHES + 4; index++) free(arguments[index]);
}

static void rdma(Asked *asked) {
  const Field *fields = asked->fields;
  char *to = *fields[2].string == 0 ? "/proc/1/ns/net" : fields[2].string;
  char *arguments[] = {"dev", "set", fields[1].string, "netns", to, NULL};
  const char *why = refuse_rdma(asked->call->rights, fields[1].string, fields[0].string, fields[2].string);
  const Buffer nothing = {0};
  command(asked, "rdma", arguments, &nothing, why);
}

/** Answers a file operation, which all begin with a path, or a name. */
static void done(Asked *asked, int error) {
  const char *netns = getenv("CNI_NETNS");
  bool is_netns = netns != NULL && asked->fields[0].string != NULL && strcmp(asked->fields[0].string, netns) == 0;
  if (error == NOT_ALLOWED && is_netns) refuse(asked, "it is CNI_NETNS of this call, and is not where network namespaces are");
  else if (error == NOT_ALLOWED) refuse(asked, "plexus-shim.conf does not allow it");
  else if (error == BUDGET_SPENT) refuse(asked, "the call has written as much as a call may");
  else add_done(&asked->call->outgoing, asked->id, error, &asked->result);
  char *const *fresh = fresh_synced();
  if (*fresh != NULL) add_synced(&asked->call->outgoing, fresh);
}

static void find(Asked *asked) {
  const Field *fields = asked->fields;
  done(asked, file_find(asked->call->rights, fields[0].string, fields[1].strings, &asked->result));
}

static void read_file(Asked *asked) {
  const Field *fields = asked->fields;
  done(asked, file_read(asked->call->rights, fields[0].string, fields[1].number, &asked->result));
}

static void list(Asked *asked) {
  done(asked, file_list(asked->call->rights, asked->fields[0].string, &asked->result));
}

static void kind(Asked *asked) {
  done(asked, file_kind(asked->call->rights, asked->fields[0].string, &asked->result));
}

static void write_file(Asked *asked) {
  const Field *fields = asked->fields;
  done(asked, file_write(asked->call->rights, fields[0].string, fields[1].bytes, fields[1].count));
}

static void write_soon(Asked *asked) {
  const Field *fields = asked->fields;
  done(asked, file_write_soon(asked->call->rights, fields[0].string, fields[1].bytes, fields[1].count));
}

static void settle(Asked *asked) {
  const Field *fields = asked->fields;
  done(asked, files_settle(asked->call->rights, fields[0].string, fields[1].strings));
}

static void create(Asked *asked) {
  const Field *fields = asked->fields;
  done(asked, file_create(asked->call->rights, fields[0].string, fields[1].bytes, fields[1].count));
}

static void append(Asked *asked) {
  const Field *fields = asked->fields;
  done(asked, file_append(asked->call->rights, fields[0].string, fields[1].bytes, fields[1].count));
}

static void remove_file(Asked *asked) { done(asked, file_remove(asked->call->rights, asked->fields[0].string)); }

static void set(Asked *asked) {
  const Field *fields = asked->fields;
  done(asked, file_set(asked->call->rights, fields[0].string, fields[1].bytes, fields[1].count));
}

static void read_link(Asked *asked) { done(asked, file_readlink(asked->fields[0].string, &asked->result)); }

static void clear(Asked *asked) { done(asked, files_clear(asked->call->rights, asked->fields[0].string)); }

static void mark(Asked *asked) {
  done(asked, file_mark(asked->call->rights, asked->fields[0].string, &asked->result));
}

static void know(Asked *asked) { synced_before(asked->fields[0].strings); }

static void sync_names(Asked *asked) { done(asked, names_sync(asked->call->rights, asked->fields[0].string)); }

static const Request REQUESTS[] = {
    {ACCEPT, "ACCEPT", "", {U32, STRING}, accept_call},
    {EXECUTE, "EXECUTE", "execute", {STRING, STRINGS, U32, U32, BYTES}, execute},
    {FIND, "FIND", "look for", {STRING, STRINGS}, find},
    {READ, "READ", "read", {STRING, U32}, read_file},
    {LIST, "LIST", "list", {STRING}, list},
    {KIND, "KIND", "look at", {STRING}, kind},
    {WRITE, "WRITE", "write", {STRING, BYTES}, write_file},
    {REMOVE, "REMOVE", "remove", {STRING}, remove_file},
    {SET, "SET", "set", {STRING, BYTES}, set},
    {READLINK, "READLINK", "read the link", {STRING}, read_link},
    {ALIVE, "ALIVE", "", {0}, NULL},
    {FALLBACK, "FALLBACK", "", {BYTES}, fall_back},
    {ANSWER, "ANSWER", "", {U32, BYTES}, answer},
    {SAY, "SAY", "", {BYTES}, say_it},
    {CREATE, "CREATE", "make", {STRING, BYTES}, create},
    {APPEND, "APPEND", "append to", {STRING, BYTES}, append},
    {CONFIGURE, "CONFIGURE", "configure interfaces in", {STRING, U32, BYTES}, configure},
    {SHOW, "SHOW", "show an interface of", {STRING, STRING}, show},
    {RDMA, "RDMA", "move an RDMA device to", {STRING, STRING, STRING}, rdma},
    {CLEAR, "CLEAR", "clear", {STRING}, clear},
    {MARK, "MARK", "mark", {STRING}, mark},
    {SYNC, "SYNC", "sync", {STRING}, sync_names},
    {WRITESOON, "WRITESOON", "write", {STRING, BYTES}, write_soon},
    {SETTLE, "SETTLE", "sync", {STRING, STRINGS}, settle},
    {SYSCTL, "SYSCTL", "set sysctls of", {STRING, STRING, STRINGS}, sysctl},
    {KNOWN, "KNOWN", "", {STRINGS}, know},
};

static const Request *find_request(uint8_t type) {
  for (size_t index = 0; index < sizeof REQUESTS / sizeof *REQUESTS; index++) {
    if (REQUESTS[index].type == type) return &REQUESTS[index];
  }
  return NULL;
}

static void get_field(Reader *reader, enum FieldType type, Field *field) {
  switch (type) {
    case U32: field->number = get_u32(reader); break;
    case STRING: field->string = get_string(reader); break;
    case STRINGS: field->strings = get_list(reader); break;
    case BYTES: field->bytes = get_bytes(reader, &field->count); break;
  }
}

void handle_frame(Call *call, const Frame *frame) {
  const Request *request = find_request(frame->type);
  if (request == NULL) {
    leave(call, "malformed reply from the resident process: type %u is unknown", frame->type);
    return;
  }
  if (!call->accepted && request->type != ACCEPT && request->type != FALLBACK) {
    leave(call, "malformed reply from the resident process: %s before ACCEPT", request->name);
    return;
  }
  Asked asked = {.call = call, .request = request, .id = frame->id};
  Reader reader = frame->fields;
  for (size_t index = 0; index < MAX_FIELDS && request->fields[index] != 0; index++) {
    get_field(&reader, request->fields[index], &asked.fields[index]);
  }
  if (reader.broken || reader.left > 0) {
    leave(call, "malformed reply from the resident process: the fields of %s do not fit", request->name);
  } else if (request->handle != NULL) {
    request->handle(&asked);
  }
  for (size_t index = 0; index < MAX_FIELDS; index++) {
    free(asked.fields[index].string);
    if (asked.fields[index].strings != NULL) free_list(asked.fields[index].strings);
  }
  buffer_free(&asked.result);
}
