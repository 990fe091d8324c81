// Where findings stand, and how they are printed.
import { describe, expect, test } from "vitest";
import { lintSources } from "../../launcher/cli/findings.ts";
import { FORMATS } from "../../launcher/cli/formats.ts";
import { lintOperations } from "../../packages/core/documents.ts";
import { loadLint } from "../support/core.ts";

const core = loadLint();
const find = (text: string, name = "f.yaml") => lintSources(core, [{ name, text }], "default").located;
/** Returns the characters that the findings are about. */
const marked = (text: string, name?: string) =>
  find(text, name).map(({ line, column, endLine, endColumn }) => {
    const lines = text.split("\n");
    return line === endLine ? lines[line - 1]?.slice(column - 1, endColumn - 1) : `${line}..${endLine}`;
  });

const definition = (config: string) =>
  `kind: NetworkAttachmentDefinition\nmetadata:\n  name: a\nspec:\n  config: ${config}\n`;

describe("a finding in a conf inside YAML has its own line and column", () => {
  test.each([
    [
      "a block scalar",
      '|\n    {\n      "cniVersion": "1.0.0",\n      "type": "macvlan",\n      "mdoe": "vepa"\n    }',
    ],
    [
      "a block scalar that says its indentation",
      '|2\n        {\n      "cniVersion": "1.0.0", "type": "macvlan",\n     "mdoe": "x"}',
    ],
    ["a folded scalar", '>-\n    {"cniVersion": "1.0.0",\n    "type": "macvlan", "mdoe": "vepa"}'],
    [
      "single quotes",
      '\'{"cniVersion": "1.0.0",\n    "name": "it\'\'s", "type": "macvlan", "mdoe": "vepa"}\'',
    ],
    [
      "double quotes",
      '"{\\"cniVersion\\": \\"1.0.0\\", \\"type\\": \\"macvlan\\",\\n \\"mdoe\\": \\"vepa\\"}"',
    ],
    [
      "quotes over several lines",
      '"{\\"cniVersion\\": \\"1.0.0\\",\\\n     \\"type\\": \\"macvlan\\",\n     \\"mdoe\\": \\"vepa\\"}"',
    ],
    [
      "quotes whose lines are not indented",
      '\'{"cniVersion": "1.0.0",\n"type": "macvlan",\n"mdoe": "vepa"}\'',
    ],
    ["characters beyond ASCII", '\'{"cniVersion": "1.0.0", "type": "macvlan", "é😀": 1, "mdoe": "vepa"}\''],
    ["an anchor", '&conf \'{"cniVersion": "1.0.0", "type": "macvlan", "mdoe": "vepa"}\''],
  ])("%s", (_, config) => {
    const all = marked(definition(config)).map((text) => text?.replaceAll("\\", ""));
    expect(all).toContain('"mdoe"');
  });
});

test("a finding in JSON has its own line and column, in UTF-16 units, and both pointers", () => {
  const config = JSON.stringify({ cniVersion: "1.0.0", type: "macvlan", "😀": 1, ipam: { typ: "dhcp" } });
  const text = JSON.stringify({ kind: "NetworkAttachmentDefinition", spec: { config } }, null, 2);
  const found = find(text, "f.json");
  expect(found.map(({ path, within }) => [path, within])).toEqual([
    ["/spec/config", "/😀"],
    ["/spec/config", "/ipam/typ"],
  ]);
  expect(marked(text, "f.json")).toEqual(['\\"😀\\"', '\\"typ\\"']);
});

test("a path has `/` and `~` of keys escaped", () => {
  const text = 'kind: Pod\nmetadata:\n  annotations:\n    k8s.v1.cni.cncf.io/networks: "a b"\n';
  expect(find(text)[0]?.path).toBe("/metadata/annotations/k8s.v1.cni.cncf.io~1networks");
});

test("every document of a file counts, and other files' networks", () => {
  const one = { name: "one.yaml", text: `${definition("'{}'")}---\nkind: ConfigMap\n---\n` };
  const two = {
    name: "two.yaml",
    text: "# a pod\n---\nkind: Pod\nmetadata: {annotations: {k8s.v1.cni.cncf.io/networks: b}}",
  };
  const { located } = lintSources(core, [one, two], "default");
  expect(located.map(({ file, line, rule }) => [file, line, rule])).toEqual([
    ["one.yaml", 5, "missing-key"],
    ["two.yaml", 4, "unknown-network"],
  ]);
});

test("a document of many aliases ends with a finding", () => {
  const bomb = ["a: &a [x, x, x, x, x, x, x, x, x]"];
  for (const [name, last] of ["ba", "cb", "dc", "ed", "fe", "gf", "hg", "ih"].map((pair) => [...pair])) {
    bomb.push(`${name}: &${name} [${Array.from({ length: 9 }, () => `*${last}`).join(", ")}]`);
  }
  expect(find(bomb.join("\n")).map(({ found }) => found)).toEqual(["it has more than 1000 aliases"]);
});

