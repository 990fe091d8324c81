// Many texts in the order of their bytes: to find one among them again and again, and the equal ones side by side.
//
// How it works. Texts are added, sorted once by merging, which is quick whatever a tenant makes them be (a hash table is
// not), and then found by halving. Equal ones keep the order in which they were added.
import { claim, isExhausted } from "./arena";
import { Span } from "./span";

const ENTRY_BYTES: usize = 8; // address, length
const INDEX_BYTES: usize = 4;

/** Texts by number, in the order in which they were added, and by rank, in the order of their bytes. */
@unmanaged
export class Sorted {
  private order: usize;
  private spare: usize;
  private count: i32 = 0;

  /** @param texts room for the entries of `capacity` texts; see `of` */
  constructor(
    private texts: usize,
    private capacity: i32,
  ) {
    this.order = texts + <usize>capacity * ENTRY_BYTES;
    this.spare = this.order + <usize>capacity * INDEX_BYTES;
  }

  /** Makes one that `capacity` texts can be added to; none if there is no memory for so many. */
  static of(capacity: i32): Sorted {
    const texts = claim(<usize>capacity * (ENTRY_BYTES + 2 * INDEX_BYTES));
    return new Sorted(texts, texts === 0 ? 0 : capacity);
  }

  get length(): i32 {
    return isExhausted() ? 0 : this.count;
  }

  add(text: Span): void {
    const number = this.count;
    if (number === this.capacity) return;
    store<usize>(this.texts + <usize>number * ENTRY_BYTES, text.ptr);
    store<i32>(this.texts + <usize>number * ENTRY_BYTES, text.len, 4);
    store<i32>(this.order + <usize>number * INDEX_BYTES, number);
    this.count = number + 1;
  }

  /** Sorts what was added, which must be done before anything is found. */
  sort(): void {
    for (let width = 1; width < this.count; width *= 2) {
      for (let from = 0; from < this.count; from += 2 * width) {
        this.merge(from, min(from + width, this.count), min(from + 2 * width, this.count));
      }
      const sorted = this.spare;
      this.spare = this.order;
      this.order = sorted;
    }
  }

  /** Returns the number of the text at `rank`. */
  numberAt(rank: i32): i32 {
    return load<i32>(this.order + <usize>rank * INDEX_BYTES);
  }

  /** Tells whether the text at `rank` is the same as the one before it. */
  repeats(rank: i32): bool {
    return rank > 0 && this.compare(this.numberAt(rank - 1), this.numberAt(rank)) === 0;
  }

  /** Returns the rank of the last one that equals `text`, or -1. */
  lastOf(text: Span): i32 {
    let low = 0;
    let high = this.count;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.compareTo(this.numberAt(middle), text.ptr, text.len) <= 0) low = middle + 1;
      else high = middle;
    }
    const rank = low - 1;
    return rank >= 0 && this.compareTo(this.numberAt(rank), text.ptr, text.len) === 0 ? rank : -1;
  }

  private merge(from: i32, middle: i32, end: i32): void {
    let left = from;
    let right = middle;
    for (let to = from; to < end; to++) {
      const first =
        left < middle && (right === end || this.compare(this.numberAt(left), this.numberAt(right)) <= 0);
      store<i32>(this.spare + <usize>to * INDEX_BYTES, this.numberAt(first ? left++ : right++));
    }
  }

  private compare(a: i32, b: i32): i32 {
    const entry = this.texts + <usize>b * ENTRY_BYTES;
    return this.compareTo(a, load<usize>(entry), load<i32>(entry, 4));
  }

  private compareTo(number: i32, ptr: usize, len: i32): i32 {
    const entry = this.texts + <usize>number * ENTRY_BYTES;
    const own = load<i32>(entry, 4);
    const order = memory.compare(load<usize>(entry), ptr, min(own, len));
    return order !== 0 ? order : own - len;
  }
}
