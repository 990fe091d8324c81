// The core in other programs: examples/, built in a copy of the work tree without its build, on one file of cases.
import { readFileSync } from "node:fs";
import { chromium } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Fault } from "../../launcher/fault.ts";
import { ensureChromium } from "../../scripts/provide/chromium.ts";
import { ALONE } from "../page/alone.ts";
import { loadCore } from "../support/core.ts";
import { coreBytes } from "../support/wasm.ts";
import { cases } from "./cases.ts";
import { Checkout } from "./checkout.ts";
import { otherCore } from "./others.ts";
import { serve } from "./serve.ts";

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
  const [, block = ""] = /^```\n(.*?)^```/ms.exec(sectionOf(language)) ?? [];
  const printed = block
    .trimEnd()
    .split("\n")
    .map((line) => checkout.run(line));
  return linesOf(printed.at(-1) ?? "");
}

function sectionOf(title: string): string {
  return readme.split(/^## /m).find((one) => one.startsWith(title)) ?? "";
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
  const count = (status: string) => answers.filter((line) => line.startsWith(`${status} `)).length;
  expect(count("0")).toBeGreaterThan(200);
  expect(count("1")).toBeGreaterThan(100);
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
  const { url, server } = await serve(checkout.dir);
  const browser = await chromium.launch({ executablePath: ensureChromium(), args: ALONE });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", ({ message }) => errors.push(message));
    await page.goto(`${url}/examples/web/`);
    await page.waitForSelector("[data-done]", { state: "attached" });
    expectSame(linesOf((await page.textContent("#answers")) ?? ""));
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
    server.close();
  }
});

describe("a module that is not the core", () => {
  const ABIS = { nine: 9, none: undefined, failing: 2 };
  beforeAll(() => {
    for (const [name, abi] of Object.entries(ABIS)) checkout.assemble(name, otherCore(abi));
    checkout.run("go build -C go -o ../../build/examples/ ./cases");
    for (const name of ["nine", "failing"]) checkout.run(making(name));
  });

  const making = (name: string) => `make -C c WASM=../../build/${name}/core.wasm OUT=../../build/${name}/c`;
  test.each([
    ["TypeScript", "node node/cases.ts ../build/nine/core.wasm cases.txt", "speaks ABI 9, this program 2"],
    ["TypeScript", "node node/cases.ts ../build/none/core.wasm cases.txt", "speaks ABI none, this program 2"],
    ["Go", "../build/examples/cases ../build/nine/core.wasm cases.txt", "speaks ABI 9, this program 2"],
    ["Go", "../build/examples/cases ../build/none/core.wasm cases.txt", "it has no function abi_version"],
    ["C", "../build/nine/c/cases cases.txt", "the core speaks another ABI than 2"],
    ["C, as it is made,", making("none"), "abi_version"],
    [
      "Python",
      "python3 python/cases.py ../build/nine/c/libplexus.so cases.txt",
      "speaks ABI 9, this program 2",
    ],
  ])("is refused in %s by words: %s", (_, line, words) => {
    const { exitCode, stdout, stderr } = checkout.attempt(line);
    expect(exitCode).toBeGreaterThan(0);
    expect(stdout).not.toMatch(/^[01] /m);
    expect(stderr).toContain(words);
    expect(stderr).not.toContain("panic");
  });

  const FEW = "printf 'json a\\njson a\\njson g\\njson a' > few.txt &&";
  test.each([
    ["Go", `${FEW} ../build/examples/cases ../build/failing/core.wasm few.txt`],
    ["C", `${FEW} ../build/failing/c/cases few.txt`],
  ])("is replaced in %s by a fresh instance when it has grown; the last line may lack its end", (_, line) => {
    expect(checkout.run(line)).toBe("0 1\n0 2\n0 3\n0 1\n");
  });

  test("is replaced by a fresh instance after a trap, in Python and so in C", () => {
    checkout.write(
      "trap.py",
      `
import sys
sys.path.insert(0, "python")
from plexus import Core
core = Core("../build/failing/c/libplexus.so")
for document in [b"a", b"a", b"t", b"t", b"a", b"a"]:
    try:
        print(core.call(b"json", document)[1].decode())
    except RuntimeError:
        print("none")
`,
    );
    expect(checkout.run("python3 trap.py")).toBe("1\n2\nnone\nnone\n1\n2\n");
  });

  test("is replaced by a fresh instance after a trap, in Go", () => {
    checkout.write(
      "go/trap/main.go",
      `package main

import (
	"context"
	"fmt"
	"os"

	"example.org/plexus-examples/core"
)

func main() {
	ctx := context.Background()
	wasm, _ := os.ReadFile("../build/failing/core.wasm")
	plexus, err := core.Load(ctx, wasm)
	if err != nil {
		panic(err)
	}
	for _, document := range []string{"a", "a", "t", "t", "a", "a"} {
		if _, answer, err := plexus.Call(ctx, "json", []byte(document)); err != nil {
			fmt.Println("none")
		} else {
			fmt.Println(string(answer))
		}
	}
	if err := plexus.Close(ctx); err != nil {
		panic(err)
	}
}
`,
    );
    expect(checkout.run("go build -C go -o ../../build/examples/ ./trap && ../build/examples/trap")).toBe(
      "1\n2\nnone\nnone\n1\n2\n",
    );
  });
});

