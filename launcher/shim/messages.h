// What the shim itself has to say: lines for the operator on stderr, and a CNI error on stdout.
#ifndef MESSAGES_H
#define MESSAGES_H

/** Prints `plexus-shim: <message>` on stderr. */
__attribute__((format(printf, 1, 2))) void complain(const char *format, ...);

/** Prints a CNI error (code 5: I/O failure) and exits with 1: for what not even `plexus` can answer. */
__attribute__((format(printf, 1, 2))) _Noreturn void fail(const char *format, ...);

#endif
