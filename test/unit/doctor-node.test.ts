// What `plexus doctor` says of a node: only what is so, and what mends it.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { clock, cluster } from "../../launcher/cli/doctor/cluster.ts";
import { orderOfConfs } from "../../launcher/cli/doctor/confs.ts";
import { modules, sriov, system } from "../../launcher/cli/doctor/kernel.ts";
import { leftovers } from "../../launcher/cli/doctor/leftovers.ts";
import { lookAtNode } from "../../launcher/cli/doctor/node.ts";
import { processes } from "../../launcher/cli/doctor/processes.ts";
import { plugins } from "../../launcher/cli/doctor/programs.ts";
import { readShimConf, shimConfLines } from "../../launcher/cli/doctor/shimconf.ts";
import { readText } from "../../launcher/cli/install/place.ts";
import { listFunctions } from "../../launcher/sriov/list.ts";
import { binary } from "../support/binary.ts";

vi.mock("../../launcher/cli/doctor/processes.ts", { spy: true });
vi.mock("../../launcher/cli/install/place.ts", { spy: true });
vi.mock("../../launcher/sriov/list.ts", { spy: true });
vi.mock("../../launcher/core/wasm.ts", async () => ({
  wasm: (await import("../support/wasm.ts")).coreBytes,
}));

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-doctor-"));
});
afterEach(() => {
  vi.resetAllMocks();
  fs.rmSync(dir, { recursive: true });
});

const options = () => ({ "conf-dir": dir, "bin-dir": dir, "cni-dir": undefined, kubeconfig: undefined });
const write = (name: string, text: string) => fs.writeFileSync(join(dir, name), text);
const conf = (members: object) =>
  JSON.stringify({ cniVersion: "1.0.0", name: "node", plugins: [{ type: "plexus", ...members }] });

describe("plexus-shim.conf", () => {
  const shim = binary.replace(/plexus$/, "plexus-shim");
  const path = () => join(dir, "plexus-shim.conf");

  /** What the shim itself says of its conf. */
  function complaints(): string[] {
    fs.copyFileSync(shim, join(dir, "plexus-shim"));
    const env = {
      ...{ CNI_COMMAND: "ADD", CNI_CONTAINERID: "a", CNI_NETNS: "/n", CNI_IFNAME: "eth0", CNI_PATH: dir },
    };
    const input = '{"cniVersion": "1.0.0", "name": "a", "type": "plexus-shim"}';
    const { stderr } = spawnSync(join(dir, "plexus-shim"), { env, input, encoding: "utf8" });
    return stderr.split("\n").filter((line) => line.includes(" is ignored: "));
  }

  const LINES = [
    ...[
      "socket /x.sock",
      "foo bar",
      "plugin a/b",
      "plugin a",
      "  resident  always # x",
      "state",
      "\tread /a # b",
    ],
    ...[
      "connect-timeout-ms 0x10",
      "start-timeout-ms 0",
      "accept-timeout-ms 3600000",
      "wait-timeout-ms 3600001",
    ],
    ...["log rel", "log /a/../b", "log /a//b", "log /a/", "log /a", "device 0000:3b:02.1", "device 3b:02"],
    ...["sandboxes /a", "sandboxes rel", "sandboxes /"],
    ...["kubelet /a", "kubelet rel", "kubelet /a/../b", "kubelet"],
    ...["resident-option x", "resident-option --slots 4", "#c", "", " # c", "Plugin a", "resident", "socket"],
  ];

  test("has the lines that doctor says the shim ignores, for the same reasons", () => {
    write(
      "plexus-shim.conf",
      [...LINES, ...Array.from({ length: 70 }, (_, i) => `device 0000:00:00.${i % 8}`)].join("\n"),
    );
    fs.chmodSync(path(), 0o644);
    const ours = readShimConf(path()).lines.map(
      ({ line, why }) => `plexus-shim: ${path()}: ${line}${line.includes(" ") ? "" : " "} is ignored: ${why}`,
    );
    expect(ours.length).toBeGreaterThan(10);
    expect(ours).toEqual(complaints());
    expect(shimConfLines(path(), readShimConf(path()))[0]).toMatchObject({
      level: "warn",
      found: expect.stringContaining('"foo bar": the key is unknown'),
    });
  });

  test.each([0o666, 0o664, 0o622])("of mode %o is ignored as a whole, and doctor says so", (mode) => {
    write("plexus-shim.conf", "socket /x.sock\nresident on-demand\n");
    fs.chmodSync(path(), mode);
    expect(complaints()).toHaveLength(1);
    const read = readShimConf(path());
    expect(read).toMatchObject({ mode: "one-shot", text: undefined });
    expect(shimConfLines(path(), read)).toMatchObject([
      { level: "FAIL", remedy: `read it, then: chmod 0644 ${path()}` },
    ]);
  });

  test("that is a link, or a directory, is ignored, and doctor says what is there", () => {
    fs.symlinkSync("/dev/null", path());
    expect(shimConfLines(path(), readShimConf(path()))[0]?.found).toContain("it is a link");
    fs.rmSync(path());
    fs.mkdirSync(path());
    expect(shimConfLines(path(), readShimConf(path()))[0]?.remedy).toContain(`rmdir ${path()}`);
  });
});

