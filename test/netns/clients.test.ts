// Clients that nobody of this project wrote: podman, and cnitool, which is libcni and nothing else.
import * as fs from "node:fs";
import { basename, dirname, join } from "node:path";
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ensureCnitool } from "../../scripts/provide/cnitool.ts";
import { ensurePodman } from "../../scripts/provide/podman.ts";
import { type Conf, Lab } from "../support/lab.ts";
import { Podman } from "../support/podman.ts";
import { until } from "../support/until.ts";

// Not in the tier's setup: without these only the tests here fail.
beforeAll(() => {
  ensurePodman();
  ensureCnitool();
});

let lab: Lab;
beforeEach(async () => {
  lab = await Lab.open();
});
afterEach(() => lab.close());

describe("podman", () => {
  let podman: Podman;
  beforeEach(() => {
    podman = new Podman(lab);
    const older = (conf: Conf) => ({ ...conf, cniVersion: "1.0.0" }); // what this podman knows
    const front = {
      cniVersion: "1.0.0",
      name: "front-1",
      plugins: [lab.bridge("front-1", 1), { type: "portmap", capabilities: { portMappings: true } }],
    };
    const plexus = (delegates: Conf[]) => {
      const { cniVersion: _, name: __, ...plugin } = lab.conf(delegates);
      return { ...plugin, type: basename(lab.plexus), capabilities: { portMappings: true } };
    };
    podman.network("front", plexus([front, older(lab.bridge("front-2", 2))]));
    podman.network("back", plexus([older(lab.bridge("back-1", 3))]));
  });
  afterEach(() => podman.close());

  const page = () => podman.get("http://10.222.1.1:8080/page");
  const serve = ["httpd", "-f", "-p", "80", "-h", "/"];

  it("runs a container on two networks with a published port, stops, starts and removes it", async () => {
    fs.writeFileSync(join(podman.rootfs, "page"), "hello");
    await podman.start("web", ["front", "back"], ["--publish", "8080:80"], serve);
    const addresses = await podman.run("exec", "web", "ip", "-4", "address");
    for (const [ifname, number] of [
      ["eth0", 1],
      ["net1", 2],
      ["eth1", 3],
    ]) {
      expect(addresses).toMatch(new RegExp(`inet 10\\.222\\.${number}\\.\\d+/24 .* ${ifname}$`, "m"));
    }
    await until("the published port answers", async () => (await page()) === "hello");
    const [{ NetworkSettings }] = JSON.parse(await podman.run("inspect", "web"));
    expect(NetworkSettings.Networks.front.IPAddress).toMatch(/^10\.222\.1\./);
    expect(NetworkSettings.Networks.back.IPAddress).toMatch(/^10\.222\.3\./);

    await podman.run("stop", "web");
    expect(await lab.leftovers()).toEqual([]);

    await podman.run("start", "web");
    await until("the published port answers again", async () => (await page()) === "hello");

    await podman.run("rm", "--force", "--time", "0", "web");
    expect(await lab.leftovers()).toEqual([]);
    expect(fs.existsSync(NetworkSettings.SandboxKey)).toBe(false);
  });

  it("leaves nothing of a container that cannot be started after it has its networks", async () => {
    await expect(podman.start("broken", ["front", "back"], [], ["no-such-command"])).rejects.toThrow(
      "no-such-command",
    );
    await podman.run("rm", "--force", "broken");
    expect(await lab.leftovers()).toEqual([]);
  });
});

describe("cnitool", () => {
  /** Executes it with a `/var/lib` of the lab's: there libcni keeps results. */
  const cnitool = (verb: string, netns: string) => {
    const [confs, lib] = [join(lab.dir, "lists"), join(lab.dir, "lib")];
    return lab.onNode(
      ...(["unshare", "--mount", "sh", "-ec"] as const),
      `mount --bind ${lib} /var/lib; exec env "$@"`,
      ...["sh", `NETCONFPATH=${confs}`, `CNI_PATH=${dirname(lab.plexus)}:${lab.binDir}`],
      ...[ensureCnitool(), verb, "tool", netns],
    );
  };
  const conf = () => lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)], { name: "tool" });
  beforeEach(() => {
    for (const name of ["lists", "lib"]) fs.mkdirSync(join(lab.dir, name));
    const { cniVersion, name, ...plugin } = conf();
    const list = { cniVersion, name, plugins: [{ ...plugin, type: basename(lab.plexus) }] };
    fs.writeFileSync(join(lab.dir, "lists/tool.conflist"), JSON.stringify(list));
  });

  it("adds, checks and deletes, twice, and gets the status", async () => {
    const container = await lab.container();
    await cnitool("status", container.netns);
    const added = JSON.parse(await cnitool("add", container.netns));
    expect(added.ips[0].address).toBe("10.222.1.2/24");
    expect(await lab.interfaces(container)).toEqual(["eth0", "net1"]);
    await cnitool("check", container.netns);
    await cnitool("del", container.netns);
    expect(await lab.leftovers()).toEqual([]);
    await cnitool("del", container.netns);
  });

  it("collects all garbage: what libcni knows of, and what it does not", async () => {
    const [living, lost] = [await lab.container(), await lab.container()];
    await cnitool("add", living.netns);
    expect(await lab.run("ADD", conf(), { container: lost })).toMatchObject({ exitCode: 0 });
    await lab.kill(lost);
    await cnitool("gc", living.netns);
    expect(await lab.interfaces(living)).toEqual([]);
    expect(await lab.leftovers()).toEqual([]);
  });
});