test("a document that merges a large map again and again ends with a finding", () => {
  const keys = Array.from({ length: 20_000 }, (_, index) => `  k${index}: 1\n`);
  const text = `a: &a\n${keys.join("")}b:\n  <<: [${Array(900).fill("*a").join(", ")}]\n`;
  expect(find(text).map(({ found }) => found)).toEqual(["it merges more than 1000000 keys by `<<`"]);
});

test("the module's answer has the shape that is written down", () => {
  const answer = core.lint({ documents: [{ text: '{"type": 1}' }, { text: "a,", kind: "annotation" }] });
  expect(lintOperations.lint.output.parse(answer).findings).toHaveLength(4);
});

test("more than 100 findings are not printed, and it says so", () => {
  const few = core.lint({ documents: [{ text: "A,".repeat(10), kind: "annotation" }] });
  expect([few.findings.length, few.more]).toEqual([11, false]);
  const many = core.lint({ documents: [{ text: "A,".repeat(150), kind: "annotation" }] });
  expect([many.findings.length, many.more]).toEqual([100, true]);
});

describe("is printed", () => {
  const text =
    'kind: Pod\nmetadata:\n  annotations:\n    k8s.v1.cni.cncf.io/networks: \'[{"name": "a", "ip": "\\u001b[1m%"}]\'\n';
  const print = (format: keyof typeof FORMATS) => FORMATS[format](find(text, "a,b.yaml"), "1.2.3");

  test("for people, on one line", () => {
    expect(print("text")).toBe(
      "a,b.yaml:4:50: error: `ip` is not a key of a network selection element; write `ips` [unknown-key]\n",
    );
  });

  test("for GitHub, escaped", () => {
    expect(print("github")).toMatch(/^::error file=a%2Cb\.yaml,line=4,col=50,title=unknown-key::`ip` is not/);
  });

  test("as JSON", () => {
    expect(JSON.parse(print("json"))).toMatchObject([
      { line: 4, column: 50, severity: "error", rule: "unknown-key" },
    ]);
  });

  test("as SARIF", () => {
    const [run] = (JSON.parse(print("sarif")) as { runs: { results: unknown[]; tool: unknown }[] }).runs;
    expect(run?.tool).toEqual({
      driver: { name: "plexus lint", version: "1.2.3", rules: [{ id: "unknown-key" }] },
    });
    expect(run?.results).toMatchObject([
      {
        ruleId: "unknown-key",
        level: "error",
        locations: [{ physicalLocation: { region: { startLine: 4, startColumn: 50, endColumn: 54 } } }],
      },
    ]);
  });
});

describe("what YAML brings from elsewhere stands where it is written", () => {
  const merged = (merge: string, own = "") =>
    `base: &base\n  kind: Pod\n  metadata:\n    annotations: {k8s.v1.cni.cncf.io/networks: "a b"}\n${merge}\n${own}`;

  test("`<<` merges a map, and the map's own keys count", () => {
    const text = merged("<<: *base");
    expect(marked(text)).toEqual(["a b"]);
    expect(find(text)[0]?.path).toBe("/metadata/annotations/k8s.v1.cni.cncf.io~1networks");
    expect(find(merged("<<: *base", "metadata: {}\n"))).toEqual([]);
    expect(find(merged("<<: [{metadata: {name: p}}, *base]"))).toEqual([]);
    expect(marked(merged("<<: [*base, {metadata: {name: p}}]"))).toEqual(["a b"]);
  });

  test('a key `"<<"` in quotes is a key', () => {
    expect(
      find('kind: Pod\n"<<": {metadata: {annotations: {k8s.v1.cni.cncf.io/networks: "a b"}}}\n'),
    ).toEqual([]);
  });
});

test.each([
  ["a: &x [1, *x]\n", "1:11", "the alias `*x` is inside what it stands for; write it out"],
  ["a: &x\n  <<: *x\n", "2:7", "the alias `*x` is inside what it stands for; write it out"],
  ["a: *x\n", "1:4", "the alias `*x` stands for nothing; give what it stands for the anchor `&x`"],
  ["a:\n  <<: 7\n", "2:7", "`<<` merges something that is not a map; write `<<: *name`, of a map"],
  [`a: ${"[".repeat(100_000)}`, undefined, "it is nested too deeply; make it flatter"],
  ["- ".repeat(20_000), undefined, "it is nested too deeply; make it flatter"],
  [`a: &x 1\nb: [${"*x,".repeat(1001)}]\n`, undefined, "it has more than 1000 aliases; write it out"],
])("YAML that cannot be read is one finding: %.30s", (text, place, words) => {
  const [one, ...others] = find(text);
  expect([others, one?.rule, `${one?.found}; ${one?.remedy}`]).toEqual([[], "invalid-yaml", words]);
  if (place) expect(`${one?.line}:${one?.column}`).toBe(place);
});
