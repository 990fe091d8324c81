// The core as an npm package: packed, installed into an empty project without a network, and used from there.
import { execFileSync, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fault } from "../../packages/core/fault.ts";
import { packCore } from "../../scripts/package/pack.ts";
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { ensureBun, ensureDeno } from "../../scripts/provide/runtimes.ts";
import { ALONE } from "../page/alone.ts";
import { loadCore } from "../support/core.ts";
import { coreBytes } from "../support/wasm.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const { version } = JSON.parse(fs.readFileSync(join(root, "package.json"), "utf8"));
const project = fs.mkdtempSync(join(tmpdir(), "plexus-package-"));
/** What a program makes of the package, whatever runs it. */
const PROGRAM = `
  import { Core, Fault } from "plexus-core";
  import { wasm } from "plexus-core/wasm";
  const core = new Core(await wasm());
  const answers = [core.version(), core.selection({ annotation: "a,other/b@if0" })];
  try {
    core.selection({ annotation: '[{"name": "a", "mac": "xx"}]' });
  } catch (error) {
    answers.push([error instanceof Fault, error.code, error.place.path]);
  }
  try {
    core.run("selection", new TextEncoder().encode('{"anotation":"a"}'));
  } catch (error) {
    answers.push(error.message);
  }
  answers.push(core.netconf(new TextEncoder().encode('{"name":"n","clusterNetwork":"c"}')).binDir, core.isAlive());
`;
const ANSWERS = [
  { name: "core.wasm", version, abi: 2, schema: "2.0" },
  [
    { name: "a", namespace: "default" },
    { name: "b", namespace: "other", interface: "if0" },
  ],
  [true, 7, "/0/mac"],
  'the input: it has no member "anotation"; its members are annotation namespace? maxNetworks?',
  "/opt/cni/bin",
  true,
];
let file: string;

beforeAll(async () => {
  file = await packCore();
  fs.writeFileSync(join(project, "package.json"), '{"name":"empty","private":true,"type":"module"}');
  const cache = join(project, ".npm");
  const args = ["install", "--offline", "--no-audit", "--no-fund", "--cache", cache, file];
  execFileSync("npm", args, { cwd: project, stdio: ["ignore", "ignore", "inherit"] });
});
afterAll(() => fs.rmSync(project, { recursive: true }));

/** What executes a script: neither asks anybody for packages, nor writes beside the project. */
const RUNTIMES: Record<string, (script: string) => [program: string, args: string[]]> = {
  "Node.js": (script) => [process.execPath, [script]],
  Deno: (script) => [ensureDeno(), ["run", "--no-remote", "--no-lock", "--allow-read=.", script]],
  Bun: (script) => [ensureBun(), ["--no-install", script]],
};

const ENVIRONMENT = {
  HOME: project,
  DENO_DIR: join(project, ".deno"),
  DENO_NO_UPDATE_CHECK: "1",
  DO_NOT_TRACK: "1",
  NO_COLOR: "1",
};

/** Returns what a script of the project prints, line by line. */
function linesOf(script: string, runtime = "Node.js"): string[] {
  fs.writeFileSync(join(project, "main.js"), script);
  const [program, args] = RUNTIMES[runtime]?.("main.js") ?? [runtime, []];
  return execFileSync(program, args, { cwd: project, encoding: "utf8", env: ENVIRONMENT, maxBuffer: 1 << 26 })
    .trimEnd()
    .split("\n");
}

/** The same, of a script that prints JSON. */
function print(script: string, runtime = "Node.js"): unknown[] {
  return linesOf(script, runtime).map((line) => JSON.parse(line));
}

test("it is below 70 KB, brings nothing else, and says whose version it is", () => {
  expect(fs.statSync(file).size).toBeLessThan(70 * 1024);
  expect(fs.readdirSync(join(project, "node_modules")).filter((name) => !name.startsWith("."))).toEqual([
    "plexus-core",
  ]);
  const own = JSON.parse(fs.readFileSync(join(project, "node_modules/plexus-core/package.json"), "utf8"));
  expect([own.version, own.license, own.dependencies, own.scripts]).toEqual([
    version,
    "Apache-2.0",
    undefined,
    undefined,
  ]);
});

/** What a core answers to a line of examples/cases.txt: the result, or what a Fault says. */
const ANSWER = `
  const answer = (core, Fault, line) => {
    const [operation] = line.split(" ", 1);
    try {
      return "0 " + core.run(operation, new TextEncoder().encode(line.slice(operation.length + 1)));
    } catch (error) {
      if (!(error instanceof Fault)) throw error;
      return "1 " + JSON.stringify([error.code, error.message, error.place ?? null]);
    }
  };
`;

