// `plexus install --ready`, as a kubelet asks it in the installer's container.
import { spawn, spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { binary } from "../support/binary.ts";
import { until } from "../support/until.ts";

const CONFS = "etc/cni/net.d";
const NETWORK = '{"cniVersion":"1.0.0","name":"n","type":"bridge"}';

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(join(tmpdir(), "plexus-ready-"));
  fs.mkdirSync(join(root, CONFS), { recursive: true });
});
afterEach(() => fs.rmSync(root, { recursive: true }));

/** What is answered; `enter` is a command that executes it somewhere else. */
function asked(...enter: string[]) {
  const [command = "", ...args] = [...enter, binary, "install", "--ready", "--root", root];
  const { status, stdout, stderr } = spawnSync(command, args, {
    env: { PATH: process.env.PATH },
    encoding: "utf8",
  });
  expect(stdout).toBe("");
  return [status, stderr];
}

test("an installer is ready while its node has the conf, and else says what is in the way", async () => {
  const nobody = [1, "plexus install: not ready: no installer of this container keeps /etc/cni/net.d\n"];
  expect(asked()).toEqual(nobody);
  fs.writeFileSync(join(root, CONFS, "10-n.conf"), NETWORK);
  expect(spawnSync(binary, ["install", "--root", root], { env: {} }).status).toBe(0);
  expect(asked()).toEqual(nobody); // the conf is of one that has ended
  fs.rmSync(join(root, CONFS, "10-n.conf"));

  const child = spawn(binary, ["install", "--watch", "--root", root], { env: {}, stdio: "ignore" });
  try {
    await until("it has no default network", () =>
      /not ready: (removed|wrote no conf)/.test(`${asked()[1]}`),
    );
    fs.writeFileSync(join(root, CONFS, "10-n.conf"), NETWORK);
    await until("it has", () => asked()[0] === 0);
    expect(fs.existsSync(join(root, CONFS, "00-plexus.conflist"))).toBe(true);
    expect(asked("unshare", "--pid", "--fork", "--mount-proc")).toEqual(nobody); // another container
    fs.writeFileSync(join(root, CONFS, "00-first.conf"), NETWORK);
    await until("the conf would not be used", () => `${asked()[1]}`.includes("cannot take over"));
  } finally {
    child.kill("SIGKILL");
  }
  await until("it has ended", () => asked()[1] === nobody[1]);
});
