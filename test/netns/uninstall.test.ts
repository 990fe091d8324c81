// `plexus uninstall` on a node with pods that Plexus has attached.
import * as fs from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { binary } from "../support/binary.ts";
import { Lab } from "../support/lab.ts";

let lab: Lab;
/** The runtime's directories. */
let confDir: string;
let binDir: string;
beforeEach(async () => {
  lab = await Lab.open();
  confDir = join(lab.dir, "net.d");
  binDir = join(lab.dir, "installed");
  fs.mkdirSync(confDir);
  fs.cpSync(lab.binDir, binDir, { recursive: true, verbatimSymlinks: true });
});
afterEach(() => lab.close());

test("the conf goes first; binary and shim stay until the pods are deleted, and what those have left is detached", async () => {
  fs.writeFileSync(join(confDir, "10-one.conf"), JSON.stringify(lab.bridge("one", 1)));
  const places = ["--bin-dir", binDir, "--conf-dir", confDir, "--state-dir", lab.cniDir];
  const socket = ["--socket", join(lab.dir, "none.sock")];
  await lab.onNode(binary, "install", ...places, ...socket);
  expect(fs.readdirSync(confDir).sort()).toEqual(["00-plexus.conflist", "10-one.conf", "plexus.d"]);

  const container = await lab.container();
  const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
  expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  expect(lab.reserved().length).toBe(2);

  const first = await lab.onNode(binary, "uninstall", ...places, ...socket);
  expect(first).toMatch(/^removed .*00-plexus\.conflist\n/);
  expect(first).toContain("1 container is attached by Plexus");
  expect(fs.readdirSync(confDir)).toEqual(["10-one.conf"]);
  for (const name of ["plexus", "plexus-shim"]) expect(fs.existsSync(join(binDir, name))).toBe(true);
  expect(await lab.interfaces(container)).toEqual(["eth0", "net1"]);

  // CRI-O has kept the pod's conf, whose kubeconfig is gone by now.
  const other = await lab.container();
  const kept = { ...conf, kubeconfig: join(confDir, "gone") };
  expect(await lab.run("ADD", conf, { container: other })).toMatchObject({ exitCode: 0 });
  expect(await lab.run("DEL", kept, { container: other })).toMatchObject({ exitCode: 0 });
  expect(lab.reserved().length).toBe(2);

  // As a runtime without Plexus does it: the namespace goes, and nobody calls the secondary network's plugins.
  await lab.kill(container);
  const second = await lab.onNode(binary, "uninstall", ...places, ...socket);
  expect(second).toContain(`removed ${join(binDir, "plexus-shim")}`);
  expect(lab.reserved()).toEqual([]);
  expect(
    fs.readdirSync(lab.cniDir, { recursive: true }).filter((name) => `${name}`.includes(container.id)),
  ).toEqual([]);
  expect(fs.existsSync(join(binDir, "plexus"))).toBe(false);
});

test("an attachment whose files are all torn keeps binary and shim", async () => {
  for (const name of ["plexus", "plexus-shim"]) fs.writeFileSync(join(binDir, name), "");
  const container = await lab.container();
  expect(await lab.run("ADD", lab.conf([lab.bridge("one", 1)]), { container })).toMatchObject({
    exitCode: 0,
  });
  for (const path of [container.id, `results/one-${container.id}-eth0`])
    fs.writeFileSync(join(lab.cniDir, path), "\0".repeat(300));
  const places = ["--bin-dir", binDir, "--conf-dir", confDir, "--state-dir", lab.cniDir];
  const said = await lab.onNode(binary, "uninstall", ...places, "--socket", join(lab.dir, "none.sock"));
  expect(said).toContain("1 container is attached by Plexus");
  for (const name of ["plexus", "plexus-shim"]) expect(fs.existsSync(join(binDir, name))).toBe(true);
});