describe.each(Object.keys(RUNTIMES))("%s", (runtime) => {
  test("runs the operations", () => {
    const script = `${PROGRAM} for (const one of answers) console.log(JSON.stringify(one));`;
    expect(print(script, runtime)).toEqual(ANSWERS);
  });

  test("gives the answers of the launcher's own core to all cases of the examples, byte for byte", () => {
    fs.copyFileSync(join(root, "examples/cases.txt"), join(project, "cases.txt"));
    const answers = linesOf(
      `
      import { readFileSync } from "node:fs";
      import { Core, Fault } from "plexus-core";
      import { wasm } from "plexus-core/wasm";
      ${ANSWER}
      const core = new Core(await wasm());
      const lines = readFileSync("cases.txt", "utf8").trimEnd().split("\\n");
      process.stdout.write(lines.map((line) => answer(core, Fault, line) + "\\n").join(""));
    `,
      runtime,
    );
    const own = new Function(`${ANSWER} return answer;`)() as (...given: unknown[]) => string;
    const core = loadCore();
    const cases = fs.readFileSync(join(root, "examples/cases.txt"), "utf8").trimEnd().split("\n");
    const expected = cases.map((line) => own(core, Fault, line));
    expect(expected.length).toBeGreaterThan(300);
    expect(answers.filter((line, index) => line !== expected[index])).toEqual([]);
    expect(answers).toHaveLength(expected.length);
  });

  test("finds core.wasm as a file and in the script, the same bytes as the build's", () => {
    const sums = print(
      `
      import { Buffer } from "node:buffer";
      import { readFileSync } from "node:fs";
      import * as file from "plexus-core/wasm";
      import * as inline from "plexus-core/inline";
      const all = [await file.wasm(), await inline.wasm(), readFileSync(new URL(import.meta.resolve("plexus-core/core.wasm")))];
      for (const bytes of all) console.log(JSON.stringify(Buffer.from(bytes).toString("base64")));
    `,
      runtime,
    );
    expect(sums).toEqual(Array.from({ length: 3 }, () => Buffer.from(coreBytes()).toString("base64")));
  });

  test("is told core.wasm's file, not the script's copy", () => {
    const script = `
      for (const one of [navigator.userAgent, import.meta.resolve("plexus-core/wasm")]) console.log(JSON.stringify(one));
    `;
    const [program, place] = print(script, runtime);
    expect(program).toMatch(new RegExp(`^${runtime}/\\d`));
    expect(place).toMatch(/plexus-core\/wasm\/file\.js$/);
  });
});

test("Deno needs no permission for the script's copy, and one to read for the file", () => {
  const of = (entry: string) =>
    `import { wasm } from "plexus-core/${entry}"; console.log((await wasm()).length);`;
  const run = (script: string) => {
    fs.writeFileSync(join(project, "main.js"), script);
    const args = ["run", "--no-remote", "--no-lock", "--no-prompt", "main.js"];
    return spawnSync(ensureDeno(), args, { cwd: project, encoding: "utf8", env: ENVIRONMENT });
  };
  expect(run(of("inline"))).toMatchObject({ status: 0, stdout: `${coreBytes().length}\n` });
  expect(run(of("wasm")).stderr).toContain("--allow-read");
});

describe("Node.js", () => {
  test("takes what a host has compiled, keeps as little memory as it says, and lint.wasm too", () => {
    const lint = JSON.stringify(join(root, "build/lint.wasm"));
    const printed = print(`
      import { readFileSync } from "node:fs";
      import { Core } from "plexus-core";
      import { wasm } from "plexus-core/wasm";
      let replaced = 0;
      const core = new Core(await WebAssembly.compile(await wasm()), { mostMegabytes: 4, replacing: () => replaced++ });
      core.run("json", new TextEncoder().encode(JSON.stringify("x".repeat(8 << 20))));
      core.selection({ annotation: "a" });
      console.log(replaced);
      console.log(new Core(readFileSync(${lint})).lint({ documents: [{ text: '[{"name": "a", "ip": []}]', kind: "annotation" }] }).findings.length);
    `);
    expect(printed).toEqual([1, 1]);
  });

  test("prints what README says", () => {
    const readme = fs.readFileSync(join(project, "node_modules/plexus-core/README.md"), "utf8");
    const [, block = "", said = ""] = /^```js\n(.*?)\n\/\/ (.*)\n```/ms.exec(readme) ?? [];
    const script = block.replace(/^(core\.selection.*);$/m, "console.log(JSON.stringify($1));");
    const [answer] = print(script);
    expect(answer).toEqual(new Function(`return ${said}`)());
  });
});

