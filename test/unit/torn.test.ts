// Files of attachments in which a loss of power has left anything: whose they are, their names say.
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { listAttachments } from "../../launcher/attach/inventory.ts";
import { localHost } from "../../launcher/host/local.ts";
import { State } from "../../launcher/state/state.ts";
import { loadCore } from "../support/core.ts";

const core = loadCore();
let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-torn-"));
  fs.mkdirSync(join(dir, "results"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

const SANDBOX = "0a".repeat(32);
const TORN = ["", "\0".repeat(300), "x", '{"kind": "cni', "{}", '[{"Conf', "null"];

const write = (name: string, text: string) => fs.writeFileSync(join(dir, name), text);

async function listed() {
  const all = await listAttachments({ core, host: localHost, state: new State(localHost, dir) });
  return all.map(({ containerId, files, state }) => ({ containerId, files, state }));
}

test.each(TORN)("both files of an attachment are listed as unreadable: %#", async (text) => {
  for (const [id, network] of [
    [SANDBOX, "my-net"],
    ["c1", "net"],
    ["my-pod", "net"],
  ] as const) {
    const [scratch, cache] = [id, `results/${network}-${id}-eth0`];
    write(scratch, text);
    write(cache, text);
    expect(await listed()).toEqual(
      [cache, scratch].map((name) => ({
        containerId: id,
        files: [join(dir, name)],
        state: "unreadable",
      })),
    );
    for (const name of [scratch, cache]) fs.rmSync(join(dir, name));
  }
});

test.each(TORN)("either file alone is listed, also if its container cannot be told: %#", async (text) => {
  write(SANDBOX, text);
  write("results/net-c1-eth0", text);
  write("results/my-net-c2-eth0", text);
  expect(await listed()).toEqual([
    { containerId: SANDBOX, files: [join(dir, SANDBOX)], state: "unreadable" },
    { containerId: "c1", files: [join(dir, "results/net-c1-eth0")], state: "unreadable" },
    { containerId: "", files: [join(dir, "results/my-net-c2-eth0")], state: "unreadable" },
  ]);
});

test("a file that is not Plexus's, and is not named as a container's, is left alone", async () => {
  write("README", "these are Multus's files");
  write("settings.json", "{}");
  expect(await listed()).toEqual([]);
});
