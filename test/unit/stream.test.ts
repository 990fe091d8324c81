import fc from "fast-check";
import { expect, test } from "vitest";
import { ListReader, linesOf } from "../../launcher/cluster/stream.ts";

function read(pieces: string[]) {
  const items: object[] = [];
  const reader = new ListReader("the list", (item) => items.push(item.raw()));
  for (const piece of pieces) reader.read(piece);
  return { items, list: reader.end().raw() };
}

test("a list is the same however it is cut and spaced, and whatever is in it", () => {
  const items = fc.array(fc.dictionary(fc.string({ maxLength: 4 }), fc.jsonValue({ maxDepth: 2 })), {
    maxLength: 4,
  });
  const other = fc.dictionary(
    fc.string({ maxLength: 6 }).filter((key) => key !== "items" && key !== "__proto__"),
    fc.jsonValue(),
  );
  fc.assert(
    fc.property(
      items,
      other,
      fc.constantFrom(undefined, 1),
      fc.integer({ min: 1, max: 9 }),
      (given, more, space, size) => {
        const text = JSON.stringify(
          { ...more, items: given, metadata: { continue: '"items":[{' } },
          null,
          space,
        );
        const pieces = text.match(new RegExp(`.{1,${size}}`, "gsu")) ?? [];
        const { items: seen, list } = read(pieces);
        expect(seen).toEqual(JSON.parse(JSON.stringify(given)));
        expect(list).toEqual(
          JSON.parse(JSON.stringify({ ...more, items: [], metadata: { continue: '"items":[{' } })),
        );
      },
    ),
    { numRuns: 300 },
  );
});

test("an empty list may have null for its items", () => {
  expect(read(['{"items":null,"metadata":{}}']).items).toEqual([]);
});

test.each([
  ["", "the list is empty"],
  ["<html>", "the list is an HTML page"],
  ['{"items":[{"a":1}', "the list is not complete JSON"],
  ['{"items":[{"a":1}]', "the list is not complete JSON"],
  ['{"items":[{"a":]}]}', "an object in the list is not complete JSON"],
])("the list %j is refused", (text, why) => {
  expect(() => read([text])).toThrow(why);
});

test("an object larger than any in Kubernetes is refused, in a list and in a watch", () => {
  const text = "x".repeat((8 << 20) + 1);
  expect(() => read(['{"items":[{"a":"', text])).toThrow("an object in the list is larger than 8 MiB");
  expect(() => read([text])).toThrow("the list is larger than 8 MiB");
  expect(() => linesOf(() => {})(text)).toThrow("a line is larger than 8 MiB");
});
