#include "types.h"

#include <string.h>
#include <strings.h>

typedef struct {
  const uint8_t *at;
  const uint8_t *end;
} Text;

/** Reads the four digits of \\uXXXX. Returns 0 for what is not of ASCII, and for what is cut off: no name has such. */
static char read_escape(Text *text) {
  unsigned code = 0;
  for (int digit = 0; digit < 4; digit++, text->at++) {
    if (text->at == text->end) return 0;
    uint8_t byte = *text->at | 0x20;
    unsigned value = byte >= 'a' && byte <= 'f' ? byte - 'a' + 10u : byte - (unsigned)'0';
    if (value > 15) return 0;
    code = code << 4 | value;
  }
  return code < 0x80 ? (char)code : '?';
}

/**
 * Reads a string whose quote has been read, and the quote at its end; as much of it as there is room for in `value`.
 * NULs are left out: a shell, too, would not see them.
 */
static void read_string(Text *text, char value[MAX_TYPE + 1]) {
  size_t length = 0;
  while (text->at < text->end && *text->at != '"') {
    char byte = (char)*text->at++;
    if (byte == '\\' && text->at < text->end) {
      byte = (char)*text->at++;
      if (byte == 'u') byte = read_escape(text);
    }
    if (byte != 0 && length < MAX_TYPE) value[length++] = byte;
  }
  if (text->at < text->end) text->at++;
  value[length] = 0;
}

static void skip_spaces(Text *text) {
  while (text->at < text->end && strchr(" \t\r\n", *text->at) != NULL && *text->at != 0) text->at++;
}

const char *refuse_types(const uint8_t *conf, size_t length, RefuseType *refuse, const void *context) {
  Text text = {conf, conf + length};
  int depth = 0;
  bool is_type = false; // is it the value of such a key that comes next?
  while (text.at < text.end) {
    uint8_t byte = *text.at++;
    if (byte == '{' || byte == '[') depth++;
    if (byte == '}' || byte == ']') depth--;
    if (byte != '"') {
      if (strchr(" \t\r\n:", byte) == NULL) is_type = false;
      continue;
    }
    char value[MAX_TYPE + 1];
    read_string(&text, value);
    skip_spaces(&text);
    bool is_key = text.at < text.end && *text.at == ':';
    const char *why = is_type && !is_key ? refuse(value, context) : NULL;
    if (why != NULL) return why;
    is_type = is_key && depth > 1 && strcasecmp(value, "type") == 0;
  }
  return NULL;
}

/** Is it such as 1.1.0? */
static bool is_version(const char *text) {
  unsigned dots = 0;
  for (const char *at = text; *at != 0; at++) {
    bool is_digit = *at >= '0' && *at <= '9';
    bool follows_digit = at > text && at[-1] != '.';
    if (!is_digit && !(*at == '.' && follows_digit)) return false;
    dots += !is_digit;
  }
  size_t length = strlen(text);
  return dots == 2 && length < 16 && text[length - 1] != '.';
}

bool find_version(const uint8_t *conf, size_t length, char version[MAX_TYPE + 1]) {
  Text text = {conf, conf + length};
  int depth = 0;
  while (text.at < text.end) {
    uint8_t byte = *text.at++;
    if (byte == '{' || byte == '[') depth++;
    if (byte == '}' || byte == ']') depth--;
    if (byte != '"') continue;
    read_string(&text, version);
    if (depth != 1 || strcmp(version, "cniVersion") != 0) continue;
    skip_spaces(&text);
    if (text.at == text.end || *text.at != ':') continue;
    text.at++;
    skip_spaces(&text);
    if (text.at == text.end || *text.at++ != '"') return false;
    read_string(&text, version);
    return is_version(version);
  }
  return false;
}
