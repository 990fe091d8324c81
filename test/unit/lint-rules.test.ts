// docs/rules/: what each rule says of its bad example, and that it says nothing of its good one.
import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { lintSources } from "../../launcher/cli/findings.ts";
import { operations } from "../../packages/core/documents.ts";
import { loadLint } from "../support/core.ts";

const dir = new URL("../../docs/rules/", import.meta.url);
const core = loadLint();
const pages = readdirSync(dir).map((file) => file.replace(".md", ""));
const isOfAdd = (rule: string) =>
  readFileSync(new URL(`${rule}.md`, dir), "utf8").includes("Only an ADD finds it");
const rules = pages.filter((rule) => !isOfAdd(rule));
const ofAdd = pages.filter(isOfAdd);
const sources = new URL("../../assembly/", import.meta.url);

/** Settings whose keys in the conf are called otherwise. */
const RENAMED: Record<string, string> = {
  readinessIndicatorFile: "readinessindicatorfile",
  validAttachments: "cni.dev/valid-attachments",
};

interface Example {
  text: string;
  /** What the node has, by the member of lint's input. */
  known: Record<string, string[]>;
}

/** Reads the examples of a page: its first words are Bad and Good, and behind the language may be what the node has. */
function examplesOf(rule: string): Record<string, Example> {
  const page = readFileSync(new URL(`${rule}.md`, dir), "utf8");
  const examples = page.matchAll(/^## (\w+)\n\n```yaml(?: (\w+)=(\S+))?\n(.*?)^```/gms);
  return Object.fromEntries(
    [...examples].map(([, name, what, names = "", text = ""]) => [
      name,
      { text, known: what ? { [what]: names.split(",") } : {} },
    ]),
  );
}

function findingsIn({ text, known }: Example) {
  return lintSources(core, [{ name: "example.yaml", text }], "default", known).located;
}

describe.each(rules)("%s", (rule) => {
  const { Bad: bad, Good: good } = examplesOf(rule);

  test("finds one thing in the bad example, and nothing in the good one", () => {
    if (!bad || !good) throw new Error("the page needs a bad and a good example");
    expect(findingsIn(bad).map((one) => one.rule)).toEqual([rule]);
    expect(findingsIn(good)).toEqual([]);
  });
});

describe.each(ofAdd)("%s", (rule) => {
  const { Bad: bad, Good: good } = examplesOf(rule);

  test("has examples in which lint finds nothing: only an ADD does", () => {
    if (!bad || !good) throw new Error("the page needs a bad and a good example");
    expect([...findingsIn(bad), ...findingsIn(good)]).toEqual([]);
  });
});

test("every key of Plexus's conf is known", () => {
  const keys = Object.keys(operations.netconf.output.shape).map((key) => RENAMED[key] ?? key);
  const text = JSON.stringify(Object.fromEntries([["type", "plexus"], ...keys.map((key) => [key, null])]));
  const known = lintSources(core, [{ name: "f.conf", text }], "default").located;
  expect(known.filter(({ rule }) => rule === "unknown-key")).toEqual([]);
});

test("what an ADD alone can find is in docs/events.md", () => {
  const page = readFileSync(new URL("../../docs/events.md", import.meta.url), "utf8");
  for (const rule of ofAdd) expect(page).toContain(`\`${rule}\``);
});

test("every rule that a message can have has a page, and no other", () => {
  const texts = readdirSync(sources, { recursive: true, encoding: "utf8" })
    .filter((file) => file.endsWith(".ts"))
    .map((file) => readFileSync(new URL(file, sources), "utf8"));
  const names = texts
    .flatMap((text) => [
      ...text.matchAll(
        /\b(?:report|onValue|onKey|bad|note|end)\(\s*(?:\w+,\s*)?"([a-z]+(?:-[a-z]+)+|deprecated)"/g,
      ),
    ])
    .map(([, name]) => name ?? "");
  expect(new Set([...names, "invalid-yaml"])).toEqual(new Set(pages));
});
