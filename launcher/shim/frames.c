#include "frames.h"

#include <stdlib.h>
#include <string.h>

#include "trace.h"

/** Type and ID: the frame without its fields. */
#define MIN_FRAME 5u

static size_t start_frame(Outgoing *outgoing, enum FromShim type, uint32_t id) {
  size_t start = outgoing->bytes.length;
  const uint8_t byte = (uint8_t)type;
  put_u32(&outgoing->bytes, 0); // the length, once it is known
  buffer_add(&outgoing->bytes, &byte, 1);
  put_u32(&outgoing->bytes, id);
  return start;
}

static void end_frame(Outgoing *outgoing, size_t start) {
  size_t length = outgoing->bytes.length - start - 4;
  if (length > MAX_FRAME || outgoing->bytes.length > MAX_OUTGOING) outgoing->too_large = true;
  for (size_t index = 0; index < 4; index++) outgoing->bytes.data[start + index] = (uint8_t)(length >> (8 * index));
}

static bool has_value(const char *variable, const char *name, bool (*is_valid)(const char *value)) {
  size_t length = strlen(name);
  return strncmp(variable, name, length) == 0 && is_valid(variable + length);
}

/** Picks the variables that are the parameters of a call, and its trace. Only the list is new, not the strings. */
static char **parameters_in(char *const *environment) {
  static const char *const names[] = {"CNI_COMMAND=", "CNI_CONTAINERID=", "CNI_NETNS=",
                                      "CNI_IFNAME=",  "CNI_ARGS=",        "CNI_PATH="};
  char **found = must(calloc(list_length(environment) + 1, sizeof *found));
  size_t count = 0;
  char *trace = NULL, *state = NULL;
  for (; *environment != NULL; environment++) {
    for (size_t index = 0; index < sizeof names / sizeof *names; index++) {
      if (strncmp(*environment, names[index], strlen(names[index])) == 0) found[count++] = *environment;
    }
    if (trace == NULL && has_value(*environment, "TRACEPARENT=", is_traceparent)) trace = *environment;
    if (state == NULL && has_value(*environment, "TRACESTATE=", is_tracestate)) state = *environment;
  }
  if (trace != NULL) found[count++] = trace;
  if (trace != NULL && state != NULL) found[count++] = state; // without a trace it has no meaning
  return found;
}

void add_call(Outgoing *outgoing, const char *version, char *const *environment, const Buffer *input) {
  char **parameters = parameters_in(environment);
  size_t start = start_frame(outgoing, CALL, 0);
  put_u32(&outgoing->bytes, PROTOCOL);
  put_string(&outgoing->bytes, version);
  put_u32(&outgoing->bytes, (uint32_t)list_length(parameters));
  for (char **each = parameters; *each != NULL; each++) put_string(&outgoing->bytes, *each);
  put_bytes(&outgoing->bytes, input->data, input->length);
  end_frame(outgoing, start);
  free(parameters);
}

void add_work(Outgoing *outgoing, const char *version, char *const *environment, const Buffer *input, uint32_t job) {
  char **parameters = parameters_in(environment);
  size_t start = start_frame(outgoing, WORK, 0);
  put_u32(&outgoing->bytes, PROTOCOL);
  put_string(&outgoing->bytes, version);
  put_u32(&outgoing->bytes, (uint32_t)list_length(parameters));
  for (char **each = parameters; *each != NULL; each++) put_string(&outgoing->bytes, *each);
  put_bytes(&outgoing->bytes, input->data, input->length);
  put_u32(&outgoing->bytes, job);
  end_frame(outgoing, start);
  free(parameters);
}

void add_serve(Outgoing *outgoing, const char *version) {
  size_t start = start_frame(outgoing, SERVE, 0);
  put_u32(&outgoing->bytes, PROTOCOL);
  put_string(&outgoing->bytes, version);
  end_frame(outgoing, start);
}

void add_executed(Outgoing *outgoing, uint32_t id, enum Outcome outcome, uint32_t value, const Buffer *output,
                  const Buffer *errors) {
  size_t start = start_frame(outgoing, EXECUTED, id);
  put_u32(&outgoing->bytes, outcome);
  put_u32(&outgoing->bytes, value);
  put_bytes(&outgoing->bytes, output->data, output->length);
  put_bytes(&outgoing->bytes, errors->data, errors->length);
  end_frame(outgoing, start);
}

void add_done(Outgoing *outgoing, uint32_t id, int error, const Buffer *result) {
  size_t start = start_frame(outgoing, DONE, id);
  put_u32(&outgoing->bytes, (uint32_t)error);
  put_bytes(&outgoing->bytes, result->data, error == 0 ? result->length : 0);
  end_frame(outgoing, start);
}

void add_refused(Outgoing *outgoing, uint32_t id, const char *why) {
  size_t start = start_frame(outgoing, REFUSED, id);
  put_string(&outgoing->bytes, why);
  end_frame(outgoing, start);
}

void add_synced(Outgoing *outgoing, char *const *words) {
  size_t start = start_frame(outgoing, SYNCED, 0);
  put_u32(&outgoing->bytes, (uint32_t)list_length(words));
  for (; *words != NULL; words++) put_string(&outgoing->bytes, *words);
  end_frame(outgoing, start);
}

enum Arrival take_frame(const Buffer *incoming, size_t *at, Frame *frame) {
  Reader reader = {incoming->data + *at, incoming->length - *at, false};
  if (reader.left < 4) return INCOMPLETE;
  uint32_t length = get_u32(&reader);
  if (length < MIN_FRAME || length > MAX_FRAME) return MALFORMED;
  if (reader.left < length) return INCOMPLETE;
  frame->type = reader.at[0];
  frame->fields = (Reader){reader.at + 1, length - 1, false};
  frame->id = get_u32(&frame->fields);
  *at += 4 + length;
  return WHOLE;
}
