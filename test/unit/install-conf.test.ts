// What `plexus install` makes of a node's confs, of its options, and of what an administrator has added.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { hasVanished, installConf, takenByCilium } from "../../launcher/cli/install/conf.ts";
import { installationOf } from "../../launcher/cli/install/installation.ts";
import { parseOptions } from "../../launcher/cli/install/options.ts";
import { pin, pinned } from "../../launcher/cli/install/pin.ts";
import { removeConf } from "../../launcher/cli/install/uninstall.ts";

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "plexus-conf-"));
  fs.mkdirSync(join(root, DIR), { recursive: true });
});
afterEach(() => fs.rmSync(root, { recursive: true }));

const DIR = "etc/cni/net.d";
const installation = (...args: string[]) =>
  installationOf(parseOptions([...args, "--root", root], "install"), {});
const install = (...args: string[]) => installConf(installation(...args));
const write = (name: string, content: string | object) => {
  const path = join(root, name.includes("/") ? name : `${DIR}/${name}`);
  fs.mkdirSync(join(path, ".."), { recursive: true });
  fs.writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
};
const names = () => fs.readdirSync(join(root, DIR)).sort();
const list = () => JSON.parse(fs.readFileSync(join(root, DIR, "00-plexus.conflist"), "utf8"));
const own = () => list().plugins[0];
const net = (cniVersion = "1.0.0") => ({ cniVersion, name: "n", type: "bridge" });

describe("the versions of the conf", () => {
  test.each([
    ["0.3.1", { cniVersion: "0.3.1", cniVersions: ["0.3.1", "1.1.0"] }],
    ["0.2.0", { cniVersion: "0.3.0", cniVersions: ["0.3.0", "1.1.0"] }],
    ["1.1.0", { cniVersion: "1.1.0" }],
  ])(
    "are those that a runtime takes which takes %s, and 1.1.0 for those that ask for STATUS and GC",
    async (given, versions) => {
      write("10-net.conf", net(given));
      await install();
      const { cniVersion, cniVersions } = list();
      expect({ cniVersion, ...(cniVersions ? { cniVersions } : {}) }).toEqual(versions);
    },
  );

  test("are the one that is asked for", async () => {
    write("10-net.conf", net("0.3.1"));
    await install("--cni-version", "1.1.0");
    expect(list()).toMatchObject({ cniVersion: "1.1.0" });
    expect(list()).not.toHaveProperty("cniVersions");
  });
});

test("each option sets its key, which stays without it", async () => {
  write("10-net.conf", net());
  const options = {
    "global-namespaces": "a,b",
    "readiness-file": "/run/ready",
    attach: "parallel",
    "delegate-timeout": "30",
    "log-level": "debug",
    "log-file": "/var/log/p.log",
    "plugin-dir": "/plugins",
    "state-dir": "/state",
    "kubelet-root": "/kubelet",
    name: "node-net",
  };
  const given = Object.entries(options).map(([key, value]) => `--${key}=${value}`);
  const wanted = {
    namespaceIsolation: true,
    globalNamespaces: "a,b",
    readinessindicatorfile: "/run/ready",
    attach: "parallel",
    delegateTimeoutSeconds: 30,
    logLevel: "debug",
    logFile: "/var/log/p.log",
    binDir: "/plugins",
    cniDir: "/state",
    kubeletRoot: "/kubelet",
  };
  await install("--namespace-isolation", ...given);
  expect([list().name, own()]).toEqual(["node-net", expect.objectContaining(wanted)]);
  await install("--log-level=error");
  expect([list().name, own()]).toEqual([
    "node-net",
    expect.objectContaining({ ...wanted, logLevel: "error" }),
  ]);
});

test("what an administrator has added stays: keys of list and plugin, capabilities, plugins behind it", async () => {
  write("10-net.conf", { ...net(), capabilities: { portMappings: true } });
  await install();
  const added = { ...own(), maxNetworks: 3, capabilities: { portMappings: false, ips: true } };
  write("00-plexus.conflist", { ...list(), disableCheck: true, plugins: [added, { type: "tuning" }] });
  await install();
  expect(list()).toMatchObject({ disableCheck: true, plugins: [added, { type: "tuning" }] });
});

