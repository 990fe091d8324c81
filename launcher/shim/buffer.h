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

/** Returns `memory`; ends the process if it is NULL, as there is none left. */
void *must(void *memory);

/** Makes room for `count` more bytes. Returns where they go. */
uint8_t *buffer_reserve(Buffer *buffer, size_t count);
void buffer_add(Buffer *buffer, const void *bytes, size_t count);
/** Adds all that can be read from `fd`. Returns 0, an errno, or EFBIG if the buffer would get longer than `limit`. */
int buffer_read(Buffer *buffer, int fd, size_t limit);
/** Removes bytes at the beginning. */
void buffer_drop(Buffer *buffer, size_t count);
void buffer_free(Buffer *buffer);

/** Writes all bytes. Returns 0 or an errno. */
int write_all(int fd, const uint8_t *bytes, size_t count);

void put_u32(Buffer *buffer, uint32_t value);
void put_bytes(Buffer *buffer, const void *bytes, size_t count);
void put_string(Buffer *buffer, const char *text);

/** The rest of a frame, to be read. A read that does not fit sets `broken`; from then on all reads give nothing. */
typedef struct {
  const uint8_t *at;
  size_t left;
  bool broken;
} Reader;

uint32_t get_u32(Reader *reader);
/** Returns a view of the frame. */
const uint8_t *get_bytes(Reader *reader, size_t *count);
/** Returns a copy that ends with a NUL, to be freed; never NULL. A string with a NUL in it is broken. */
char *get_string(Reader *reader);
/** Returns copies of the strings, ending with NULL, for `free_list`. */
char **get_list(Reader *reader);
void free_list(char **list);
size_t list_length(char *const *list);

#endif
