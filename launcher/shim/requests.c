#define _GNU_SOURCE
#include "requests.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "files.h"
#include "jobs.h"
#include "messages.h"

#define MAX_FIELDS 7

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
  /** As docs/protocol.md has it, for messages. */
  const char *name;
  /** 0 for none. */
  enum FieldType fields[MAX_FIELDS];
  /** NULL if its arrival is all that it says. */
  void (*handle)(Asked *asked);
};

/** Leaves the call to `plexus`. */
__attribute__((format(printf, 2, 3))) static void leave(Call *call, const char *format, ...) {
  va_list values;
  va_start(values, format);
  free(call->reason);
  if (vasprintf(&call->reason, format, values) < 0) must(NULL);
  va_end(values);
  call->standing = LEFT;
}

static void refuse(const Asked *asked, const char *why) {
  complain("refused %s of %s: %s", asked->request->name, asked->fields[0].string, why);
  add_refused(&asked->call->outgoing, asked->id, why);
}

static void accept_call(Asked *asked) {
  uint32_t version = asked->fields[0].number;
  if (version != PROTOCOL) {
    leave(asked->call, "the resident process speaks protocol version %u, not %d", version, PROTOCOL);
  }
  asked->call->accepted = true;
}

static void fall_back(Asked *asked) { leave(asked->call, "%s", asked->fields[0].string); }

static void answer(Asked *asked) {
  Call *call = asked->call;
  call->exit_code = asked->fields[0].number;
  call->answer = asked->fields[1].bytes;
  call->answer_length = asked->fields[1].count;
  call->standing = ANSWERED;
}

static void say(Asked *asked) { fputs(asked->fields[0].string, stderr); }

static void execute(Asked *asked) {
  const Field *fields = asked->fields;
  const Execution execution = {
      .id = asked->id,
      .path = fields[0].string,
      .arguments = fields[1].strings,
      .environment = fields[2].strings,
      .netns = fields[3].string,
      .timeout_ms = fields[4].number,
      .max_output = fields[5].number,
      .input = fields[6].bytes,
      .input_length = fields[6].count,
  };
  const char *why = refuse_execution(asked->call->rights, execution.path, execution.arguments, execution.environment,
                                     execution.netns, execution.input, execution.input_length);
  if (why == NULL && jobs_are_full()) why = "too many others are being executed";
  if (why != NULL) {
    refuse(asked, why);
    return;
  }
  Failure failure = jobs_start(&execution);
  if (failure.error == 0) return;
  const Buffer nothing = {0};
  complain("cannot execute %s: %s %s: %s", execution.path, failure.call, failure.object, strerror(failure.error));
  add_executed(&asked->call->outgoing, asked->id, NOT_EXECUTED, (uint32_t)failure.error, &nothing, &nothing);
}

/** Answers a file operation, which all begin with a path, or a name. */
static void done(Asked *asked, int error) {
  if (error == NOT_ALLOWED) refuse(asked, "plexus-shim.conf does not allow it");
  else add_done(&asked->call->outgoing, asked->id, error, &asked->result);
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
  done(asked, file_set(fields[0].string, fields[1].bytes, fields[1].count));
}

static void read_link(Asked *asked) { done(asked, file_readlink(asked->fields[0].string, &asked->result)); }

static const Request REQUESTS[] = {
    {ACCEPT, "ACCEPT", {U32, STRING}, accept_call},
    {EXECUTE, "EXECUTE", {STRING, STRINGS, STRINGS, STRING, U32, U32, BYTES}, execute},
    {FIND, "FIND", {STRING, STRINGS}, find},
    {READ, "READ", {STRING, U32}, read_file},
    {LIST, "LIST", {STRING}, list},
    {KIND, "KIND", {STRING}, kind},
    {WRITE, "WRITE", {STRING, BYTES}, write_file},
    {REMOVE, "REMOVE", {STRING}, remove_file},
    {SET, "SET", {STRING, BYTES}, set},
    {READLINK, "READLINK", {STRING}, read_link},
    {ALIVE, "ALIVE", {0}, NULL},
    {FALLBACK, "FALLBACK", {STRING}, fall_back},
    {ANSWER, "ANSWER", {U32, BYTES}, answer},
    {SAY, "SAY", {STRING}, say},
    {CREATE, "CREATE", {STRING, BYTES}, create},
    {APPEND, "APPEND", {STRING, BYTES}, append},
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
