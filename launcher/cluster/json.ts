// A JSON object from outside, such as an answer of the API server or a kubeconfig, read with the types that it must have.
import { Code, Fault } from "../fault.ts";

export class JsonObject {
  private constructor(
    private readonly value: Record<string, unknown>,
    /** What the object came from, for messages: "kubeconfig /k". */
    private readonly source: string,
    /** The CNI code if a member has the wrong type. */
    private readonly code: number,
    /** The object's place in its document: "metadata.annotations"; "" for the document itself. */
    private readonly path: string,
  ) {}

  /** @returns undefined if `value` is not an object */
  static of(value: unknown, source: string, code: number = Code.decodeFailure): JsonObject | undefined {
    return isObject(value) ? new JsonObject(value, source, code, "") : undefined;
  }

  /** Returns the object of that key; an empty one if the key is missing. */
  at(key: string): JsonObject {
    const value = this.value[key] ?? {};
    if (isObject(value)) return new JsonObject(value, this.source, this.code, this.pathOf(key));
    throw this.wrong(key, "an object");
  }

  /** Returns the objects in the list of that key; none if the key is missing. */
  list(key: string): JsonObject[] {
    const value = this.value[key] ?? [];
    if (!Array.isArray(value) || !value.every(isObject)) throw this.wrong(key, "a list of objects");
    return value.map(
      (item, index) => new JsonObject(item, this.source, this.code, `${this.pathOf(key)}[${index}]`),
    );
  }

  /** Returns the string of that key, which must not be missing or empty. */
  required(key: string): string {
    const value = this.text(key);
    if (value !== "") return value;
    throw this.wrong(key, "a string");
  }

  /** Returns the string of that key; "" if the key is missing. */
  text(key: string): string {
    const value = this.value[key] ?? "";
    if (typeof value === "string") return value;
    throw this.wrong(key, "a string");
  }

  /** Returns the strings in the list of that key; none if the key is missing. */
  texts(key: string): string[] {
    const value = this.value[key] ?? [];
    if (Array.isArray(value) && value.every((item) => typeof item === "string")) return value;
    throw this.wrong(key, "a list of strings");
  }

  keys(): string[] {
    return Object.keys(this.value);
  }

  /** Returns the object as it was parsed, with nothing checked. */
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
