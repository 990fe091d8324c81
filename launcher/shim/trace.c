#include "trace.h"

#include <string.h>

/** Each x is a hexadecimal digit, of which there are no capitals: a version, the trace, the span, flags. */
static const char SHAPE[] = "xx-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx-xxxxxxxxxxxxxxxx-xx";
enum { TRACE_ID = 3, SPAN_ID = 36 };
#define MAX_TRACESTATE 512

static bool is_digit(char byte) { return (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'f'); }

/** IDs of zeros alone name nothing. */
static bool is_zero(const char *id) { return id[strspn(id, "0")] == '-'; }

bool is_traceparent(const char *text) {
  if (strlen(text) != sizeof SHAPE - 1) return false;
  for (size_t index = 0; index < sizeof SHAPE - 1; index++) {
    if (SHAPE[index] == 'x' ? !is_digit(text[index]) : text[index] != '-') return false;
  }
  return strncmp(text, "ff", 2) != 0 && !is_zero(text + TRACE_ID) && !is_zero(text + SPAN_ID);
}

bool is_tracestate(const char *text) {
  size_t length = strlen(text);
  for (size_t index = 0; index < length; index++) {
    if (text[index] < ' ' || text[index] > '~') return false;
  }
  return length > 0 && length <= MAX_TRACESTATE;
}
