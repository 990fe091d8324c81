#define _GNU_SOURCE
#include "messages.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/** A path has at most 4096 bytes, a message at most two of them, and there may be no memory left. */
#define MAX_MESSAGE 12288

/** The runtime keeps what is said in its memory. */
#define MAX_SAID (1u << 20)

static size_t said;
static const char *cni_version = "0.1.0";

/** A terminal obeys control characters, and a log has one message a line. The last of too many lines says so. */
static void print_visible(const uint8_t *text, size_t length, const char *kept) {
  static const char last[] = "\nplexus-shim: nothing more is said of this call\n";
  char piece[4096]; // stderr has no buffer of its own
  size_t filled = 0;
  if (said >= MAX_SAID) return;
  for (size_t index = 0; index < length && said < MAX_SAID; index++) {
    uint8_t byte = text[index];
    bool is_control = (byte < ' ' || byte == 0x7f) && (byte == 0 || strchr(kept, byte) == NULL);
    if (filled + sizeof "\\x00" > sizeof piece) {
      fwrite(piece, 1, filled, stderr);
      filled = 0;
    }
    size_t before = filled;
    if (is_control) filled += (size_t)snprintf(piece + filled, sizeof piece - filled, "\\x%02x", byte);
    else piece[filled++] = (char)byte;
    said += filled - before;
  }
  fwrite(piece, 1, filled, stderr);
  if (said >= MAX_SAID) fputs(last, stderr);
}

char *worded(const char *format, va_list values) {
  char *words;
  if (vasprintf(&words, format, values) < 0) fail("out of memory");
  return words;
}

static void print(const char *text, const char *kept) { print_visible((const uint8_t *)text, strlen(text), kept); }

void complain(const char *format, ...) {
  char message[MAX_MESSAGE];
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  print("plexus-shim: ", "");
  print(message, "");
  print("\n", "\n");
}

bool has_complained(void) { return said > 0; }

void say(const uint8_t *text, size_t length) { print_visible(text, length, "\n\t"); }

/** A path need not be UTF-8, and JSON has to be: bytes outside of ASCII go as the code points of their numbers. */
static void print_escaped(const char *text) {
  for (; *text != 0; text++) {
    unsigned char byte = (unsigned char)*text;
    if (byte == '"' || byte == '\\') printf("\\%c", byte);
    else if (byte < ' ' || byte > '~') printf("\\u%04x", byte);
    else putchar(byte);
  }
}

void cannot_answer(int error) {
  complain("the answer cannot be written to stdout: %s; mend that, and call DEL for what was attached", strerror(error));
  _exit(1);
}

void errors_have_version(const char *version) { cni_version = version; }

void fail_with(enum Code code, const char *format, ...) {
  char message[MAX_MESSAGE];
  va_list values;
  va_start(values, format);
  vsnprintf(message, sizeof message, format, values);
  va_end(values);
  printf("{\"cniVersion\":\"%s\",\"code\":%d,\"msg\":\"plexus-shim: ", cni_version, (int)code);
  print_escaped(message);
  fputs("\"}\n", stdout);
  if (fflush(stdout) != 0 || ferror(stdout)) cannot_answer(errno);
  _exit(1);
}
