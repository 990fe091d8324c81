#include "budget.h"

static size_t written;
static unsigned writes;

bool spend(size_t count) {
  if (writes >= MAX_WRITES || count > MAX_WRITTEN - written) return false;
  writes++;
  written += count;
  return true;
}

unsigned writes_so_far(void) { return writes; }
