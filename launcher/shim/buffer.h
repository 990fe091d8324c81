// Bytes that grow, and the integers, strings and lists of the protocol in them. See docs/protocol.md.
#ifndef BUFFER_H
#define BUFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct {
  uint8_t *data;
  size_t length;
  size_t capacity;
} Buffer;

/** Makes room for `count` more bytes; ends the process where there is no memory. Returns where they go. */
uint8_t *buffer_reserve(Buffer *buffer, size_t count);
void buffer_add(Buffer *buffer, const void *bytes, size_t count);
/** Removes bytes at the beginning. */
void buffer_drop(Buffer *buffer, size_t count);
void buffer_free(Buffer *buffer);

void put_u32(Buffer *buffer, uint32_t value);
void put_bytes(Buffer *buffer, const void *bytes, size_t count);
void put_string(Buffer *buffer, const char *text);

/** What is left to be read of a frame. `broken` is set by whoever finds it so, and then all reads give nothing. */
typedef struct {
  const uint8_t *at;
  size_t left;
  bool broken;
} Reader;

uint32_t get_u32(Reader *reader);
const uint8_t *get_bytes(Reader *reader, size_t *count);
/** A copy that ends with a NUL, to be freed; never NULL. A string with a NUL in it is broken. */
char *get_string(Reader *reader);
/** The same for a list, which ends with NULL. */
char **get_list(Reader *reader);
void free_list(char **list);
size_t list_length(char *const *list);

#endif
