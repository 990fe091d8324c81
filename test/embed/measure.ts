// What the core costs in each language: `npm run examples:measure` prints the table of docs/embedding.md.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { chromium } from "playwright-core";
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { ALONE } from "../page/alone.ts";
import { Checkout, ensureTools } from "./checkout.ts";
import { serve } from "./serve.ts";

const ROUNDS = 9;
/** So often the cases are in the file from which the time of a call is. */
const TIMES = 20;
/** Longer documents are for the limits of memory, and would be all that is measured. */
const MAX_LENGTH = 8000;

const PROGRAMS = {
  "TypeScript, Node.js 24": "node node/cases.ts ../build/core.wasm",
  "Go, wazero 1.12": "../build/examples/cases ../build/core.wasm",
  "C, wasm2c 1.0.32": "../build/examples/c/cases",
  "Python 3, `ctypes` and wasm2c": "python3 python/cases.py ../build/examples/c/libplexus.so",
};

ensureTools();
const checkout = new Checkout();
const all = readFileSync(join(checkout.dir, "examples/cases.txt"), "utf8").split(/(?<=\n)/);
const cases = all.filter((line) => line.length <= MAX_LENGTH);
writeFileSync(join(checkout.dir, "examples/one.txt"), cases[0] ?? "");
writeFileSync(join(checkout.dir, "examples/many.txt"), cases.join("").repeat(TIMES));
checkout.run("make -C c");
checkout.run("go build -C go -o ../../build/examples/ ./cases");

const bytes = cases.reduce((sum, line) => sum + Buffer.byteLength(line), 0);
console.log(`${cases.length} cases of ${Math.round(bytes / cases.length)} bytes on average\n`);
console.log("| | the first answer, ms | each further one, µs |\n|---|---:|---:|");
for (const [name, program] of Object.entries(PROGRAMS)) {
  await row(name, async (file) => {
    const before = performance.now();
    checkout.run(`${program} ${file} > /dev/null`);
    return performance.now() - before;
  });
}
await measurePage();
checkout.remove();

async function measurePage(): Promise<void> {
  const { url, server } = await serve(checkout.dir);
  const browser = await chromium.launch({ executablePath: ensureChromium(), args: ALONE });
  const page = await browser.newPage();
  await row("a page, Chromium", async (file) => {
    await page.goto(`${url}/examples/web/?cases=../${file}`);
    await page.waitForSelector("[data-done]", { state: "attached" });
    return Number(await page.getAttribute("#answers", "data-done"));
  });
  await browser.close();
  server.close();
}

/** @param measure says how many ms a program takes for a file */
async function row(name: string, measure: (file: string) => Promise<number>): Promise<void> {
  const first = await quickest(() => measure("one.txt"));
  const many = await quickest(() => measure("many.txt"));
  const each = ((many - first) / (cases.length * TIMES - 1)) * 1000;
  console.log(`| ${name} | ${first.toFixed(first < 10 ? 1 : 0)} | ${each.toFixed(0)} |`);
}

/** The quickest of some rounds: what others do on the machine only makes it slower. */
async function quickest(measure: () => Promise<number>): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) least = Math.min(least, await measure());
  return least;
}