describe("TypeScript", () => {
  /** Returns what tsc says of a file of the project, beside the types of this repository if it wants them. */
  function check(text: string, lib?: string[]): string {
    fs.writeFileSync(join(project, "main.ts"), text);
    const options = {
      strict: true,
      noEmit: true,
      exactOptionalPropertyTypes: true,
      target: "es2022",
      module: "nodenext",
      moduleResolution: "nodenext",
      allowImportingTsExtensions: true,
      types: [],
      ...(lib && { lib }),
    };
    fs.writeFileSync(
      join(project, "tsconfig.json"),
      JSON.stringify({ compilerOptions: options, files: ["main.ts"] }),
    );
    const { stdout } = spawnSync(join(root, "node_modules/.bin/tsc"), ["-p", "."], {
      cwd: project,
      encoding: "utf8",
    });
    return stdout;
  }

  test("knows the documents", () => {
    const text = (member: string) => `
      import { Core, type Delegate, Fault } from "plexus-core";
      import { wasm } from "plexus-core/wasm";
      const core = new Core(await wasm());
      const { delegates } = core.plan({
        runtime: { containerId: "c", ifname: "eth0", args: "" },
        networks: [{ conf: "{}", source: "a test", ${member} }],
      });
      const [first]: Delegate[] = delegates;
      if (first) core.invoke({ verb: "ADD", plugin: 0, delegate: first, runtime: { containerId: "c", netns: "/n" } });
      export const path: string | undefined = new Fault(7, "no").place?.path;
    `;
    expect(check(text("name: undefined"))).toBe("");
    expect(check(text("nam: undefined"))).toContain("'nam' does not exist");
    expect(check(text("name: 7"))).toContain("Type 'number' is not assignable to type 'string'");
  });

  test("takes words of results that there are not yet, and of inputs only those that there are", () => {
    const text = (word: string) => `
      import type { Delegate, PlanInput, Settings, Unmet } from "plexus-core";
      export const [verb, rule]: [Delegate["verbs"][number], Unmet["rule"]] = ["NEW", "new"];
      export const given = (settings: Settings): PlanInput["runtimePortMappings"] => settings.runtimePortMappings;
      export const word: PlanInput["runtimePortMappings"] = "${word}";
    `;
    expect(check(text("all"))).toBe("");
    expect(check(text("some"))).toContain(`Type '"some"' is not assignable`);
  });

  test.each([[["es2022"]], [["es2022", "dom"]]])("reads them with the library %j, all of them", (lib) => {
    const compiled = lib.includes("dom") ? "new Core(await WebAssembly.compile(await wasm()));" : "";
    const text = `
      import { Core, Fault } from "plexus-core";
      import { wasm } from "plexus-core/wasm";
      import * as inline from "plexus-core/inline";
      export const fault: Fault = new Fault(7, "no");
      for (const bytes of [await wasm(), await inline.wasm(), (await wasm()).buffer]) new Core(bytes, { mostMegabytes: 4 });
      ${compiled}
    `;
    expect(check(text, lib)).toBe("");
    expect(check(text.replace("new Core(bytes,", "new Core(wasm(),"), lib)).toContain("not assignable");
  });

  test("sees the launcher's own types in them", () => {
    const source = fs.readFileSync(join(root, "packages/core/documents.ts"), "utf8");
    const names = [...source.matchAll(/^export type (\w+) =/gm)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(20);
    // The package's take further words in results: without that they are the same.
    const types = fs.readFileSync(join(project, "node_modules/plexus-core/documents.d.ts"), "utf8");
    expect(types).toContain(" | (string & {})");
    fs.writeFileSync(join(project, "closed.ts"), types.replaceAll(" | (string & {})", ""));
    const same = names.flatMap((name) => [
      `export const ${name}There: (one: ours.${name}) => theirs.${name} = (one) => one;`,
      `export const ${name}Back: (one: closed.${name}) => ours.${name} = (one) => one;`,
    ]);
    const repository = JSON.stringify(join(root, "packages/core/documents.ts"));
    const text = `import type * as ours from ${repository};\nimport type * as theirs from "plexus-core";\nimport type * as closed from "./closed.ts";\n${same.join("\n")}`;
    expect(check(text)).toBe("");
  });
});

test("Chromium runs the operations, of a bundle that asks for nothing else", async () => {
  const { outputFiles } = await build({
    stdin: { contents: `${PROGRAM} globalThis.answers = answers;`, resolveDir: project },
    bundle: true,
    write: false,
    format: "esm",
    platform: "browser",
  });
  const browser = await chromium.launch({ executablePath: ensureChromium(), args: ALONE });
  try {
    const page = await browser.newPage();
    const requests: string[] = [];
    page.on("request", (request) => requests.push(request.url()));
    await page.setContent(`<script type="module">${outputFiles[0]?.text}</script>`);
    await page.waitForFunction(() => "answers" in globalThis);
    expect(await page.evaluate(() => (globalThis as unknown as { answers: unknown }).answers)).toEqual(
      ANSWERS,
    );
    expect(requests).toEqual([]);
  } finally {
    await browser.close();
  }
});
