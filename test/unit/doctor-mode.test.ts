// `plexus doctor --fix` changes modes: of files that it has looked at, and of nothing that a link leads to.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { cluster } from "../../launcher/cli/doctor/cluster.ts";
import { modules } from "../../launcher/cli/doctor/kernel.ts";
import type { Line } from "../../launcher/cli/doctor/line.ts";
import { chmod } from "../../launcher/cli/doctor/mode.ts";
import { lookAtNode } from "../../launcher/cli/doctor/node.ts";
import { ownPrograms, plugins } from "../../launcher/cli/doctor/programs.ts";
import { run } from "../../launcher/cli/doctor/run.ts";

vi.mock("../../launcher/cli/doctor/run.ts", { spy: true });
vi.mock("../../launcher/core/wasm.ts", async () => ({
  wasm: (await import("../support/wasm.ts")).coreBytes,
}));
vi.mock("node:os", async (original) => ({ ...(await original<object>()), release: () => "none" }));

let dir: string;
let secret: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-doctor-"));
  secret = join(dir, "secret");
  fs.writeFileSync(secret, "TOPSECRET");
  const conf = { cniVersion: "1.0.0", name: "node", type: "plexus", delegates: [{ type: "bridge" }] };
  fs.writeFileSync(join(dir, "00-plexus.conf"), JSON.stringify(conf));
});
afterEach(() => {
  vi.resetAllMocks();
  fs.rmSync(dir, { recursive: true });
});

const look = (kubeconfig?: string) =>
  lookAtNode({ "conf-dir": dir, "bin-dir": dir, "cni-dir": undefined, kubeconfig });
const modeOf = (path: string) => fs.statSync(path).mode & 0o777;
const fixesOf = (lines: Line[]) => lines.flatMap(({ fix }) => (fix ? [fix] : []));

test("a link in the place of a binary or of the kubeconfig is told of, and its target keeps its mode", async () => {
  const [plexus, kubeconfig] = [join(dir, "plexus"), join(dir, "kubeconfig")];
  for (const path of [plexus, kubeconfig]) fs.symlinkSync(secret, path);
  for (const mode of [0o600, 0o777]) {
    fs.chmodSync(secret, mode);
    const lines = [...(await ownPrograms(look())), ...(await cluster(look(kubeconfig)))];
    expect(fixesOf(lines)).toEqual([]);
    const remedies = lines.map(({ remedy }) => remedy);
    expect(remedies).toContain(`see where the link ${plexus} leads; put the file itself there`);
    if (mode === 0o777)
      expect(remedies).toContain(`see where the link ${kubeconfig} leads; put the file itself there`);
    for (const path of [plexus, kubeconfig])
      expect(() => chmod(path, 0o755)).toThrow("is another one by now");
    expect(modeOf(secret)).toBe(mode);
  }
});

test("a file that becomes a link while it is mended is not followed", async () => {
  const path = join(dir, "plexus");
  fs.writeFileSync(path, "");
  fs.chmodSync(secret, 0o600);
  const [fix] = fixesOf(await ownPrograms(look()));
  expect(fix?.()).toBe(`chmod 0755 ${path}`);
  expect(modeOf(path)).toBe(0o755);
  fs.rmSync(path);
  fs.symlinkSync(secret, path);
  expect(() => fix?.()).toThrow("is another one by now");
  expect(modeOf(secret)).toBe(0o600);
});

test("a kubeconfig that others can read is told of once", async () => {
  fs.chmodSync(secret, 0o644);
  const lines = await cluster(look(secret));
  expect(lines.filter(({ remedy, found }) => `${found}${remedy}`.includes("chmod"))).toHaveLength(1);
  for (const fix of fixesOf(lines)) await fix();
  expect(modeOf(secret)).toBe(0o600);
});

test("a kernel with an interface of a kind has that, whether or not there are modules to look at", async () => {
  const ran = { exitCode: 0, stderr: "", why: "" };
  const found = async () => (await modules(look())).map(({ level, found: what }) => `${level} ${what}`);
  vi.mocked(run).mockResolvedValue({ ...ran, stdout: "3: veth0@if2: <BROADCAST> mtu 1500\n" });
  expect(await found()).toEqual(["ok none has the modules of the confs' plugins"]);
  vi.mocked(run).mockResolvedValue({ ...ran, stdout: "" });
  const unknown = ["bridge", "veth"].filter((name) => !fs.existsSync(`/sys/module/${name}`));
  const told = unknown.map(
    (name) => `warn whether it has ${name} cannot be told: /lib/modules/none is not there`,
  );
  if (unknown.length > 0) expect(await found()).toEqual(told);
});

test("a plugin that is missing is to be put into the runtime's directory, whichever that is", async () => {
  const [line] = await plugins(look());
  expect(line?.remedy).toContain(`put bridge into ${dir}, or`);
});
