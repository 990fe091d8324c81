// Lists of objects or numbers that grow: in the arena, so that one for which there is no more memory ends the operation.
import { blockSize, claim, extend, isExhausted } from "./arena";

const FIRST_ITEMS: i32 = 4;

/** What is pushed when there is no more memory is lost; then the list has no items any more. */
@unmanaged
export class List<T> {
  private items: usize = 0;
  private capacity: usize = 0;
  private count: i32 = 0;

  /** Makes one of `count` zeros. */
  static filled<T>(count: i32): List<T> {
    const list = new List<T>();
    if (!list.reserve(count)) return list;
    list.count = count;
    list.clear();
    return list;
  }

  /** Makes all items zero. */
  clear(): void {
    memory.fill(this.items, 0, this.capacity);
  }

  @inline
  get length(): i32 {
    return isExhausted() ? 0 : this.count;
  }

  /** Returns the item at `index`; zero, or an object of zeros, if there is none. */
  @operator("[]")
  get(index: i32): T {
    return load<T>(<u32>index < <u32>this.count ? this.items + ((<usize>index) << alignof<T>()) : 0);
  }

  @operator("[]=")
  set(index: i32, item: T): void {
    if (<u32>index < <u32>this.count) store<T>(this.items + ((<usize>index) << alignof<T>()), item);
  }

  push(item: T): void {
    if (!this.reserve(this.count + 1)) return;
    this.set(this.count++, item);
  }

  /** Makes room for `count` items. */
  private reserve(count: i32): bool {
    const needed = blockSize((<usize>count) << alignof<T>());
    if (needed <= this.capacity) return true;
    const wanted = max(needed, max(this.capacity * 2, (<usize>FIRST_ITEMS) << alignof<T>()));
    const items = this.capacity === 0 ? claim(wanted) : extend(this.items, this.capacity, wanted);
    if (items === 0) return false;
    this.items = items;
    this.capacity = wanted;
    return true;
  }
}
