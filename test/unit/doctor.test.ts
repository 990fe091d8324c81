// `plexus doctor` on a node where tenants' processes run: it is root there.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import * as fs from "node:fs";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import type { Node } from "../../launcher/cli/doctor/node.ts";
import { resident } from "../../launcher/cli/doctor/process.ts";
import { run } from "../../launcher/cli/doctor/run.ts";
import { listenForRoot } from "../../launcher/resident/socket.ts";
import { until } from "../support/until.ts";

vi.mock("../../launcher/cli/doctor/run.ts", { spy: true });

let dir: string;
let socket: string;
let server: Server;
let tenant: ChildProcess | undefined;
beforeEach(async () => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-doctor-"));
  socket = join(dir, "plexus.sock");
  server = createServer((connection) => connection.destroy());
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  fs.chmodSync(socket, 0o600);
});
afterEach(() => {
  tenant?.kill("SIGKILL");
  server.close();
  fs.rmSync(dir, { recursive: true });
});

const node = (): Node => ({
  confDir: dir,
  binDir: dir,
  cniDir: dir,
  kubeconfig: "",
  names: [],
  own: { path: join(dir, "00-plexus.conflist"), text: "{}", settings: undefined, why: "" },
  shimPath: join(dir, "plexus-shim"),
  shim: async () => ({ mode: "resident", socket, lines: [] }),
});

test("doctor executes no program of a process that only calls itself plexus daemon", async () => {
  tenant = spawn(process.execPath, ["-e", "setTimeout(() => {}, 60000)", "daemon"], { argv0: "plexus" });
  await new Promise((resolve) => tenant?.once("spawn", resolve));
  fs.writeFileSync(join(dir, "plexus"), "what install has put there");
  const lines = await resident(node());
  expect(lines).not.toEqual([]);
  expect(vi.mocked(run).mock.calls.filter(([path]) => path.startsWith("/proc/"))).toEqual([]);
});

test("doctor --fix makes no link's target writable, or readable, that has taken the socket's place", async () => {
  fs.chmodSync(dir, 0o777);
  fs.chmodSync(socket, 0o777);
  const lines = await resident(node());
  const fixes = lines.flatMap(({ fix }) => (fix ? [fix] : []));
  expect(fixes).toHaveLength(2);
  const secret = join(dir, "secret");
  fs.writeFileSync(secret, "", { mode: 0o600 });
  fs.rmSync(socket);
  fs.symlinkSync(secret, socket);
  expect(fixes[0]?.()).toBe(`chmod 0755 ${dir}`);
  expect(() => fixes[1]?.()).toThrow("is another one by now");
  expect(fs.statSync(secret).mode & 0o777).toBe(0o600);
});

/** Leaves a socket at which nobody listens any more. */
async function abandon(): Promise<void> {
  fs.renameSync(socket, `${socket}.kept`); // node removes it by its name
  await new Promise((resolve) => server.close(resolve));
  fs.renameSync(`${socket}.kept`, socket);
}

test("doctor --fix removes a socket at which nobody has listened for a minute, and no younger one", async () => {
  await abandon();
  expect(await resident(node())).toMatchObject([{ level: "FAIL", remedy: "see the daemon's log" }]);
  vi.useFakeTimers({ now: Date.now() + 120_000, toFake: ["Date"] });
  try {
    const [line] = await resident(node());
    expect(line).toMatchObject({ level: "FAIL", remedy: expect.stringContaining(`rm ${socket}`) });
    expect(await line?.fix?.()).toBe(`rm ${socket}`);
    expect(fs.existsSync(socket)).toBe(false);
  } finally {
    vi.useRealTimers();
  }
});

test("doctor --fix leaves a socket at which somebody listens by now", async () => {
  await abandon();
  vi.useFakeTimers({ now: Date.now() + 120_000, toFake: ["Date"] });
  try {
    const [line] = await resident(node());
    fs.rmSync(socket);
    server = createServer((connection) => connection.destroy());
    await new Promise<void>((resolve) => server.listen(socket, resolve));
    expect(await line?.fix?.()).toBe("nothing: somebody listens by now");
    expect(fs.existsSync(socket)).toBe(true);
  } finally {
    vi.useRealTimers();
  }
});

test("whether the process behind the socket is of the installed build is told by its executable's bytes", async () => {
  fs.writeFileSync(join(dir, "plexus"), "another build");
  expect(await resident(node())).toContainEqual(
    expect.objectContaining({
      level: "FAIL",
      of: "process",
      found: expect.stringContaining(`${process.execPath}, listens at ${socket}, and is not Plexus`),
    }),
  );
  fs.rmSync(join(dir, "plexus"));
  fs.symlinkSync(process.execPath, join(dir, "plexus"));
  expect(await resident(node())).toContainEqual(
    expect.objectContaining({
      level: "ok",
      of: "process",
      found: `process ${process.pid} serves, and is ${join(dir, "plexus")}`,
    }),
  );
  fs.rmSync(join(dir, "plexus"));
  fs.writeFileSync(join(dir, "plexus"), "another build");
  const older = join(dir, "plexus-of-before");
  fs.copyFileSync(process.execPath, older);
  await new Promise((resolve) => server.close(resolve));
  tenant = spawn(older, ["-e", `require("net").createServer().listen(${JSON.stringify(socket)})`]);
  await until("the other build listens", () => fs.existsSync(socket));
  fs.chmodSync(socket, 0o600);
  expect(await resident(node())).toContainEqual(
    expect.objectContaining({
      level: "warn",
      of: "process",
      found: expect.stringContaining("another build than"),
    }),
  );
});

test("the process is found at a socket that was renamed after it was bound, also if the one that it replaced still runs", async () => {
  fs.symlinkSync(process.execPath, join(dir, "plexus"));
  await new Promise((resolve) => server.close(resolve));
  const older = createServer((connection) => connection.destroy());
  older.listen(socket);
  await once(older, "listening");
  try {
    server = createServer();
    await listenForRoot(server, socket);
    const script = `require("net").createServer().listen("${socket}.1", () =>
      require("fs").renameSync("${socket}.1", "${socket}"))`;
    const before = fs.statSync(socket).ino;
    expect(await resident(node())).toContainEqual(
      expect.objectContaining({ found: `process ${process.pid} serves, and is ${join(dir, "plexus")}` }),
    );
    const started = spawn(process.execPath, ["-e", script]);
    tenant = started;
    await until("another process has the socket", () => fs.statSync(socket).ino !== before);
    fs.chmodSync(socket, 0o600);
    expect(await resident(node())).toContainEqual(
      expect.objectContaining({ found: `process ${started.pid} serves, and is ${join(dir, "plexus")}` }),
    );
  } finally {
    older.close();
  }
});

test("a directory in the socket's place is not to be removed with all that is in it", async () => {
  server.close();
  fs.rmSync(socket, { force: true });
  fs.mkdirSync(socket);
  expect(await resident(node())).toMatchObject([
    { level: "FAIL", remedy: expect.stringContaining(`rmdir ${socket}`) },
  ]);
});