test("numbers that were added stay as they are written, also in plugins behind it", async () => {
  write("10-net.conf", net());
  await install();
  const numbers = '"mine":9223372036854775807,"exp":1e400,"f":1.10';
  const behind = '{"type":"tuning","n":18446744073709551615}';
  const before = JSON.stringify({ ...list(), plugins: [own(), "BEHIND"] });
  write(
    "00-plexus.conflist",
    before.replace('"clusterNetwork"', `${numbers},"clusterNetwork"`).replace('"BEHIND"', behind),
  );
  await install("--log-level", "debug");
  const after = fs.readFileSync(join(root, DIR, "00-plexus.conflist"), "utf8").replace(/\s/g, "");
  for (const part of [...numbers.split(","), behind]) expect(after).toContain(part);
});

test("and it stays while there is no default network", async () => {
  write("10-net.conf", net());
  await install();
  write("00-plexus.conflist", { ...list(), plugins: [{ ...own(), maxNetworks: 3 }] });
  fs.unlinkSync(join(root, DIR, "10-net.conf"));
  expect(await install()).toMatchObject({ isThere: false, says: expect.stringContaining("removed") });
  expect(names().filter((name) => /\.(conf|conflist|json)$/.test(name))).toEqual([]);
  write("10-net.conf", net());
  await install();
  expect(own().maxNetworks).toBe(3);
  expect(names()).toEqual(["00-plexus.conflist", "10-net.conf"]);
});

test("the conf of an earlier version becomes a list in one step, with what was added to it", async () => {
  write("10-net.conf", net());
  write("00-plexus.conf", {
    ...net(),
    type: "plexus-shim",
    disableGC: true,
    maxNetworks: 3,
    clusterNetwork: "/x",
  });
  await install();
  expect(names()).toEqual(["00-plexus.conflist", "10-net.conf"]);
  expect(list()).toMatchObject({
    disableGC: true,
    plugins: [{ maxNetworks: 3, clusterNetwork: `/${DIR}/10-net.conf` }],
  });
});

describe("the default network", () => {
  test.each([["{"], [""], ["[]"], ["{}"], ['{"plugins":[]}'], ['{"plugins":[{}]}']])(
    "stays while the first conf is %j, and is not that of the next one",
    async (broken) => {
      write("20-net.conf", net());
      await install();
      write("05-new.conf", broken);
      write("10-other.conf", net());
      expect(await install()).toMatchObject({
        isThere: true,
        says: expect.stringContaining("05-new.conf cannot be used"),
      });
      expect(own().clusterNetwork).toBe(`/${DIR}/20-net.conf`);
      write("05-new.conf", net());
      await install();
      expect(own().clusterNetwork).toBe(`/${DIR}/05-new.conf`);
    },
  );

  test("is not guessed if the first conf is broken from the beginning", async () => {
    write("05-new.conf", "{");
    write("10-net.conf", net());
    expect(await install()).toMatchObject({
      isThere: false,
      says: expect.stringContaining("mend it, or remove it"),
    });
    expect(names()).toEqual(["05-new.conf", "10-net.conf"]);
  });

  test("is the one that is asked for, by name or by path", async () => {
    write("05-a.conf", net());
    write("10-b.conf", net());
    await install("--primary", "10-b.conf");
    expect(own().clusterNetwork).toBe(`/${DIR}/10-b.conf`);
    write("opt/c.conf", net());
    await install("--primary", "/opt/c.conf");
    expect(own().clusterNetwork).toBe("/opt/c.conf");
    expect((await install("--primary", "none.conf")).says).toContain("none.conf");
  });

  test("is taken from a directory that the runtime does not read", async () => {
    write("etc/primary/10-net.conf", net());
    await install("--source-dir", "/etc/primary");
    expect([names(), own().clusterNetwork]).toEqual([["00-plexus.conflist"], "/etc/primary/10-net.conf"]);
  });

  test("is the one that was asked for before, until another one is, or Plexus is uninstalled", async () => {
    write("10-net.conf", net());
    write("20-net.conf", net());
    write("etc/cni/source.d/30-net.conf", net());
    const again = async (...args: string[]) => {
      const found = pinned(installation(...args));
      await pin(found);
      return installConf(found);
    };
    await again("--primary", "20-net.conf");
    await again("--log-level", "debug");
    expect(own().clusterNetwork).toBe("/etc/cni/net.d/20-net.conf");
    await again("--source-dir", "/etc/cni/source.d", "--primary", "30-net.conf");
    await again();
    expect(own().clusterNetwork).toBe("/etc/cni/source.d/30-net.conf");
    removeConf(installation());
    await again();
    expect(own().clusterNetwork).toBe("/etc/cni/net.d/10-net.conf");
  });

  test("is not a pipe, or a link to nothing: the first conf cannot be used, and no other is taken instead", async () => {
    write("10-net.conf", net());
    fs.symlinkSync("nowhere", join(root, DIR, "05-link.conf"));
    expect(await install()).toMatchObject({
      isThere: false,
      says: expect.stringContaining("a link to a file that is not"),
    });
    spawnSync("mkfifo", [join(root, DIR, "01-pipe.conf")]);
    expect(await install()).toMatchObject({
      isThere: false,
      says: expect.stringContaining("it is not a file"),
    });
  });

  test("has vanished when its file has, and not before", async () => {
    write("10-net.conf", net());
    await install();
    expect(hasVanished(installation())).toBe(false);
    write("05-half.conf", "{");
    expect(hasVanished(installation())).toBe(false);
    fs.unlinkSync(join(root, DIR, "10-net.conf"));
    expect(hasVanished(installation())).toBe(true);
  });
});

