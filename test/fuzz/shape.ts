// A document that costs an operation much, of any size, and what such documents are made of.

export interface Shape {
  name: string;
  operation: string;
  /** Which module has the operation, if not core.wasm. */
  module?: "lint.wasm";
  /** Makes a document of about so many bytes. */
  of(bytes: number): unknown;
}

export const conf = { cniVersion: "1.0.0", name: "n", type: "x" };
export const json = JSON.stringify;
export const list = <T>(count: number, item: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => item(i));
export const object = (
  count: number,
  key: (index: number) => string,
  value: (index: number) => unknown = () => 1,
) => Object.fromEntries(list(count, (i) => [key(i), value(i)]));
