// How the pages of docs/ are read, before their blocks are executed (test/docs).
import { expect, it } from "vitest";
import { blocksOf, commandsOf, fileOf } from "../docs/blocks.ts";
import { isAsShown } from "../docs/shown.ts";

const PAGE = `# A page

1. A step

   \`\`\`console node fails
   $ one |
       two
   its output
   $ cat > file <<EOF
   $ not a command
   EOF
   $ three
   \`\`\`

\`\`\`yaml
# file: dir/pod.yaml
kind: Pod
\`\`\`
`;

it("the blocks of a page are found in their order, without the indentation of their list", () => {
  const [first, second] = blocksOf(PAGE);
  expect(first).toMatchObject({ number: 1, line: 5, language: "console", words: ["node", "fails"] });
  expect(second?.text).toBe("# file: dir/pod.yaml\nkind: Pod\n");
  expect(second && fileOf(second)?.path).toBe("dir/pod.yaml");
  expect(() => blocksOf("```console\n$ one\n")).toThrow("the block of line 1 does not end");
});

it("a command has its continued lines and its here-document, and then its output", () => {
  const [block] = blocksOf(PAGE);
  expect(block && commandsOf(block)).toEqual([
    { text: "one |\n    two", shown: "its output\n" },
    { text: "cat > file <<EOF\n$ not a command\nEOF", shown: undefined },
    { text: "three", shown: undefined },
  ]);
});

it.each([
  ["columns of other widths", "NAME   AGE\na      3s\n", "NAME       AGE\na          1m5s\n"],
  ["another time", "time=0.207 ms\n", "time=15.2 ms\n"],
  ["the rest of a line", "inet 10.1.0.2/24 ...\n", "inet 10.1.0.2/24 brd 10.1.0.255\n"],
  ["any lines", "...\nlast\n", "one\ntwo\nlast\n"],
  ["another MAC address", "mac 02:00:00:00:00:01\n", "mac fe:aa:bb:cc:dd:ee\n"],
  ["blanks at the end", "via 10.0.0.1 dev eth0\n", "via 10.0.0.1 dev eth0 \n"],
])("output may differ in %s", (_, shown, real) => {
  expect(isAsShown(shown, real)).toBe(true);
});

it.each([
  ["another address", "10.1.0.2\n", "10.1.0.3\n"],
  ["one more line", "a\n", "a\nb\n"],
  ["one line less", "a\nb\n", "a\n"],
  ["another last line", "...\nlast\n", "one\nlost\n"],
  ["a character that a pattern would take for any", "10.1\n", "1011\n"],
])("output may not differ in %s", (_, shown, real) => {
  expect(isAsShown(shown, real)).toBe(false);
});