describe("it is refused", () => {
  test.each([
    [[], { "00-aaa.conf": net() }, "the runtime takes the first conf by name"],
    [["--primary", "10-net.conf"], { "00-aaa.conf": net(), "10-net.conf": net() }, "the first conf by name"],
    [["--source-dir", "/etc/primary"], { "00-aaa.conf": net(), "etc/primary/a.conf": net() }, "00-aaa.conf"],
    [[], { "10-multus.conflist": { plugins: [{ type: "multus-shim" }] } }, "it is the conf of multus-shim"],
    [
      ["--source-dir", "/etc/primary"],
      { "etc/primary/a.conf": { ...net(), type: "plexus" } },
      "conf of plexus",
    ],
  ])("%j beside %j", async (args, files, why) => {
    for (const [name, content] of Object.entries(files)) write(name, content as object);
    await expect(install(...args)).rejects.toThrow(why);
    expect(names()).not.toContain("00-plexus.conflist");
  });
});

describe("a conf to copy", () => {
  const copied = (content: string) => {
    write("mine", content);
    return install("--conf-file", join(root, DIR, "mine"));
  };

  test("is copied byte for byte, as the kind of file that it is, and takes the other's place", async () => {
    const plain = '{ "cniVersion":"1.0.0","name":"n", "type":"plexus","big":12345678901234567890 }';
    await copied(plain);
    expect(fs.readFileSync(join(root, DIR, "00-plexus.conf"), "utf8")).toBe(plain);
    const whole = '{"cniVersion":"1.0.0","name":"n","plugins":[{"type":"plexus-shim"}]}';
    await copied(whole);
    expect(fs.readFileSync(join(root, DIR, "00-plexus.conflist"), "utf8")).toBe(whole);
    expect(names()).toEqual(["00-plexus.conflist", "mine"]);
  });

  test.each([
    ["--attach", "parallel"],
    ["--name", "n"],
    ["--namespace-isolation"],
    ["--primary", "10-flannel.conflist"],
    ["--source-dir", "/etc/cni/primary.d"],
  ])("is not to have %s, which only a conf made here has", (...args) => {
    expect(() => installation("--conf-file", "/mine", ...args)).toThrow(
      `--conf-file and ${args[0]}: that conf is`,
    );
    expect(() => installation("--conf-file", "/mine", "--plugin-dir", "/p", "--one-shot")).not.toThrow();
  });

  test.each([
    ["{", "cannot copy"],
    ['{"type":"bridge"}', "no plugin of it is plexus-shim or plexus"],
  ])("%s is refused", async (content, why) => {
    await expect(copied(content)).rejects.toThrow(why);
  });
});

test("Cilium, which renames the confs of others, is told of", async () => {
  expect(takenByCilium(installation())).toBeUndefined();
  write("00-plexus.conflist.cilium_bak", "{}");
  expect(takenByCilium(installation())).toContain("cni.exclusive: false");
});

test.each([
  [["--primary", ""], "--primary"],
  [["--attach", "both"], "it is one of sequential, parallel"],
  [["--delegate-timeout", "0"], "a whole number from 1"],
  [["--silence-timeout-ms", "10s"], "a whole number from 1"],
  [["--cni-version", "2.0.0"], "it is one of"],
  [["--state-dir", "/a b"], "without spaces"],
  [["--global-namespaces", "a, b"], "with commas"],
  [["--name", "a/b"], "a name of letters"],
])("%j is refused", (args, why) => {
  expect(() => parseOptions(args, "install")).toThrow(why);
});

test("uninstall takes the places, and no option that is install's alone", () => {
  expect(parseOptions(["--bin-dir", "/b"], "uninstall")["bin-dir"]).toBe("/b");
  expect(() => parseOptions(["--attach", "parallel"], "uninstall")).toThrow("--attach");
});