test("a node whose runtime executes plexus itself is one-shot, whatever the shim's conf says", () => {
  write("plexus-shim.conf", "socket /x.sock\nresident on-demand\n");
  fs.chmodSync(join(dir, "plexus-shim.conf"), 0o600);
  write("00-plexus.conf", conf({ delegates: [{ type: "bridge" }] }));
  expect(lookAtNode(options()).mode).toBe("one-shot");
  write("00-plexus.conf", conf({ type: "plexus-shim", delegates: [{ type: "bridge" }] }));
  expect(lookAtNode(options()).mode).toBe("on-demand");
});

test("beside a conf that cannot be used, nothing is said to be missing that is there", async () => {
  write(
    "00-plexus.conf",
    conf({
      kubeconfig: "/no/kubeconfig",
      cniDir: "/no/state",
      maxNetworks: "many",
      delegates: [{ type: "bridge" }],
    }),
  );
  const node = lookAtNode(options());
  expect([node.own?.settings, node.kubeconfig, node.cniDir]).toEqual([
    undefined,
    "/no/kubeconfig",
    "/no/state",
  ]);
  const lines = [...(await cluster(node)), ...(await plugins(node)), ...modules(node)];
  const others = lines.filter(({ of, level }) => of !== "kernel" || level === "ok");
  expect(others.map(({ level, found }) => [level, found])).toEqual([
    ["FAIL", "there is no kubeconfig /no/kubeconfig: no pod gets a network"],
  ]);
  write("00-plexus.conf", conf({ kubeconfig: 1, delegates: [{ type: "bridge" }] }));
  expect(await cluster(lookAtNode(options()))).toEqual([]);
});

test("beside a conf that is cut off, it is not said that no conf is Plexus's, or names a plugin", async () => {
  write("00-plexus.conf", conf({}).slice(0, 40));
  const node = lookAtNode(options());
  const lines = [...orderOfConfs(node), ...(await plugins(node)), ...modules(node)];
  expect(lines.map(({ found }) => found).join("\n")).not.toMatch(
    /pods get the default network|no conf names|has the modules/,
  );
});

test("a plugin in another directory is missed, with the option that names that, until the conf does", async () => {
  const elsewhere = join(dir, "elsewhere");
  fs.mkdirSync(elsewhere);
  const answer = `#!/bin/sh\necho '{"cniVersion":"1.0.0","supportedVersions":["1.0.0"]}'\n`;
  fs.writeFileSync(join(elsewhere, "bridge"), answer, { mode: 0o755 });
  const delegates = [{ cniVersion: "1.0.0", name: "a", type: "bridge" }];
  write("00-plexus.conf", conf({ delegates }));
  const [missed] = await plugins(lookAtNode(options()));
  expect(missed?.level).toBe("FAIL");
  expect(missed?.remedy).toContain("plexus install --plugin-dir DIR");
  write("00-plexus.conf", conf({ delegates, binDir: elsewhere }));
  expect(await plugins(lookAtNode(options()))).toMatchObject([{ level: "ok" }]);
});

