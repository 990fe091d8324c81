// The core for programs in C, and for whatever loads a shared library.
#include <stdint.h>

/** Makes the core ready; before anything else, once a process. Returns the version of its ABI. */
uint32_t plexus_start(void);

/**
 * Runs an operation on a document, UTF-8 JSON. One thread at a time.
 *
 * @param answer gets the address of the answer's bytes, which are there until the next call
 * @param length gets how many there are
 * @returns 0: the answer is the result; 1: it is a CNI error object; -1: there is no such operation, or no answer
 */
int plexus_call(const char *operation, const void *document, uint32_t size, const uint8_t **answer, uint32_t *length);
