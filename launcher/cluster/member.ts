// A JSON object from outside, read with the types that its members must have: an answer of the API server, a kubeconfig.
import { Code, Fault } from "../fault.ts";

export class Member {
  private constructor(
    private readonly value: Record<string, unknown>,
    /** Who has it, for messages. */
    private readonly source: string,
    /** A wrong member's code. */
    private readonly code: number,
    /** Where in the document this is: "metadata.annotations". */
    private readonly path: string,
  ) {}

  /** @returns undefined where `value` is no object at all */
  static of(value: unknown, source: string, code: number = Code.decodeFailure): Member | undefined {
    return isObject(value) ? new Member(value, source, code, "") : undefined;
  }

  /** The object of that key; an empty one where there is none. */
  at(key: string): Member {
    const value = this.value[key] ?? {};
    if (isObject(value)) return new Member(value, this.source, this.code, this.pathOf(key));
    throw this.wrong(key, "an object");
  }

  /** The objects in the list of that key; none where there is no list. */
  list(key: string): Member[] {
    const value = this.value[key] ?? [];
    if (!Array.isArray(value) || !value.every(isObject)) throw this.wrong(key, "a list of objects");
    return value.map(
      (item, index) => new Member(item, this.source, this.code, `${this.pathOf(key)}[${index}]`),
    );
  }

  /** The string of that key, which must be there. */
  required(key: string): string {
    const value = this.text(key);
    if (value !== "") return value;
    throw this.wrong(key, "a string");
  }

  /** The string of that key, or "". */
  text(key: string): string {
    const value = this.value[key] ?? "";
    if (typeof value === "string") return value;
    throw this.wrong(key, "a string");
  }

  /** The strings in the list of that key; none where there is no list. */
  texts(key: string): string[] {
    const value = this.value[key] ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw this.wrong(key, "a list of strings");
  }

  keys(): string[] {
    return Object.keys(this.value);
  }

  /** All of it, unread. */
  raw(): Record<string, unknown> {
    return this.value;
  }

  private pathOf(key: string): string {
    return this.path === "" ? key : `${this.path}.${key}`;
  }

  private wrong(key: string, expected: string): Fault {
    return new Fault(this.code, `${this.source}: \`${this.pathOf(key)}\` is not ${expected}`);
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
