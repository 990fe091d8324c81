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
import { askShim } from "../../launcher/cli/doctor/shim.ts";
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

describe("of plexus-shim.conf", () => {
  const shim = () => join(dir, "plexus-shim");
  const path = () => `${shim()}.conf`;
  const fake = (script: string) => fs.writeFileSync(shim(), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  beforeEach(() => fs.copyFileSync(binary.replace(/plexus$/, "plexus-shim"), shim()));

  test("doctor says what the shim itself says that it ignores, and what mends that", async () => {
    fs.writeFileSync(path(), "socket /x.sock\nfoo a; b\nresident on-demand\n", { mode: 0o600 });
    expect(await askShim(shim())).toEqual({
      mode: "on-demand",
      socket: "/x.sock",
      lines: [
        {
          level: "warn",
          of: "programs",
          found: `plexus-shim: ${path()}: foo a; b is ignored: the key is unknown`,
          remedy: "correct it, or remove it",
        },
      ],
    });
  });

  test.each<[what: string, make: () => void, found: string, remedy: string]>([
    ["is not there", () => undefined, "No such file or directory", "run plexus install"],
    ["is a directory", () => fs.mkdirSync(path()), "it is not a file", "remove it, and run plexus install"],
    [
      "others may write",
      () => {
        fs.writeFileSync(path(), "socket /x.sock\nresident on-demand\n");
        fs.chmodSync(path(), 0o666);
      },
      "others than root may write it",
      "read it, then: chmod go-w ",
    ],
  ])("that %s nothing counts, and that is a failure", async (_, make, found, remedy) => {
    make();
    const { mode, lines } = await askShim(shim());
    expect(mode).toBe("one-shot");
    expect(lines).toEqual([
      {
        level: "FAIL",
        of: "programs",
        found: expect.stringContaining(`${found}: the shim allows nothing beyond its defaults`),
        remedy: expect.stringContaining(remedy),
      },
    ]);
  });

  test("a socket makes it resident, and without one it is one-shot", async () => {
    fs.writeFileSync(path(), "socket /run/plexus/plexus.sock\n", { mode: 0o600 });
    expect(await askShim(shim())).toMatchObject({ mode: "resident", lines: [] });
    fs.writeFileSync(path(), "plugins /x\n", { mode: 0o600 });
    expect(await askShim(shim())).toMatchObject({
      mode: "one-shot",
      socket: "/run/plexus/plexus.sock",
      lines: [],
    });
  });

  test("a shim that does not say it, is named with the reason, and how the node is run is left open", async () => {
    fake("echo 'plexus-shim 0.0.9, of the CNI meta-plugin Plexus. A container runtime executes it.' >&2");
    expect(await askShim(shim())).toMatchObject({
      mode: undefined,
      lines: [{ level: "warn", found: expect.stringContaining("is older than this command") }],
    });
    fake("echo nonsense; exit 3");
    expect(await askShim(shim())).toMatchObject({
      mode: undefined,
      lines: [
        { level: "FAIL", found: expect.stringMatching(/what it takes of its conf: exit code 3, "nonsense/) },
      ],
    });
    fs.rmSync(shim());
    expect(await askShim(shim())).toMatchObject({
      mode: undefined,
      lines: [{ level: "FAIL", found: expect.stringContaining("ENOENT") }],
    });
  });

  test("a shim that hangs is ended, and named", async () => {
    fake("echo socket /x.sock; exec sleep 48");
    vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
    try {
      const asked = askShim(shim());
      await vi.advanceTimersByTimeAsync(8_000);
      expect(await asked).toMatchObject({
        mode: undefined,
        lines: [{ level: "FAIL", found: expect.stringContaining("it did not end within 8 s") }],
      });
    } finally {
      vi.useRealTimers();
    }
  });

  test("nothing is said where the runtime executes plexus itself, and no shim is executed", async () => {
    fake(`touch ${join(dir, "executed")}`);
    write("00-plexus.conf", conf({ delegates: [{ type: "bridge" }] }));
    const node = lookAtNode(options());
    expect(await node.shim()).toEqual({ mode: "one-shot", socket: "/run/plexus/plexus.sock", lines: [] });
    expect(fs.existsSync(join(dir, "executed"))).toBe(false);
    write("00-plexus.conf", conf({ type: "plexus-shim", delegates: [{ type: "bridge" }] }));
    await lookAtNode(options()).shim();
    expect(fs.existsSync(join(dir, "executed"))).toBe(true);
  });
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
  const lines = [...(await cluster(node)), ...(await plugins(node)), ...(await modules(node))];
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
  const lines = [...orderOfConfs(node), ...(await plugins(node)), ...(await modules(node))];
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

test("a look that hangs, as on a disk whose server is away, is named, and keeps no other from its end", {
  timeout: 120_000,
}, () => {
  // The system stops the process as a whole, as it does for a disk: no timer in there ends that.
  fs.writeFileSync(join(dir, "stops"), "#!/bin/sh\nkill -STOP $PPID\n", { mode: 0o755 });
  write("00-plexus.conf", conf({ delegates: [{ type: "stops" }] }));
  fs.mkdirSync(join(dir, "state"));
  const args = ["doctor", "--json", "--conf-dir", dir, "--bin-dir", dir, "--cni-dir", join(dir, "state")];
  const { status, stdout } = spawnSync(binary, args, { encoding: "utf8" });
  const lines = JSON.parse(stdout) as { of: string; found: string }[];
  expect(status).toBe(1);
  expect(lines).toContainEqual(
    expect.objectContaining({ of: "plugins", found: expect.stringMatching(/could not be looked at within/) }),
  );
  for (const of of ["confs", "cluster", "programs", "system", "state", "disk"])
    expect(lines).toContainEqual(expect.objectContaining({ of }));
  expect(lines.filter(({ found }) => /could not be looked at/.test(found))).toHaveLength(1);
});

test("a FIFO in the place of the kubeconfig is an error, and hangs no look", () => {
  const kubeconfig = join(dir, "kubeconfig");
  spawnSync("mkfifo", [kubeconfig]);
  const args = ["doctor", "--look", "cluster", "--kubeconfig", kubeconfig, "--conf-dir", dir];
  const { stdout } = spawnSync(binary, args, { encoding: "utf8", timeout: 60_000 });
  expect(stdout).toContain(`${kubeconfig} cannot be read: ENXIO`);
});
