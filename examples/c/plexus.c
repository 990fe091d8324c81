// The core, as C that wasm2c has made of core.wasm: see the Makefile.
#include "plexus.h"

#include <string.h>

#include "core.h" // by wasm2c
#include "wasm-rt-impl.h"

static Z_core_instance_t core;
static enum { FRESH, USED, TRAPPED } state;

// The memory of WebAssembly never shrinks: an instance that has taken more is replaced. In pages of 64 KiB: 32 MiB.
enum { MOST_PAGES = 512 };

uint32_t plexus_start(void) {
  wasm_rt_init();
  Z_core_init_module();
  Z_core_instantiate(&core);
  return Z_coreZ_abi_version(&core);
}

// Frees the answer before this one; after a trap nothing is known of the instance, so there is a fresh one.
static void prepare(void) {
  if (state == TRAPPED || Z_coreZ_memory(&core)->pages > MOST_PAGES) {
    Z_core_free(&core);
    Z_core_instantiate(&core);
  } else if (state == USED) {
    Z_coreZ_reset(&core);
  }
  state = TRAPPED; // until there is an answer
}

typedef u32 operation(Z_core_instance_t *, u32, u32);

static operation *find(const char *name) {
#define IS(operation) if (strcmp(name, #operation) == 0) return Z_coreZ_##operation;
  IS(netconf) IS(environment) IS(describe) IS(selection) IS(plan) IS(invoke) IS(outcome) IS(remember) IS(recover)
  IS(convert) IS(status) IS(json)
  return NULL;
}

int plexus_call(const char *name, const void *document, uint32_t size, const uint8_t **answer, uint32_t *length) {
  operation *run = find(name);
  if (run == NULL) return -1;
  if (wasm_rt_impl_try() != 0) return -1; // a trap comes back here; setjmp in it has to be all of a comparison (C11, 7.13.1.1)
  prepare();
  u32 in = Z_coreZ_alloc(&core, size);
  if (in == 0) return -1; // the document is too large, or memory is short
  memcpy(core.w2c_memory.data + in, document, size);
  u32 out = run(&core, in, size);
  const uint8_t *head = Z_coreZ_memory(&core)->data + out; // the memory may have moved
  uint32_t status;
  memcpy(&status, head, 4); // little-endian, as this machine is
  memcpy(length, head + 4, 4);
  *answer = head + 8;
  state = USED;
  return (int)status;
}
