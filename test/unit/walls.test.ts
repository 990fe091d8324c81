// The walls between the folders: `npm run check` refuses a tree in which one is broken.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const RESTRICTED = "lint/style/noRestrictedImports";
const CYCLE = "lint/suspicious/noImportCycles";

/** What is added to a file, and the rule that refuses it. */
const BROKEN: [file: string, text: string, rule: string][] = [
  ["launcher/clock.ts", 'import "./attach/call.ts";', RESTRICTED],
  ["packages/core/index.ts", 'import "../../launcher/clock.ts";', RESTRICTED],
  ["packages/core/fault.ts", 'import "node:fs";', RESTRICTED],
  ["launcher/core/wasm.ts", 'import "../host/host.ts";', RESTRICTED],
  [
    "launcher/host/host.ts",
    'import type { Call } from "../attach/call.ts";\nexport type { Call };',
    RESTRICTED,
  ],
  ["launcher/cluster/cluster.ts", 'import "../host/host.ts";', RESTRICTED],
  ["launcher/log/log.ts", 'import "../resident/server.ts";', RESTRICTED],
  ["launcher/cni/builtin.ts", 'import "../sriov/plugin.ts";', RESTRICTED],
  ["launcher/state/state.ts", 'import "../device/kubelet.ts";', RESTRICTED],
  ["launcher/sriov/list.ts", 'import "../attach/call.ts";', RESTRICTED],
  ["launcher/device/claims.ts", 'import "../sriov/plugin.ts";', RESTRICTED],
  ["launcher/device/kubelet.ts", 'import "../host/local.ts";', RESTRICTED],
  ["launcher/attach/add.ts", 'import "node:fs";', RESTRICTED],
  ["launcher/attach/del.ts", 'import "../cluster/rest.ts";', RESTRICTED],
  ["launcher/attach/gc.ts", 'import "../sriov/plugin.ts";', RESTRICTED],
  ["launcher/sriov/conf.ts", 'import "node:child_process";', RESTRICTED],
  ["launcher/device/checkpoint.ts", 'import "node:net";', RESTRICTED],
  ["launcher/attach/status.ts", 'import "../explain/node.ts";', RESTRICTED],
  ["launcher/attach/check.ts", 'import "../hotplug/decide.ts";', RESTRICTED],
  ["launcher/hotplug/decide.ts", 'import "../resident/server.ts";', RESTRICTED],
  ["launcher/explain/explain.ts", 'import "../cli/lint.ts";', RESTRICTED],
  ["launcher/explain/result.ts", 'import "node:path";', RESTRICTED],
  ["playground/analysis.ts", 'import "../launcher/cli/lint.ts";', RESTRICTED],
  ["playground/page.ts", 'import "../launcher/attach/add.ts";', RESTRICTED],
  ["launcher/resident/server.ts", 'import "../cli/cli.ts";', RESTRICTED],
  ["launcher/cli/cli.ts", 'import "../main.ts";', RESTRICTED],
  ["launcher/webhook/judge.ts", 'import "../cli/lint.ts";', RESTRICTED],
  ["launcher/cluster/cluster.ts", 'import "../webhook/judge.ts";', RESTRICTED],
  ["launcher/plugin.ts", 'import "./cli/cli.ts";', RESTRICTED],
  ["launcher/lazy.ts", 'import "../test/support/core.ts";', RESTRICTED],
  ["assembly/text/span.ts", 'import { parse } from "../json/parse";', RESTRICTED],
  ["assembly/fault.ts", 'import { isLabel } from "./cni/names";', RESTRICTED],
  ["assembly/json/fields.ts", 'import { isLabel } from "../cni/names";', RESTRICTED],
  ["assembly/cni/version.ts", 'import { Delegate } from "../delegate/delegate";', RESTRICTED],
  ["assembly/state/cache.ts", 'import { plan } from "../plan/plan";', RESTRICTED],
  ["assembly/plan/plan.ts", 'import { status } from "../status/status";', RESTRICTED],
  // Types alone make a circle too.
  [
    "launcher/host/endings.ts",
    'import type { execute } from "./execute.ts";\nexport type { execute };',
    CYCLE,
  ],
  ["launcher/clock.ts", "void 0;\n".repeat(350), "lint/style/noExcessiveLinesPerFile"],
  [
    "assembly/cni/names.ts",
    `export function long(): void {\n${"  isLabel;\n".repeat(80)}}`,
    "lint/complexity/noExcessiveLinesPerFunction",
  ],
];

let copy = "";

beforeAll(() => {
  copy = fs.mkdtempSync(join(tmpdir(), "plexus-walls-"));
  for (const name of ["launcher", "assembly", "packages", "playground", "biome.json"]) {
    fs.cpSync(join(root, name), join(copy, name), { recursive: true });
  }
  fs.symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
});

afterAll(() => fs.rmSync(copy, { recursive: true }));

/** The rules that refuse each file. */
function refused(): Map<string, string[]> {
  const biome = join(root, "node_modules/.bin/biome");
  const options = ["lint", "--reporter=json", "--max-diagnostics=none", "--diagnostic-level=error"];
  const { stdout, stderr } = spawnSync(biome, options, { cwd: copy, encoding: "utf8", maxBuffer: 64 << 20 });
  const { diagnostics } = JSON.parse(stdout || stderr) as {
    diagnostics: { category: string; location: { path: string | { file: string } } }[];
  };
  const found = new Map<string, string[]>();
  for (const { category, location } of diagnostics) {
    const path = typeof location.path === "string" ? location.path : location.path.file;
    found.set(path, [...(found.get(path) ?? []), category]);
  }
  return found;
}

test("the tree as it is breaks no wall", () => {
  expect([...refused()]).toEqual([]);
});

test("an import up, a circle, a long file or a long function is refused", () => {
  for (const [file, text] of BROKEN) {
    const path = join(copy, file);
    const isImport = text.startsWith("import");
    const before = fs.readFileSync(path, "utf8");
    fs.writeFileSync(path, isImport ? `${text}\n${before}` : `${before}\n${text}\n`);
  }
  const found = refused();
  const missed = BROKEN.filter(([file, , rule]) => !found.get(file)?.includes(rule));
  expect(missed.map(([file, text]) => `${file}: ${text.slice(0, 60)}`)).toEqual([]);
});
