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

function ask(name: string, document: string): { status: number; answer: unknown } {
  const [operation = ""] = name.split("-");
  const { status, text } = runIn(exports, operation, new TextEncoder().encode(document));
  const answer: unknown = JSON.parse(text);
  answers.set(name, answer);
  return { status, answer };
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
      last = ask(name, text.includes("${") ? JSON.stringify(shown) : text.trimEnd());
      continue;
    }
    expect(["out", "error"], about).toContain(kind);
    expect(answers.get(name), `${about} does not follow its question`).toBe(last?.answer);
    expect(last?.answer, about).toEqual(shape(shown));
    expect(last?.status, about).toBe(kind === "out" ? 0 : 1);
  }
  expect(documents.length).toBeGreaterThan(30);
});

test("every line of code in the page is in the example that it is of", () => {
  const code = blocks.filter(({ language }) => language !== "json");
  for (const { about, text } of code) {
    expect(readFileSync(new URL(`../../examples/${about}`, import.meta.url), "utf8")).toContain(text);
  }
  expect(new Set(code.map(({ language }) => language))).toEqual(new Set(["ts", "go", "c", "python"]));
});
