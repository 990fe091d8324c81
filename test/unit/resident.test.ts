// `plexus resident` and `plexus daemon` end by themselves.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { binary } from "../support/binary.ts";
import { until } from "../support/until.ts";

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-idle-"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

test("a resident process that nobody calls ends after --idle seconds, and takes its socket away", async () => {
  const socket = join(dir, "plexus.sock");
  const child = spawn(binary, ["resident", "--socket", socket, "--idle", "2"], { env: {}, stdio: "ignore" });
  const ended = { code: undefined as number | null | undefined };
  child.once("exit", (code) => {
    ended.code = code;
  });
  try {
    await until("it listens", () => fs.existsSync(socket));
    expect(ended.code).toBeUndefined();
    await until("it has ended", () => ended.code !== undefined, 20);
    expect(ended.code).toBe(0);
    expect(fs.readdirSync(dir)).toEqual([]);
  } finally {
    child.kill("SIGKILL");
  }
});

test("a daemon whose socket is gone says so and ends with 1, so that the kubelet starts it again", async () => {
  const [socket, kubeconfig] = [join(dir, "plexus.sock"), join(dir, "kubeconfig")];
  const config = {
    "current-context": "a",
    contexts: [{ name: "a", context: { cluster: "a", user: "a" } }],
    clusters: [{ name: "a", cluster: { server: "https://127.0.0.1:1", "insecure-skip-tls-verify": true } }],
    users: [{ name: "a", user: { token: "t" } }],
  };
  fs.writeFileSync(kubeconfig, JSON.stringify(config), { mode: 0o600 });
  const args = ["daemon", "--node-name", "n", "--kubeconfig", kubeconfig, "--socket", socket];
  const child = spawn(binary, args, { env: {}, stdio: ["ignore", "ignore", "pipe"] });
  let [said, code] = ["", undefined as number | null | undefined];
  child.stderr.on("data", (chunk) => {
    said += chunk;
  });
  child.once("exit", (status) => {
    code = status;
  });
  try {
    await until("it listens", () => fs.existsSync(socket));
    fs.unlinkSync(socket);
    await until("it has ended", () => code !== undefined, 20);
    expect([code, said]).toEqual([1, expect.stringContaining(`somebody has replaced or removed ${socket}`)]);
  } finally {
    child.kill("SIGKILL");
  }
});
