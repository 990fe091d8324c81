// The memory of one operation: how much of it an operation may take, and how linear memory grows to that.
//
// How it works. Everything is allocated one behind the other, without headers, and nothing is freed before `reset`. This is
// the only allocator: `new` calls `allocate`, and the build takes AssemblyScript's own out (scripts/build/build.ts), so that
// its arrays and maps cannot be used. An operation may take a fixed part and so much for each byte of its document, so that
// memory is linear in the input whatever the document makes an operation repeat. What can be large (texts that are written,
// parsed values, lists) is asked for with `claim` and `extend`, which answer 0 at that limit, and where the engine gives no
// more; who gets 0 goes on without writing. `new` cannot fail: what it takes behind the limit comes from a reserve that is
// always there. That is enough, as from then on no value has members and no list has items (`isExhausted`), so that loops
// end. The operation ends with an error. Memory grows by what is needed and a sixteenth, never to the double.

/** Of the document of an operation. */
export const MAX_INPUT_BYTES: u32 = 16 << 20;
const PAGE_BYTES: usize = 65536;
const MAX_BYTES: usize = 256 << 20; // asconfig.json, `maximumMemory`
const FIXED_BYTES: usize = 8 << 20;
const BYTES_PER_BYTE: usize = 32; // of the document
const RESERVE_BYTES: usize = 256 << 10;
const MOST_BYTES: usize = MAX_BYTES - RESERVE_BYTES;
const ALIGNMENT_MASK: usize = 3;

/** Why an operation cannot go on. */
export const enum Exhaustion {
  None,
  /** It would have to write too much for its document. */
  Document,
  /** The engine gives no more memory, or the host has left too little of it. */
  Engine,
}

const start: usize = blockSize(__heap_base);
/** Where the next block begins. */
let next: usize = start;
/** Up to where blocks are given without a question. */
let edge: usize = 0;
let limit: usize = MOST_BYTES;
/** Why it is the limit. */
let limitedBy: Exhaustion = Exhaustion.Document;
let why: Exhaustion = Exhaustion.None;
/** Where the operation began. */
let mark: usize = start;

/** Begins an operation on a document of `size` bytes: from here on it may take so much memory. */
export function allow(size: u32): void {
  lift();
  mark = next;
  limit = min(next + FIXED_BYTES + <usize>size * BYTES_PER_BYTE, MOST_BYTES);
  const isCrowded = next - start > <usize>size + PAGE_BYTES; // other documents are there
  limitedBy = limit === MOST_BYTES && isCrowded ? Exhaustion.Engine : Exhaustion.Document;
}

/** Ends all limits but the size of memory itself: for the answer of an operation that failed. */
export function lift(): void {
  why = Exhaustion.None;
  edge = 0;
  limit = MOST_BYTES;
}

/** Takes back all that the operation has taken, for the answer of one that met a limit: the reserve has room for it. */
export function rewind(): void {
  next = mark;
  lift();
  edge = mark + RESERVE_BYTES;
}

/** Frees everything. */
export function free(): void {
  next = start;
  mark = start;
  lift();
}

/** Returns why memory was refused since the operation began. */
export function exhaustion(): Exhaustion {
  return why;
}

/**
 * Tells whether memory was refused since the operation began: loops end, as all they write is lost. Loops along values and
 * lists need not ask, as `Value.exists` and `List.length` do; every other loop has to that makes objects.
 */
export function isExhausted(): bool {
  return why !== Exhaustion.None;
}

/** Tells whether `size` bytes more may be taken. */
export function fits(size: usize): bool {
  return next + size <= limit;
}

/** Returns the address of `size` bytes, or 0. */
export function claim(size: usize): usize {
  return hasRoom(size) ? allocate(size) : 0;
}

/**
 * Makes a block that was claimed larger, where it is if nothing stands behind it. Returns its address, or 0.
 *
 * @param from its size, as `blockSize` rounds it
 */
export function extend(block: usize, from: usize, to: usize): usize {
  if (isLastBlock(block, from)) return claim(to - from) === 0 ? 0 : block;
  const moved = claim(to);
  if (moved !== 0) memory.copy(moved, block, from);
  return moved;
}

/** Tells whether the block of `size` bytes at `block` is the last one, which grows where it is. */
export function isLastBlock(block: usize, size: usize): bool {
  return block + size === next;
}

/** Returns what is really given for `size`. */
export function blockSize(size: usize): usize {
  return (size + ALIGNMENT_MASK) & ~ALIGNMENT_MASK;
}

/** Returns the address of `size` bytes: what `new` calls (asconfig.json, `use`). */
function allocate(size: usize): usize {
  const block = next;
  const end = block + blockSize(size);
  if (end > edge) hasRoom(size);
  next = end;
  return block;
}

function hasRoom(size: usize): bool {
  if (isExhausted()) return false;
  const end = next + blockSize(size);
  if (end <= edge) return true;
  if (end > limit) why = limitedBy;
  else if (!grow(end + RESERVE_BYTES)) why = Exhaustion.Engine;
  edge = isExhausted() ? MAX_BYTES : min(limit, <usize>memory.size() * PAGE_BYTES - RESERVE_BYTES);
  return !isExhausted();
}

function grow(needed: usize): bool {
  const now = <usize>memory.size() * PAGE_BYTES;
  return needed <= now || growTo(min(max(needed, now + now / 16), MAX_BYTES)) || growTo(needed);
}

function growTo(bytes: usize): bool {
  const pages = <i32>((bytes + PAGE_BYTES - 1) / PAGE_BYTES) - memory.size();
  return memory.grow(pages) >= 0;
}
