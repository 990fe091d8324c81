#include "buffer.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "messages.h"

/** How much is read at once. */
#define READ_SIZE 65536

void *must(void *memory) {
  if (memory == NULL) fail("out of memory");
  return memory;
}

uint8_t *buffer_reserve(Buffer *buffer, size_t count) {
  size_t needed = buffer->length + count;
  if (needed > buffer->capacity) {
    size_t capacity = buffer->capacity < 4096 ? 4096 : buffer->capacity;
    while (capacity < needed) capacity *= 2;
    buffer->data = must(realloc(buffer->data, capacity));
    buffer->capacity = capacity;
  }
  return buffer->data + buffer->length;
}

void buffer_add(Buffer *buffer, const void *bytes, size_t count) {
  if (count == 0) return;
  memcpy(buffer_reserve(buffer, count), bytes, count);
  buffer->length += count;
}

int buffer_read(Buffer *buffer, int fd, size_t limit) {
  for (;;) {
    ssize_t count = read(fd, buffer_reserve(buffer, READ_SIZE), READ_SIZE);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    if (count == 0) return 0;
    buffer->length += (size_t)count;
    if (buffer->length > limit) return EFBIG;
  }
}

void buffer_drop(Buffer *buffer, size_t count) {
  if (count == 0) return;
  buffer->length -= count;
  memmove(buffer->data, buffer->data + count, buffer->length);
}

void buffer_free(Buffer *buffer) {
  free(buffer->data);
  *buffer = (Buffer){0};
}

int write_all(int fd, const uint8_t *bytes, size_t count) {
  while (count > 0) {
    ssize_t written = write(fd, bytes, count);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0 && errno == EAGAIN) { // a pipe that is full, and whose reader has it so
      struct pollfd full = {fd, POLLOUT, 0};
      poll(&full, 1, -1);
      continue;
    }
    if (written < 0) return errno;
    bytes += written;
    count -= (size_t)written;
  }
  return 0;
}

void put_u32(Buffer *buffer, uint32_t value) {
  const uint8_t bytes[] = {(uint8_t)value, (uint8_t)(value >> 8), (uint8_t)(value >> 16), (uint8_t)(value >> 24)};
  buffer_add(buffer, bytes, sizeof bytes);
}

void put_bytes(Buffer *buffer, const void *bytes, size_t count) {
  put_u32(buffer, (uint32_t)count);
  buffer_add(buffer, bytes, count);
}

void put_string(Buffer *buffer, const char *text) { put_bytes(buffer, text, strlen(text)); }

uint32_t get_u32(Reader *reader) {
  if (reader->broken || reader->left < 4) {
    reader->broken = true;
    return 0;
  }
  const uint8_t *at = reader->at;
  reader->at += 4;
  reader->left -= 4;
  return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

const uint8_t *get_bytes(Reader *reader, size_t *count) {
  *count = get_u32(reader);
  if (reader->broken || *count > reader->left) {
    reader->broken = true;
    *count = 0;
    return reader->at;
  }
  const uint8_t *at = reader->at;
  reader->at += *count;
  reader->left -= *count;
  return at;
}

char *get_string(Reader *reader) {
  size_t count;
  const uint8_t *bytes = get_bytes(reader, &count);
  if (count > 0 && memchr(bytes, 0, count) != NULL) {
    reader->broken = true;
    count = 0;
  }
  char *text = must(malloc(count + 1));
  if (count > 0) memcpy(text, bytes, count);
  text[count] = 0;
  return text;
}

char **get_list(Reader *reader) {
  size_t count = get_u32(reader);
  if (count > reader->left / 4) { // each item has a length
    reader->broken = true;
    count = 0;
  }
  char **list = must(calloc(count + 1, sizeof *list));
  for (size_t index = 0; index < count; index++) list[index] = get_string(reader);
  return list;
}

void free_list(char **list) {
  for (char **item = list; *item != NULL; item++) free(*item);
  free(list);
}

size_t list_length(char *const *list) {
  size_t length = 0;
  while (list[length] != NULL) length++;
  return length;
}
