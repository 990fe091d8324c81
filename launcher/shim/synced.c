#define _GNU_SOURCE
#include "synced.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "buffer.h"
#include "files.h"

/** What is too much to be kept in mind is synced each time. */
#define MAX_KNOWN 64
/** Two directories in decimal, and a hash. */
#define WORD_SIZE 160

/** musl has no statx. Source: statx(2), include/uapi/linux/stat.h. */
typedef struct {
  uint32_t mask, block_size;
  uint64_t attributes;
  uint32_t links, uid, gid;
  uint16_t mode, spare;
  uint64_t inode, size, blocks, attributes_mask;
  struct {
    int64_t seconds;
    uint32_t nanoseconds;
    int32_t reserved;
  } accessed, born, changed, modified;
  uint32_t special_major, special_minor, major, minor;
  uint64_t more[14];
} Status;

#define MASK_INODE 0x100u
#define MASK_BORN 0x800u

static char *known[MAX_KNOWN + 1];
static size_t known_count;
/** Those before it have been told, or were told to this shim. */
static size_t told;

/** Directories that were synced whole by this shim. */
static struct {
  dev_t device;
  ino_t inode;
} synced[32];
static size_t synced_count;

/** Asks what a file is, and when it was made: another one may have its number by now. False if the file system does not say. */
static bool look_at(int dir, const char *name, Status *status) {
  const int flags = AT_SYMLINK_NOFOLLOW | (*name == 0 ? AT_EMPTY_PATH : 0);
  const unsigned wanted = MASK_INODE | MASK_BORN;
  return syscall(SYS_statx, dir, name, flags, wanted, status) == 0 && (status->mask & wanted) == wanted;
}

/** Makes the word for a name in a directory. */
static bool word_for(int parent, const char *name, char word[WORD_SIZE]) {
  Status above, below;
  if (!look_at(parent, "", &above) || !look_at(parent, name, &below)) return false;
  uint64_t hash = 14695981039346656037u; // FNV-1a: the same directory under another name is another entry
  for (const char *at = name; *at != 0; at++) hash = (hash ^ (uint8_t)*at) * 1099511628211u;
  snprintf(word, WORD_SIZE, "%u:%u:%llu:%lld.%u/%llx=%u:%u:%llu:%lld.%u", above.major, above.minor,
           (unsigned long long)above.inode, (long long)above.born.seconds, above.born.nanoseconds,
           (unsigned long long)hash, below.major, below.minor, (unsigned long long)below.inode,
           (long long)below.born.seconds, below.born.nanoseconds);
  return true;
}

static bool is_known(const char *word) {
  for (size_t at = 0; at < known_count; at++) {
    if (strcmp(known[at], word) == 0) return true;
  }
  return false;
}

static void note(const char *word) {
  if (known_count < MAX_KNOWN && !is_known(word)) known[known_count++] = must(strdup(word));
}

/** Syncs a directory once. */
static int sync_whole(int dir, bool *was_synced) {
  struct stat status;
  if (fstat(dir, &status) < 0) return errno;
  for (size_t at = 0; at < synced_count; at++) {
    *was_synced = synced[at].device == status.st_dev && synced[at].inode == status.st_ino;
    if (*was_synced) return 0;
  }
  int error = sync_directory(dir);
  if (error != 0 || synced_count == sizeof synced / sizeof synced[0]) return error;
  synced[synced_count].device = status.st_dev;
  synced[synced_count++].inode = status.st_ino;
  return 0;
}

int sync_for(int parent, const char *name) {
  char word[WORD_SIZE];
  bool has_word = word_for(parent, name, word); // before it is synced: so it is the one that was
  if (has_word && is_known(word)) return 0;
  bool was_synced = false;
  int error = sync_whole(parent, &was_synced);
  if (error == 0 && has_word && !was_synced) note(word);
  return error;
}

void synced_before(char *const *words) {
  for (; *words != NULL; words++) note(*words);
  told = known_count;
}

char *const *fresh_synced(void) {
  char *const *fresh = known + told;
  told = known_count;
  return fresh;
}
