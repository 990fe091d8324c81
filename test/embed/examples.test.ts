// The core in other programs: examples/, built from a clean checkout, on one file of cases.
import { readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import { join, normalize } from "node:path";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { Fault } from "../../launcher/fault.ts";
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { ALONE } from "../page/browser.ts";
import { loadCore } from "../support/core.ts";
import { coreBytes } from "../support/wasm.ts";
import { cases } from "./cases.ts";
import { Checkout } from "./checkout.ts";

const examples = new URL("../../examples/", import.meta.url);
const file = readFileSync(new URL("cases.txt", examples), "utf8");
const lines = file.trimEnd().split("\n");
const readme = readFileSync(new URL("README.md", examples), "utf8");

let checkout: Checkout;
let answers: string[];
beforeAll(() => {
  checkout = new Checkout();
  answers = answersOf("TypeScript");
});
afterAll(() => checkout.remove());

/** Runs the commands of a section of README.md as they stand there: what the last one prints, line by line. */
function answersOf(language: string): string[] {
  const section = readme.split(/^## /m).find((one) => one.startsWith(language)) ?? "";
  const [, block = ""] = /^```\n(.*?)^```/ms.exec(section) ?? [];
  const printed = block
    .trimEnd()
    .split("\n")
    .map((line) => checkout.run(line));
  return linesOf(printed.at(-1) ?? "");
}

function linesOf(printed: string): string[] {
  return printed.split(/(?<=\n)/);
}

function expectSame(others: string[]): void {
  expect(others.filter((line, index) => line !== answers[index])).toEqual([]);
  expect(others).toHaveLength(answers.length);
}

test("the file of cases has every operation, documents that are refused, and is what the fixtures make", () => {
  expect(cases() === file, "examples/cases.txt is old: `npm run examples`").toBe(true);
  const exports = WebAssembly.Module.exports(new WebAssembly.Module(coreBytes()));
  const own = ["memory", "abi_version", "alloc", "reset"];
  const operations = exports.map(({ name }) => name).filter((name) => !own.includes(name));
  expect([...new Set(lines.map((line) => line.split(" ")[0]))].sort()).toEqual(operations.sort());
  const [, results, errors] = /(\d+) results and (\d+) errors/.exec(readme) ?? [];
  const count = (status: string) => answers.filter((line) => line.startsWith(`${status} `)).length;
  expect([count("0"), count("1")]).toEqual([Number(results), Number(errors)]);
});

test("a program in TypeScript prints what the launcher's own Core says", () => {
  const core = loadCore();
  expect(answers).toHaveLength(lines.length);
  for (const [index, line] of lines.entries()) {
    const [operation = ""] = line.split(" ", 1);
    const [status, answer] = [answers[index]?.[0], answers[index]?.slice(2, -1) ?? ""];
    const document = new TextEncoder().encode(line.slice(operation.length + 1));
    try {
      const said = core.run(operation, document);
      expect([status, answer], line).toEqual(["0", said]);
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      const { code, msg } = JSON.parse(answer) as { code: number; msg: string };
      expect([status, code, msg], line).toEqual(["1", error.code, error.message]);
    }
  }
});

test.each(["Go", "C", "Python"])("a program in %s prints the same bytes", (language) => {
  expectSame(answersOf(language));
});

test("a web page shows the same", async () => {
  const server = await serve(checkout.dir);
  const browser = await chromium.launch({ executablePath: ensureChromium(), args: ALONE });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    const { port } = server.address() as { port: number };
    await page.goto(`http://127.0.0.1:${port}/examples/web/`);
    await page.waitForSelector("[data-done]", { state: "attached" });
    expectSame(linesOf((await page.textContent("#answers")) ?? ""));
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
    server.close();
  }
});

/** Serves the files below a directory. */
async function serve(dir: string): Promise<Server> {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    try {
      const path = normalize(pathname.endsWith("/") ? `${pathname}index.html` : pathname);
      const content = readFileSync(join(dir, path));
      response.writeHead(200, path.endsWith(".html") ? { "content-type": "text/html" } : {}).end(content);
    } catch {
      response.writeHead(404).end();
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return server;
}
