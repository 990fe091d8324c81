// The memory of one operation: how much of it an operation may take, and how linear memory grows to that.
//
// How it works. Everything is allocated one behind the other, and nothing is freed before `reset`. What can be large (texts
// that are written, parsed values, sorted keys) is asked for with `claim` and `extend`, which answer 0 if the operation has
// taken all that its document allows it: a fixed part and so much for each byte, so that memory is linear in the input
// whatever the document makes an operation repeat. Who gets 0 goes on without writing, and the operation ends with an error
// (`exhaustion`). Small objects are not counted: each operation makes a bounded number of them for each byte, and `claim`
// leaves room for those between two calls of it. Memory grows by what is needed and a sixteenth, never to the double, as
// heap.alloc does by itself.

/** Of the document of an operation. */
export const MAX_INPUT_BYTES: u32 = 16 << 20;
const PAGE_BYTES: usize = 65536;
const MAX_BYTES: usize = 256 << 20; // asconfig.json, `maximumMemory`
const FIXED_BYTES: usize = 8 << 20;
const BYTES_PER_BYTE: usize = 32; // of the document
const SMALL_OBJECTS_BYTES: usize = 256 << 10; // between two claims
const BLOCK_BYTES: usize = 4; // that heap.alloc puts before each block, whose size is 12, 28, 44 ...

/** Why an operation cannot go on. */
export const enum Exhaustion {
  None,
  /** It would have to write too much for its document. */
  Document,
  /** The engine gives no more memory. */
  Engine,
}

let limit: usize = MAX_BYTES - SMALL_OBJECTS_BYTES;
let why: Exhaustion = Exhaustion.None;

/** Begins an operation on a document of `size` bytes: from here on it may take so much memory. */
export function allow(size: u32): void {
  why = Exhaustion.None;
  limit = min(position() + FIXED_BYTES + <usize>size * BYTES_PER_BYTE, MAX_BYTES - SMALL_OBJECTS_BYTES);
}

/** Ends all limits but the size of memory itself: for the answer of an operation that met one. */
export function lift(): void {
  why = Exhaustion.None;
  limit = MAX_BYTES - SMALL_OBJECTS_BYTES;
}

/** Returns why memory was refused since the operation began. */
export function exhaustion(): Exhaustion {
  return why;
}

/**
 * Tells whether memory was refused since the operation began, or small objects have taken what is allowed: loops end, as all
 * they write is lost. Every loop asks that goes through characters, or makes objects for each member of a list.
 *
 * @param count the members of an array that the loop pushes to: its next push may move it, to twice the room
 */
export function isExhausted(count: i32 = 0): bool {
  return !hasRoom(<usize>count * 8);
}

/** Tells whether `size` bytes more may be taken. */
export function fits(size: usize): bool {
  return <u64>position() + size <= limit;
}

/** Returns the address of `size` bytes, or 0. */
export function claim(size: usize): usize {
  return hasRoom(size) ? heap.alloc(size) : 0;
}

/**
 * Makes a block that was claimed larger, where it is if nothing stands behind it. Returns its address, or 0.
 *
 * @param from its size, as `blockSize` rounds it
 */
export function extend(block: usize, from: usize, to: usize): usize {
  const isLast = block + from + BLOCK_BYTES === position();
  if (!hasRoom(isLast ? to - from : to)) return 0;
  if (isLast) return heap.realloc(block, to);
  const moved = heap.alloc(to);
  memory.copy(moved, block, from);
  return moved;
}

/** Tells whether the block of `size` bytes at `block` is the last one, which grows where it is. */
export function isLastBlock(block: usize, size: usize): bool {
  return block + size + BLOCK_BYTES === position();
}

/** Returns what heap.alloc really gives for `size`. */
export function blockSize(size: usize): usize {
  return ((size + BLOCK_BYTES + 15) & ~15) - BLOCK_BYTES;
}

/** Returns where the next block would begin. */
function position(): usize {
  const next = heap.alloc(0);
  heap.free(next);
  return next;
}

function hasRoom(size: usize): bool {
  if (why !== Exhaustion.None) return false;
  const end = <u64>position() + size;
  if (end > limit) {
    why = Exhaustion.Document;
    return false;
  }
  return grow(<usize>end + SMALL_OBJECTS_BYTES);
}

function grow(needed: usize): bool {
  const now = <usize>memory.size() * PAGE_BYTES;
  if (needed <= now) return true;
  if (growTo(min(max(needed, now + now / 16), MAX_BYTES)) || growTo(needed)) return true;
  why = Exhaustion.Engine;
  return false;
}

function growTo(bytes: usize): bool {
  if (bytes > MAX_BYTES) return false;
  const pages = <i32>((bytes + PAGE_BYTES - 1) / PAGE_BYTES) - memory.size();
  return memory.grow(pages) >= 0;
}
