// A tenant who may create pods and NetworkAttachmentDefinitions, against the built binary and a real API server: each case
// is named after what the attacker would get. After each, another pod gets its network, and the node is as it was.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import { binary } from "../support/binary.ts";
import { attacks, largeResult } from "../support/hostile.ts";
import type { Conf } from "../support/lab.ts";
import type { Outcome } from "../support/outcome.ts";
import { DEFAULT_NETWORK, type Sandbox, Site } from "../support/site.ts";

const OK = { exitCode: 0, stderr: "" };
/** What the daemon may take in deploy/daemon. */
const LIMIT_MB = 400;
/** Processes of its own, which end with the first of them. */
const CONTAINED = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", "timeout", "60"];
let api: ApiServer;
beforeAll(async () => {
  api = await ApiServer.start("any");
});
afterAll(() => api?.stop());

describe.each(["plexus", "the daemon"])("from %s, a tenant does not get", (mode) => {
  let site: Site;
  let memory: () => number;
  beforeAll(async () => {
    site = await Site.open(api);
    site.lab.fake("fake-any");
    if (mode === "plexus") {
      memory = () => 0;
      return;
    }
    const daemon = await site.lab.reside();
    await daemon.stop();
    const { kubeconfig } = site;
    site.kubeconfig = kubeconfig;
    await daemon.start(["daemon", "--node-name", "node", "--kubeconfig", api.kubeconfig("admin")]);
    memory = () => peakOf(daemon.pid);
  });
  afterAll(() => site?.close());
  afterEach(async () => {
    const pod = await site.pod();
    expect(await site.run("ADD", pod)).toMatchObject(OK);
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
    expect(memory()).toBeLessThan(LIMIT_MB);
  });

  /** What its plugin may have left is kept for GC, as an orphan, until an administrator says otherwise. */
  const forgotten = ({ container }: Sandbox) => {
    const args = ["forget", container.id, "--cni-dir", site.lab.cniDir];
    const { stdout } = spawnSync(binary, args, { env: {}, encoding: "utf8" });
    return stdout.trim().split("\n");
  };

  /** ADD and DEL of a pod; what the ADD has answered. */
  async function attached(pod: Sandbox, conf: Conf = site.conf()): Promise<Outcome> {
    const added = await site.run("ADD", pod, conf);
    expect(await site.run("DEL", pod, conf)).toMatchObject({ exitCode: 0, stdout: "" });
    forgotten(pod); // so that what is left after that is a leak
    return added;
  }

  /** The same, of one that has to be refused; code and message. */
  async function refused(pod: Sandbox, conf?: Conf): Promise<{ code: number; msg: string }> {
    const { exitCode, answer } = await attached(pod, conf);
    expect(exitCode).toBe(1);
    return { code: answer.code ?? 0, msg: answer.msg ?? "" };
  }

  let named = 0;
  /** A network with that conf; its name. */
  async function nad(config: Conf | string | undefined, name = `n${named++}`): Promise<string> {
    await site.nad(name, config);
    return name;
  }

  describe("the memory of the node, or its time:", () => {
    const worst = Object.entries(attacks("fake-any"));
    test.each(worst)("by %s", async (_, { nads, networks }) => {
      const namespace = `${site.namespace}-${named++}`;
      await site.createNamespace(namespace);
      for (const [name, config] of Object.entries(nads)) await site.nad(name, config, { namespace });
      const { exitCode, answer, stdout } = await attached(await site.pod(networks, { namespace }));
      expect([0, 1]).toContain(exitCode);
      if (exitCode === 1) {
        expect([6, 7]).toContain(answer.code);
        expect(stdout.length).toBeLessThan(10_000);
      }
    });

    test("by a result with 2,000 interfaces", async () => {
      fs.writeFileSync(join(site.lab.dir, "large-result"), largeResult(2000));
      site.lab.fake("fake-large", { ADD: "cat $dir/large-result" });
      const { msg } = await refused(await site.pod(await nad({ cniVersion: "1.0.0", type: "fake-large" })));
      expect(msg).toMatch(/its result has 2000 interfaces; a result can have \d+: see/);
    });

    test("by a plugin that prints without end", async () => {
      site.lab.fake("fake-yes", { ADD: "yes", DEL: "exit 0" });
      const { msg } = await refused(await site.pod(await nad({ cniVersion: "1.0.0", type: "fake-yes" })));
      expect(msg).toMatch(/fake-yes printed more than/);
    });
  });

  describe("a node full of processes, by a network that leads back to Plexus:", () => {
    const meta = ["plexus", "plexus-shim", "multus", "multus-shim"];
    test.each(meta)("its type is %s", async (type) => {
      fs.symlinkSync(binary, join(site.lab.binDir, type));
      try {
        const confs: Conf[] = [
          { cniVersion: "1.0.0", type },
          { cniVersion: "1.0.0", name: "n", plugins: [{ type: "fake-any" }, { type }] },
          { cniVersion: "1.0.0", type: "bridge", ipam: { type } },
        ];
        for (const conf of confs) {
          const { code, msg } = await refused(await site.pod(await nad(conf)));
          expect([code, msg]).toEqual([7, expect.stringContaining(type)]);
        }
      } finally {
        fs.unlinkSync(join(site.lab.binDir, type));
      }
    });

    test("its conf is the node's own, by its name, its file or its directory", async () => {
      const own = site.lab.file("own/00-plexus.conf", { ...site.conf(), name: "own", type: "fake-loop" });
      const dir = join(site.lab.confDir, "own");
      fs.symlinkSync(binary, join(site.lab.binDir, "fake-loop"));
      const conf = site.conf({ confDir: dir });
      site.lab.by = CONTAINED;
      try {
        const { code, msg } = await refused(await site.pod(await nad(undefined, "own")), conf);
        expect([code, msg]).toEqual([7, expect.stringMatching(/leads back to Plexus|meta-plugin/)]);
        for (const clusterNetwork of [own, dir]) {
          const led = await refused(await site.pod(), { ...conf, clusterNetwork });
          expect([led.code, led.msg]).toEqual([7, expect.stringMatching(/leads back to Plexus|meta-plugin/)]);
        }
      } finally {
        site.lab.by = [];
        fs.rmSync(dir, { recursive: true });
        fs.unlinkSync(join(site.lab.binDir, "fake-loop"));
      }
    });
  });

  describe("a pod that cannot be deleted:", () => {
    test("by a subnet of /240", async () => {
      const ipam = {
        type: "host-local",
        dataDir: site.lab.dataDir,
        ranges: [[{ subnet: "10.80.0.0/240" }]],
      };
      const pod = await site.pod(await nad({ ...site.lab.bridge("", 9), ipam }));
      const { msg } = await refused(pod);
      expect(msg).toContain("10.80.0.0/240");
    });

    test("by a plugin that refuses every DEL, or a network that is gone by then", async () => {
      site.lab.fake("fake-never", {
        ADD: `echo '{"code":100,"msg":"no"}'; exit 1`,
        DEL: `echo '{"code":100,"msg":"never"}'; exit 1`,
      });
      const pod = await site.pod(await nad({ cniVersion: "1.0.0", type: "fake-never" }, "never"));
      expect(await site.run("ADD", pod)).toMatchObject({ exitCode: 1 });
      const object = {
        apiVersion: "k8s.cni.cncf.io/v1",
        kind: "NetworkAttachmentDefinition",
        metadata: { name: "never", namespace: site.namespace },
      };
      await api.admin.delete(object);
      await site.deletePod(pod);
      expect(await site.run("DEL", pod)).toMatchObject({ exitCode: 0 });
      expect(forgotten(pod)).toEqual([expect.stringMatching(/^forgotten: .* net1: network /)]);
    });
  });

  test("a network of another namespace, by either annotation, if they are isolated", async () => {
    const victim = `${site.namespace}-victim`;
    await site.createNamespace(victim);
    await site.nad("net", site.lab.bridge("net", 1), { namespace: victim });
    const conf = site.conf({ namespaceIsolation: true });
    for (const pod of [
      await site.pod(`${victim}/net`),
      await site.pod(undefined, { annotations: { [DEFAULT_NETWORK]: `${victim}/net` } }),
      await site.pod(undefined, {
        annotations: { [DEFAULT_NETWORK]: `[{"name":"net","namespace":"${victim}"}]` },
      }),
    ]) {
      const { code, msg } = await refused(pod, conf);
      expect([code, msg]).toEqual([7, expect.stringContaining("namespaceIsolation")]);
    }
  });

  describe("a file or a request elsewhere:", () => {
    const UP = "../../../x";
    test("by the name of an interface, a network or a namespace", async () => {
      await nad({ cniVersion: "1.0.0", type: "fake-any" }, "good"); // it is there
      const before = api.requests().length;
      for (const networks of [
        [{ name: "good", interface: UP }],
        `good@${UP}`,
        [{ name: UP }],
        UP,
        [{ name: "good", namespace: UP }],
        `${UP}/good`,
      ]) {
        const { code } = await refused(await site.pod(networks));
        expect([6, 7]).toContain(code);
      }
      const uris = api
        .requests()
        .slice(before)
        .map(({ uri }) => uri);
      expect(uris.filter((uri) => /\.\.|%2e/i.test(uri))).toEqual([]);
    });

    test("by a conf's name or type, in a chain and for IPAM too", async () => {
      for (const conf of [
        { name: UP, type: "fake-any" },
        { type: UP },
        { type: "bridge", ipam: { type: UP } },
        { name: "n", plugins: [{ type: UP }] },
      ])
        await refused(await site.pod(await nad({ cniVersion: "1.0.0", ...conf })));
      expect(site.lab.calls("fake-any").filter(({ conf }) => `${conf.name}`.includes(".."))).toEqual([]);
    });

    test("by a device and its resource", async () => {
      const target = join(site.lab.dir, "victim");
      const name = await nad({
        cniVersion: "1.0.0",
        type: "fake-any",
        capabilities: { CNIDeviceInfoFile: true },
      });
      const deviceID = `/../../../../../../../..${target}`;
      await attached(await site.pod([{ name, deviceID }]));
      for (const end of ["", "-device.json"]) expect(fs.existsSync(`${target}${end}`)).toBe(false);
    });

    test("by the pod's name and namespace in CNI_ARGS", async () => {
      const pod = await site.pod();
      const before = api.requests().length;
      for (const forged of [
        { ...pod, name: "../../../secrets/x" },
        { ...pod, namespace: `${UP}/secrets` },
        { ...pod, name: "x?watch=1" },
        { ...pod, uid: `${pod.uid};K8S_POD_NAME=y` },
      ])
        await attached(forged);
      const uris = api
        .requests()
        .slice(before)
        .map(({ uri }) => decodeURIComponent(uri));
      expect(
        uris.filter((uri) => !/^\/api\/v1\/namespaces\/[\w-]+\/(pods|events)(\/[\w-]+)?$/.test(uri)),
      ).toEqual([]);
    });
  });

  describe("what is not the tenant's to read, or the operator's terminal:", () => {
    test("the token of the kubeconfig, in an error or an event", async () => {
      const token = await api.token();
      const conf = site.conf({ kubeconfig: api.kubeconfig("plexus", { url: site.url, token }) });
      const secret = token.slice(-40);
      for (const config of [
        '{"type":',
        "[]",
        '{"cniVersion":"9.9.9","type":"fake-any"}',
        { type: "absent" },
      ]) {
        const pod = await site.pod(await nad(config as string));
        const { stdout, stderr } = await attached(pod, conf);
        expect([stdout, stderr, ...(await site.events(pod))].join("\n")).not.toContain(secret);
      }
    });

    test("control characters in an answer, a log or an event", async () => {
      const logFile = join(site.lab.dir, "plexus.log");
      const conf = site.conf({ logFile, logLevel: "debug" });
      const code = "\\u001b[2J\\u009b31m\\u0007";
      site.lab.fake("fake-ansi", {
        ADD: `echo 'said \\033[2J' >&2; printf '%s' '{"code":100,"msg":"${code}\\nforged"}'; exit 1`,
      });
      const hostile = [
        { cniVersion: "1.0.0", type: "fake-ansi" },
        `{"cniVersion":"1.0.0","type":"${code}"}`,
        `{"cniVersion":"1.0.0","name":"${code}","type":"fake-any"}`,
        `{"cniVersion":"${code}","type":"fake-any"}`,
        "\u001b[2J",
        `{"\u001b[2J`,
      ];
      for (const config of hostile) {
        const pod = await site.pod(await nad(config as string));
        const { stdout, stderr } = await attached(pod, conf);
        const events = await site.events(pod);
        expect(events).toHaveLength(1);
        expect(controls(stdout + stderr + fs.readFileSync(logFile, "utf8"))).toEqual([]);
        expect(controls(events.join("\n"))).toEqual([]);
      }
      fs.rmSync(logFile);
    });
  });
});

/** Peak of the resident set, in MB. */
function peakOf(pid: number): number {
  const [, kB] = /^VmHWM:\s+(\d+) kB/m.exec(fs.readFileSync(`/proc/${pid}/status`, "utf8")) ?? [];
  return Number(kB) / 1024;
}

/** The control characters in a text, but tabs and ends of lines. */
function controls(text: string): string[] {
  return [...text.matchAll(/(?![\n\t])\p{Cc}/gu)].map(([control]) => JSON.stringify(control));
}