test("a directory among the confs is to be looked into, not removed", () => {
  fs.mkdirSync(join(dir, "10-a.conf"));
  expect(orderOfConfs(lookAtNode(options()))[0]).toMatchObject({
    level: "FAIL",
    remedy: expect.stringMatching(/ls -la .*rmdir/),
  });
});

test("what forgets state names the directory that the state is in", async () => {
  write("torn", "[{");
  const lines = await leftovers({ ...lookAtNode(options()), cniDir: dir });
  expect(lines.find(({ level }) => level === "warn")?.remedy).toBe(
    `delete the pod; only if that does not help: plexus forget torn --cni-dir ${dir}`,
  );
});

test.each([
  [0, "ok", /^it is at most/],
  [-59_000, "ok", /^it is at most/],
  [90_000, "FAIL", /^it is 90 s behind the API server's/],
  [-3_600_000, "FAIL", /^it is 3600 s ahead of the API server's/],
])("a clock %i ms from the API server's is %s", (apart, level, found) => {
  const now = Date.now();
  vi.useFakeTimers({ now, toFake: ["Date"] });
  try {
    expect(clock(now + apart, now)).toMatchObject([
      { level, of: "clock", found: expect.stringMatching(found) },
    ]);
  } finally {
    vi.useRealTimers();
  }
});

test("SELinux that enforces, and a runtime with few files, are warned of", async () => {
  vi.mocked(readText).mockImplementation((path) => (path === "/sys/fs/selinux/enforce" ? "1\n" : undefined));
  vi.mocked(processes).mockReturnValue([
    { pid: 7, args: ["/usr/bin/containerd"], maxFiles: 1024 },
    { pid: 8, args: ["/usr/bin/kubelet"], maxFiles: 1_048_576 },
    { pid: 9, args: ["/usr/bin/other"], maxFiles: 64 },
  ]);
  const lines = (await system()).filter(({ level }) => level === "warn");
  expect(
    lines
      .map(({ of, found }) => [of, found])
      .filter(([, found]) => !found?.startsWith("there is no command")),
  ).toEqual([
    ["system", "SELinux is enforcing: what it refuses, plugins call `permission denied`"],
    ["limits", "/usr/bin/containerd (7) may have 1024 files open at once"],
  ]);
});

test("a PF without VFs, and a node without an IOMMU, are warned of", async () => {
  const about = { netdev: "", driver: "", iommuGroup: "", device: "", vendor: "" };
  vi.mocked(listFunctions).mockResolvedValue([
    { ...about, address: "0000:3b:00.0", netdev: "ens1", vfs: { enabled: 0, possible: 4 } },
    { ...about, address: "0000:3c:00.0", vfs: { enabled: 1, possible: 64 } },
    { ...about, address: "0000:3c:00.1", vf: 0 },
  ] as never);
  expect(await sriov({ ...lookAtNode(options()), cniDir: dir })).toMatchObject([
    { level: "warn", remedy: "echo 4 > /sys/bus/pci/devices/0000:3b:00.0/sriov_numvfs" },
    { level: "warn", found: expect.stringContaining("there is no IOMMU") },
    { level: "ok", found: "2 PFs; of 1 VFs 0 are in use" },
  ]);
});

test("a file that nobody answers for keeps its own look from an end, and no other", {
  timeout: 120_000,
}, () => {
  const fifo = join(dir, "kubeconfig");
  spawnSync("mkfifo", [fifo]); // whoever opens it waits, as for a disk whose server is away
  write("00-plexus.conf", conf({ kubeconfig: fifo, delegates: [{ type: "bridge" }] }));
  fs.mkdirSync(join(dir, "state"));
  const args = ["doctor", "--json", "--conf-dir", dir, "--bin-dir", dir, "--cni-dir", join(dir, "state")];
  const { status, stdout } = spawnSync(binary, args, { encoding: "utf8" });
  const lines = JSON.parse(stdout) as { of: string; found: string }[];
  expect(status).toBe(1);
  expect(lines).toContainEqual(
    expect.objectContaining({ of: "cluster", found: expect.stringMatching(/could not be looked at within/) }),
  );
  for (const of of ["confs", "plugins", "programs", "system", "state", "disk"])
    expect(lines).toContainEqual(expect.objectContaining({ of }));
  expect(lines.filter(({ found }) => /could not be looked at/.test(found))).toHaveLength(1);
});
