// docs/embedding.md: each document in it is what the core answers, each line of code is in examples/.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { coreBytes, runIn } from "../support/wasm.ts";

const page = readFileSync(new URL("../../docs/embedding.md", import.meta.url), "utf8");

/** A block of the page: its language, what it is, and its text. */
interface Block {
  language: string;
  about: string;
  text: string;
}

const blocks: Block[] = [...page.matchAll(/^```(\w*) ?(.*)\n([\s\S]*?)^```$/gm)].map(
  ([, language = "", about = "", text = ""]) => ({ language, about, text }),
);

/** What is left out of a document: further members of an object, or the rest of a text. */
const REST = "…";

/** The answers by their name in the page. */
const answers = new Map<string, unknown>();
const exports = new WebAssembly.Instance(new WebAssembly.Module(coreBytes())).exports;

function ask(operation: string, document: string): { status: number; answer: unknown } {
  const { status, text } = runIn(exports, operation, new TextEncoder().encode(document));
  return { status, answer: JSON.parse(text) };
}

/** Replaces each `${name.path}` by that part of the answer `name`. */
function filledIn(value: unknown): unknown {
  if (typeof value === "string") {
    const [, reference] = /^\$\{(.*)\}$/.exec(value) ?? [];
    return reference === undefined ? value : partOf(reference);
  }
  if (Array.isArray(value)) return value.map(filledIn);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, filledIn(one)]));
}

function partOf(reference: string): unknown {
  const [name = "", ...keys] = reference.split(/[.[\]]+/).filter((key) => key !== "");
  let part = answers.get(name);
  for (const key of keys) part = (part as Record<string, unknown>)[key];
  if (part === undefined) throw new Error(`there is no ${reference} yet`);
  return part;
}

/** Makes what an answer has to match of what the page shows of it. */
function shape(shown: unknown): unknown {
  if (typeof shown === "string" && shown.endsWith(REST)) return startingWith(shown.slice(0, -1));
  if (Array.isArray(shown)) return shown.map(shape);
  if (typeof shown !== "object" || shown === null) return shown;
  const { [REST]: rest, ...members } = shown as Record<string, unknown>;
  const all = Object.fromEntries(Object.entries(members).map(([key, one]) => [key, shape(one)]));
  return rest === undefined ? all : expect.objectContaining(all);
}

function startingWith(beginning: string): unknown {
  return expect.stringMatching(new RegExp(`^${beginning.replace(/[.*+?^${}()|[\]\\]/g, "\\$&")}`));
}

test("every document of the page is what the core answers, one after the other", () => {
  const documents = blocks.filter(({ language }) => language === "json");
  let last: ReturnType<typeof ask> | undefined;
  for (const { about, text } of documents) {
    const [name = "", kind = ""] = about.split(" ");
    const shown: unknown = filledIn(JSON.parse(text));
    if (kind === "in") {
      const [operation = ""] = name.split("-");
      last = ask(operation, text.includes("${") ? JSON.stringify(shown) : text.trimEnd());
      answers.set(name, last.answer);
      continue;
    }
    expect(["out", "error"], about).toContain(kind);
    expect(answers.get(name), `${about} does not follow its question`).toBe(last?.answer);
    expect(last?.answer, about).toEqual(shape(shown));
    expect(last?.status, about).toBe(kind === "out" ? 0 : 1);
  }
  expect(documents.length).toBeGreaterThan(30);
});

test("the versions that the page has for VERSION are those of `describe`", () => {
  const [, listed = "[]"] = /"supportedVersions": (\[.*?\])/.exec(page) ?? [];
  const versions = JSON.parse(listed) as string[];
  const isKnown = (cniVersion: string) =>
    ask(
      "describe",
      JSON.stringify({ conf: JSON.stringify({ cniVersion, name: "n", type: "t" }), source: "s" }),
    ).status === 0;
  const tried = [0, 1, 2].flatMap((major) =>
    [0, 1, 2, 3, 4, 5].flatMap((minor) => [0, 1, 2].map((patch) => `${major}.${minor}.${patch}`)),
  );
  expect(tried.filter(isKnown)).toEqual(versions);
});

test("CHECK, STATUS and GC go by a delegate's `verbs`, STATUS and GC without a container", () => {
  const conf = '{"cniVersion":"1.1.0","name":"n","type":"t"}';
  const networks = [{ conf, source: "s" }];
  const runtime = { containerId: "", ifname: "", args: "" };
  const { answer } = ask("plan", JSON.stringify({ runtime, networks }));
  const [delegate] = (answer as { delegates: { verbs: string[] }[] }).delegates;
  expect(delegate?.verbs).toEqual(["CHECK", "GC", "STATUS"]);
  const none = { containerId: "", netns: "" };
  const command = (more: object) => {
    const { answer } = ask("invoke", JSON.stringify({ plugin: 0, delegate, runtime: none, ...more }));
    return (answer as { env: { CNI_COMMAND: string } }).env.CNI_COMMAND;
  };
  expect(command({ verb: "STATUS" })).toBe("STATUS");
  expect(command({ verb: "GC", validAttachments: "[]" })).toBe("GC");
  const [recovered] = (answers.get("recover") as { delegates: { result: string; verbs: string[] }[] })
    .delegates;
  expect(recovered?.verbs).toContain("CHECK");
  const container = { containerId: "c0ffee", netns: "/run/netns/web" };
  const check = { verb: "CHECK", delegate: recovered, prevResult: recovered?.result, runtime: container };
  expect(command(check)).toBe("CHECK");
});

test("either kind of file is enough for a DEL, and torn ones are no failure", () => {
  const documents = blocks.filter(({ about }) => about === "recover in").map(({ text }) => JSON.parse(text));
  const whole = filledIn(documents[0]) as { scratch: string; caches: string[] };
  const namesOf = (files: object) => {
    const { status, answer } = ask("recover", JSON.stringify({ ...whole, ...files }));
    expect(status).toBe(0);
    return (answer as { delegates: { name: string }[] }).delegates.map(({ name }) => name).sort();
  };
  const torn = whole.caches.map((text) => text.slice(0, 50));
  for (const files of [{}, { caches: [] }, { caches: torn }, { scratch: undefined }, { scratch: "[{" }])
    expect(namesOf(files), JSON.stringify(files)).toHaveLength(2);
});

test("every line of code in the page is in the example that it is of", () => {
  const code = blocks.filter(({ language }) => language !== "json");
  for (const { about, text } of code) {
    expect(readFileSync(new URL(`../../examples/${about}`, import.meta.url), "utf8")).toContain(text);
  }
  expect(new Set(code.map(({ language }) => language))).toEqual(new Set(["ts", "go", "c", "python"]));
});
