// What the playground makes of texts, without a browser: documents and places, JSON for reading.
import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { sortDocuments } from "../../launcher/explain/documents.ts";
import { analyse, type Input } from "../../playground/analysis.ts";
import { readExample } from "../../playground/examples.ts";
import { indented } from "../../playground/json.ts";
import { documentsOf, partsOf } from "../../playground/reading.ts";
import { loadCore, loadLint } from "../support/core.ts";

const cores = { core: loadCore(), lint: loadLint() };
const input = (more: Partial<Input>): Input => ({ pod: "", networks: "", node: "", ...more });

describe("documents in a text", () => {
  test("are between lines `---`, and JSON stays as it is typed", () => {
    const text =
      '# a comment\n{"a":  1e2}\n---\nb: 1e2\n--- # more\n\n---\n# /etc/x.conf\n[ 12345678901234567890 ]\n';
    const parts = partsOf(text);
    expect(parts.map((part) => text.slice(part.from, part.from + part.text.length))).toEqual(
      parts.map((part) => part.text),
    );
    expect(parts.flatMap(documentsOf)).toEqual([
      { text: '{"a":  1e2}\n', path: undefined },
      { text: '{"b":1e2}', path: undefined },
      { text: "[ 12345678901234567890 ]\n", path: "/etc/x.conf" },
    ]);
  });

  test("need no line break at the end, and may have those of Windows", () => {
    expect(partsOf("a: 1\r\n---\r\n# /x\r\nb: 2").map(({ text, path }) => [text, path])).toEqual([
      ["a: 1\r\n", undefined],
      ["b: 2", "/x"],
    ]);
    expect(partsOf("---").concat(partsOf(""), partsOf("# only\n"))).toEqual([]);
  });
});

describe("findings", () => {
  test("have their places in the whole text of their editor", async () => {
    const networks =
      "# the first\n---\nkind: NetworkAttachmentDefinition\napiVersion: k8s.cni.cncf.io/v1\nmetadata: {name: a}\n" +
      'spec:\n  config: |\n    {\n      "cniVersion": "1.0.0",\n      "type": "macvlan",\n      "mastr": "ens8"\n    }\n';
    const { marks } = await analyse(cores, input({ networks }));
    expect(marks.map(({ from, to, editor }) => [editor, networks.slice(from, to)])).toEqual([
      ["networks", '"mastr"'],
    ]);
    expect(marks[0]).toMatchObject({ rule: "unknown-key", line: 11, column: 7 });
  });

  test("of a text that is neither YAML nor JSON are there, and what else there is is explained", async () => {
    const pod = "kind: Pod\nmetadata:\n\tname: x\n";
    const node =
      '{"cniVersion": "1.0.0", "name": "n", "type": "plexus", "delegates": [{"name": "a", "type": "bridge"}]}';
    const { marks, explanation } = await analyse(cores, input({ pod, node }));
    expect(marks[0]).toMatchObject({ editor: "pod", rule: "invalid-yaml", line: 3 });
    expect(explanation?.attachments.map(({ ifname }) => ifname)).toEqual(["eth0"]);
  });

  test("nothing is explained of nothing", async () => {
    expect(await analyse(cores, input({}))).toMatchObject({ marks: [], explanation: undefined });
  });
});

describe("the examples", () => {
  const dir = new URL("../../playground/examples/", import.meta.url);
  test.each(readdirSync(dir))("%s has three texts and a title", async (file) => {
    const { title, input: texts } = readExample(file, readFileSync(new URL(file, dir), "utf8"));
    expect(title).not.toBe("");
    const { marks, explanation } = await analyse(cores, texts);
    expect(Object.values(texts)).not.toContain("");
    expect(marks.length > 0).toBe(file === "mistakes.txt");
    expect(explanation?.warnings).toEqual([]);
  });
});

describe("whatever lint's own tests have, broken or not", () => {
  const dir = new URL("../fixtures/lint/", import.meta.url);
  const files = readdirSync(dir, { recursive: true, encoding: "utf8" }).filter((file) =>
    file.endsWith(".txt"),
  );
  const texts = files.flatMap((file) =>
    readFileSync(new URL(file, dir), "utf8")
      .split(/^=== .*\n/m)
      .slice(1)
      .map((part) => part.split("---->\n")[0] ?? ""),
  );

  test("is explained: it is attached, or ADD says what is wrong with it; nobody wonders at an answer of our own", async () => {
    expect(texts.length).toBeGreaterThan(250);
    const odd: unknown[] = [];
    for (const text of texts) {
      const networks = /^[[{]/.test(text)
        ? JSON.stringify({
            kind: "NetworkAttachmentDefinition",
            metadata: { name: "a" },
            spec: { config: text },
          })
        : text;
      const names = sortDocuments(partsOf(networks).flatMap(documentsOf)).nads;
      for (const { namespace, name } of names.slice(0, 3)) {
        const annotations = {
          "k8s.v1.cni.cncf.io/networks": JSON.stringify([{ namespace, name, ips: ["10.0.0.7/24"] }]),
        };
        const pod = JSON.stringify({ kind: "Pod", metadata: { name: "p", annotations } });
        const { explanation } = await analyse(cores, input({ networks, pod }));
        const { error, attachments = [] } = explanation ?? {};
        if (error === undefined && attachments.length === 2) continue;
        if (error === undefined || error.code === 999 || /the result:/.test(error.message))
          odd.push([text, error]);
      }
    }
    expect(odd).toEqual([]);
  });
});

describe("JSON for reading", () => {
  const shown = (json: string) =>
    indented(json)
      .map(({ text }) => text)
      .join("");

  test("has the tokens that it had, and no others", () => {
    const property = fc.property(fc.json(), (json) => {
      expect(JSON.parse(shown(json))).toEqual(JSON.parse(json));
    });
    fc.assert(property, { numRuns: 500 });
    expect(shown('{"a":12345678901234567890,"b":1.0,"a":2}')).toBe(
      '{\n  "a": 12345678901234567890,\n  "b": 1.0,\n  "a": 2\n}',
    );
  });

  test("says what is not known as such, also inside of a string", () => {
    expect(indented('{"a":"x <b> y","<c>":1}').filter(({ kind }) => kind === "unknown")).toEqual([
      { kind: "unknown", text: "<b>" },
    ]);
  });

  test("is the same for what is not JSON", () => {
    for (const text of ["", "]", '{"a', "[[[", "}{"]) expect(() => indented(text)).not.toThrow();
  });
});
