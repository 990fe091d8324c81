// What the shim itself has to say: lines for the operator on stderr, and a CNI error on stdout.
#ifndef MESSAGES_H
#define MESSAGES_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Codes of a CNI error. Source: CNI spec 1.1.0, section 5 "Error". */
enum Code { IO_FAILURE = 5, DECODE_FAILURE = 6, INVALID_NETWORK_CONFIG = 7, TRY_AGAIN_LATER = 11, NOT_AVAILABLE = 50 };

/** Returns the words, for `free`. */
__attribute__((format(printf, 1, 0))) char *worded(const char *format, va_list values);

/** Prints `plexus-shim: <message>` on stderr. Control characters are escaped: others choose parts of it. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

bool has_complained(void);

/** Prints text of others on stderr: its lines, with other control characters escaped. */
void say(const uint8_t *text, size_t length);

/** Sets the `cniVersion` of errors, which is the conf's: 0.1.0 unless it is set. It must need no escapes, and stay. */
void errors_have_version(const char *version);

/** Prints a CNI error and exits with 1: for what not even `plexus` is to answer. */
__attribute__((format(printf, 2, 3))) _Noreturn void fail_with(enum Code code, const char *format, ...);

/** Says that stdout takes no answer, which has not been given then, and exits with 1: docs/exit-codes.md. */
_Noreturn void cannot_answer(int error);

/** The same as fail_with for what not even `plexus` can answer. */
#define fail(...) fail_with(IO_FAILURE, __VA_ARGS__)

#endif
