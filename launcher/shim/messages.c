#include "messages.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

void complain(const char *format, ...) {
  va_list values;
  va_start(values, format);
  fputs("plexus-shim: ", stderr);
  vfprintf(stderr, format, values);
  fputc('\n', stderr);
  va_end(values);
}

/** A path need not be UTF-8, and JSON has to be: bytes outside of ASCII go as the code points of their numbers. */
static void print_escaped(const char *text) {
  for (; *text != 0; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\') printf("\\%c", byte);
    else if (byte < ' ' || byte > '~') printf("\\u%04x", byte);
    else putchar(byte);
  }
}

void fail(const char *format, ...) {
  char message[8192]; // a path has at most 4096 bytes, and there may be no memory left
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  fputs("{\"cniVersion\":\"0.1.0\",\"code\":5,\"msg\":\"plexus-shim: ", stdout);
  print_escaped(message);
  fputs("\"}\n", stdout);
  fflush(stdout);
  _exit(1);
}
