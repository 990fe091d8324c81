// The trace that a call is a part of, as libcni hands it down since 1.3: in the environment.
#ifndef TRACE_H
#define TRACE_H

#include <stdbool.h>

/** Is it a `traceparent`? Source: W3C Trace Context, section 3.2. launcher/log/trace.ts has the same rule. */
bool is_traceparent(const char *text);
/** May it be a `tracestate`: at most 512 printable characters? Source: section 3.3. */
bool is_tracestate(const char *text);

#endif