test("the state directory stays while containers are attached by it, and uninstall knows of each that there was", async () => {
  fs.writeFileSync(join(confDir, "10-one.conf"), JSON.stringify(lab.bridge("one", 1)));
  const places = ["--bin-dir", binDir, "--conf-dir", confDir];
  const socket = ["--socket", join(lab.dir, "none.sock")];
  const state = ["--state-dir", lab.cniDir];
  await lab.onNode(binary, "install", ...places, ...socket, ...state);
  const container = await lab.container();
  expect(await lab.run("ADD", lab.conf([lab.bridge("one", 1)]), { container })).toMatchObject({
    exitCode: 0,
  });

  const other = ["--state-dir", join(lab.dir, "other")];
  const list = `plexus attachments --cni-dir ${lab.cniDir}`;
  const shimConf = () => fs.readFileSync(join(binDir, "plexus-shim.conf"), "utf8");
  const before = shimConf();
  const refused = await lab.onNode(binary, "install", ...places, ...other).catch((error: Error) => error);
  expect(`${refused}`).toContain(
    `the state directory cannot become ${join(lab.dir, "other")}: 1 container is`,
  );
  expect(`${refused}`).toContain(list);
  expect(shimConf()).toBe(before);
  // The same one, and none, are no other one.
  await lab.onNode(binary, "install", ...places, ...state);
  await lab.onNode(binary, "install", ...places);

  // Somebody may have changed the conf by hand.
  const path = join(confDir, "00-plexus.conflist");
  fs.writeFileSync(path, fs.readFileSync(path, "utf8").replaceAll(lab.cniDir, join(lab.dir, "other")));
  for (let calls = 0; calls < 2; calls++) {
    expect(await lab.onNode(binary, "uninstall", ...places)).toContain(`attached by Plexus (\`${list}\`)`);
    expect(fs.existsSync(join(binDir, "plexus-shim"))).toBe(true);
  }
  const forgotten = await lab
    .onNode(binary, "forget", "none", "--cni-dir", lab.cniDir)
    .catch((error) => error);
  expect(`${forgotten}`).toContain(`\`${list}\` lists what there is`);
  const refusedId = await lab
    .onNode(binary, "forget", "../x", "--cni-dir", lab.cniDir)
    .catch((error) => error);
  expect(`${refusedId}`).toContain(`"../x" is not a container's ID; \`${list}\` lists them`);

  await lab.kill(container);
  expect(await lab.onNode(binary, "uninstall", ...places)).toContain(
    `removed ${join(binDir, "plexus-shim")}`,
  );
  expect(lab.reserved()).toEqual([]);
});

test("on a node that is Multus's again, what Multus has attached stays as it is, and keeps nothing of Plexus", async () => {
  fs.writeFileSync(join(binDir, "multus"), "#!/bin/sh\necho '{}'\n", { mode: 0o755 });
  const delegates = [lab.bridge("one", 1)];
  const multus = { cniVersion: "1.0.0", name: "m", type: "multus", cniDir: lab.cniDir, delegates };
  fs.writeFileSync(join(confDir, "00-multus.conf"), JSON.stringify(multus));
  const places = ["--bin-dir", binDir, "--conf-dir", confDir, "--socket", join(lab.dir, "none.sock")];
  await lab.onNode(binary, "migrate", ...places);

  const conf = lab.conf([lab.bridge("one", 1), lab.bridge("two", 2)]);
  const [gone, running, own] = [await lab.container(), await lab.container(), await lab.container()];
  for (const container of [gone, running, own])
    expect(await lab.run("ADD", conf, { container })).toMatchObject({ exitCode: 0 });
  for (const { id } of [gone, running]) becomeMultus(id);
  await lab.kill(gone);
  await lab.onNode(binary, "migrate", "--back", ...places);
  const files = () => fs.readdirSync(lab.cniDir, { recursive: true }).sort();
  const before = files();

  // The state directory is that of the migrated node.
  const first = await lab.onNode(binary, "uninstall", ...places);
  expect(first).toContain("1 container is attached by Plexus");
  expect(files()).toEqual(before);
  expect(lab.reserved().length).toBe(6);

  expect(await lab.run("DEL", conf, { container: own })).toMatchObject({ exitCode: 0 });
  const second = await lab.onNode(binary, "uninstall", ...places);
  expect(second).toContain(`removed ${join(binDir, "plexus-shim")}`);
  expect(lab.reserved().length).toBe(4);
  expect(await lab.interfaces(running)).toEqual(["eth0", "net1"]);
  expect(fs.readdirSync(confDir).filter((name) => name.endsWith(".conf"))).toEqual(["00-multus.conf"]);
});

/** Leaves of a container's state what Multus would have written. */
function becomeMultus(id: string): void {
  const results = join(lab.cniDir, "results");
  const caches = fs.readdirSync(results).filter((name) => name.includes(id));
  for (const path of [join(lab.cniDir, id), ...caches.map((name) => join(results, name))]) {
    const kept = JSON.stringify(JSON.parse(fs.readFileSync(path, "utf8")), (key, value) =>
      ["runtimeIfName", "runtimeNetwork"].includes(key) ? undefined : value,
    );
    fs.writeFileSync(path, kept);
  }
}
