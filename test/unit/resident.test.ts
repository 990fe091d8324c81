// `plexus resident` and `plexus daemon` end by themselves.
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { FrameReader, FromShim, frame, PROTOCOL, ToShim } from "../../launcher/host/frames.ts";
import { binary } from "../support/binary.ts";
import { until } from "../support/until.ts";

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-idle-"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

/** A process of the binary: what it says on stderr, and its exit code once it has ended and all that it has said is there. */
function started(args: string[], descriptors: number[] = []) {
  const child = spawn(binary, args, { env: {}, stdio: ["ignore", "ignore", "pipe", ...descriptors] });
  const own = { child, said: "", code: undefined as number | null | undefined };
  child.stderr?.on("data", (chunk) => {
    own.said += chunk;
  });
  child.once("close", (code) => {
    own.code = code;
  });
  return own;
}

test("a resident process that nobody calls ends after --idle seconds, and takes its socket away", async () => {
  const socket = join(dir, "plexus.sock");
  const own = started(["resident", "--socket", socket, "--idle", "2"]);
  try {
    await until("it listens", () => fs.existsSync(socket));
    expect(own.code).toBeUndefined();
    await until("it has ended", () => own.code !== undefined, 20);
    expect(own.code).toBe(0);
    expect(fs.readdirSync(dir)).toEqual([]);
  } finally {
    own.child.kill("SIGKILL");
  }
});

/** Makes a call as a shim does, and answers nothing of what the process asks for: the types of the frames that come. */
async function callAt(socket: string): Promise<number[]> {
  const types: number[] = [];
  const conf = { cniVersion: "1.1.0", name: "n", type: "plexus", delegates: [{ type: "bridge" }] };
  const shim = connect(socket);
  shim.on("error", () => undefined);
  const reader = new FrameReader();
  shim.on("data", (chunk: Buffer) => {
    for (const { type } of reader.push(chunk)) types.push(type);
  });
  const variables = [
    "CNI_COMMAND=ADD",
    "CNI_CONTAINERID=c",
    "CNI_NETNS=/n",
    "CNI_IFNAME=eth0",
    "CNI_PATH=/b",
  ];
  shim.write(frame(FromShim.call, 0, PROTOCOL, "0.1.0", variables, Buffer.from(JSON.stringify(conf))));
  await until("the call is being carried out", () => types.some((type) => type !== ToShim.accept));
  return types;
}

test("a process that has lost its socket leaves its calls to plexus when it is asked to end", async () => {
  const socket = join(dir, "plexus.sock");
  const own = started(["resident", "--socket", socket]);
  try {
    await until("it listens", () => fs.existsSync(socket));
    const types = await callAt(socket);
    fs.unlinkSync(socket);
    await until("it has noticed", () => own.said.includes("another process has the socket"), 20);
    own.child.kill("SIGTERM");
    await until("the call is left to plexus", () => types.includes(ToShim.fallBack), 60);
    await until("it has ended", () => own.code !== undefined);
    expect(own.code).toBe(0);
  } finally {
    own.child.kill("SIGKILL");
  }
});

test("a process whose socket was replaced before it served ends, and leaves the other one's alone", async () => {
  const [socket, lock] = [join(dir, "plexus.sock"), join(dir, "lock")];
  const [made, other] = [createServer(), createServer()];
  const listening = (server: Server, path: string) => new Promise<void>((done) => server.listen(path, done));
  await listening(made, socket);
  fs.writeFileSync(lock, `1 1 ${fs.statSync(socket).ino}\n`);
  await listening(other, `${socket}.other`);
  fs.renameSync(`${socket}.other`, socket);
  const { fd } = (made as unknown as { _handle: { fd: number } })._handle;
  const note = fs.openSync(lock, "r+");
  const own = started(["resident", "--socket", socket, "--started-by-shim"], [fd, note]);
  try {
    await until("it has ended", () => own.code !== undefined, 20);
    expect([own.code, fs.existsSync(socket)]).toEqual([0, true]);
  } finally {
    own.child.kill("SIGKILL");
    fs.closeSync(note);
    for (const server of [made, other]) server.close();
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
  const own = started(args);
  try {
    await until("it listens", () => fs.existsSync(socket));
    fs.unlinkSync(socket);
    await until("it has ended", () => own.code !== undefined, 20);
    expect([own.code, own.said]).toEqual([
      1,
      expect.stringContaining(`somebody has replaced or removed ${socket}`),
    ]);
  } finally {
    own.child.kill("SIGKILL");
  }
});