describe("the policy in Go", () => {
  const POLICY = "../build/examples/policy -core ../build/core.wasm -allow bridge,host-local,portmap";
  beforeAll(() => void checkout.run("go build -C go -o ../../build/examples/ ./policy"));

  const judge = (...objects: unknown[]) =>
    checkout.attempt(POLICY, objects.map((one) => JSON.stringify(one)).join("\n"));
  const nad = (config?: unknown) => ({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name: "a", namespace: "n" },
    spec: { config },
  });
  test("prints what the README shows", () => {
    const [build = "", check = ""] = (/^```\n(.*?)^```/ms.exec(sectionOf("A policy"))?.[1] ?? "").split("\n");
    checkout.run(build);
    const [, shown] = /^```text\n(.*?)^```/ms.exec(sectionOf("A policy")) ?? [];
    expect(checkout.attempt(check)).toEqual({ exitCode: 1, stdout: shown, stderr: "" });
  });

  test("allows plugins of its list, alone and in chains, one object or a list of them", () => {
    const good = [
      nad('{"name":"x","type":"bridge","ipam":{"type":"host-local"}}'),
      nad('{"cniVersion":"1.0.0","name":"x","plugins":[{"type":"bridge"},{"type":"portmap"}],"far":1e400}'),
    ];
    const allowed = { exitCode: 0, stdout: "", stderr: "" };
    for (const objects of [good, [{ kind: "List", items: good }], [{ kind: "List", items: [] }]])
      expect(judge(...objects)).toEqual(allowed);
  });

  test.each([
    ["a plugin", '{"name":"x","type":"evil"}', 'plugin "evil" is not allowed'],
    ["one in a chain", '{"name":"x","plugins":[{"type":"bridge"},{"type":"evil"}]}', 'plugin "evil" is not'],
    ["one for addresses", '{"name":"x","type":"bridge","ipam":{"type":"evil"}}', '"evil", a `type` within'],
    ["one in another case", '{"name":"x","type":"bridge","ipam":{"TYPE":"evil"}}', '"evil", a `type` within'],
    ["one that is escaped", '{"name":"x","type":"bridge","ipam":{"\\u0074ype":"evil"}}', '"evil", a `type`'],
    ["a key twice", '{"name":"x","type":"evil","type":"bridge"}', '"evil", a `type` within'],
    ["one behind a number", '{"name":"x","type":"bridge","x":1e400,"y":[[],{"type":"evil"}]}', '"evil", a'],
    [
      "a chain beside a plugin",
      '{"name":"x","type":"bridge","plugins":[{"type":"evil"}]}',
      '"evil", a `type`',
    ],
    ["a path", '{"name":"x","type":"../evil"}', "must be the name of an executable, not a path"],
    ["a conf that is not JSON", '{"name":"x","type":"bridge",}', "its conf is not valid JSON"],
    ["a version that is not supported", '{"cniVersion":"9.0.0","name":"x","type":"bridge"}', "9.0.0"],
    ["no conf", "", "it has no `spec.config`"],
    ["a conf that is not text", { name: "x", type: "bridge" }, "it has no `spec.config`"],
  ])("refuses %s", (_, config, why) => {
    const { exitCode, stdout } = judge(nad('{"name":"x","type":"bridge"}'), nad(config));
    expect(stdout).toMatch(/^refused NetworkAttachmentDefinition n\/a: .*\n$/);
    expect(stdout).toContain(why);
    expect(exitCode).toBe(1);
  });

  test("reads `config` alone where there is a `Config` too, as the API server does", () => {
    const spec = { config: '{"name":"x","type":"evil"}', Config: '{"name":"x","type":"bridge"}' };
    expect(judge({ ...nad(), spec }).stdout).toContain('plugin "evil" is not allowed');
  });

  test("refuses other objects, and writes nothing of theirs to a terminal as it is", () => {
    const { exitCode, stdout } = judge({ kind: "Pod", metadata: { name: "\u001b[2J\n" } });
    expect({ exitCode, stdout }).toEqual({
      exitCode: 1,
      stdout: "refused Pod /\ufffd[2J\ufffd: it is not a NetworkAttachmentDefinition; check it elsewhere\n",
    });
  });

  test.each([
    ["nothing", POLICY, "", "stdin: EOF"],
    ["YAML", POLICY, "kind: List\n", "stdin: invalid character 'k'"],
    ["half of a document", POLICY, '{"kind":', "stdin: unexpected EOF"],
    ["a file that there is not", `${POLICY} none.json`, "", "none.json: no such file"],
    ["a core that there is not", POLICY.replace("core.wasm", "none.wasm"), "", "none.wasm: no such file"],
    ["another core", POLICY.replace("core.wasm", "nine/core.wasm"), "", "speaks ABI 9, this program 2"],
    ["an empty list", POLICY.replace(/-allow .*/, "-allow ,"), "", "-allow names no type"],
  ])("cannot judge by %s: exit code 2", (_, line, input, why) => {
    const { exitCode, stdout, stderr } = checkout.attempt(line, input);
    expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
    expect(stderr).toContain(why);
  });
});
