// The built core, which is pure: an operation that was carried out before on the same document has the same result.
import { CheckedCore } from "../support/checked.ts";

/** Of so many answers one is held to its schema: all together would take a tenth of the time. */
const HELD_EACH = 16;
/** More results than these are forgotten, all at once. */
const REMEMBERED = 20_000;

export class RememberingCore extends CheckedCore {
  private readonly results = new Map<string, string>();
  private answers = 0;

  protected override isHeld(): boolean {
    return this.answers++ % HELD_EACH === 0;
  }

  override run(operation: string, input: Uint8Array): string {
    const bytes = Buffer.from(input.buffer, input.byteOffset, input.length);
    const key = `${operation} ${bytes.toString("latin1")}`;
    const before = this.results.get(key);
    if (before !== undefined) return before;
    const result = super.run(operation, input); // errors are not remembered
    if (this.results.size >= REMEMBERED) this.results.clear();
    this.results.set(key, result);
    return result;
  }
}
