// Multus's endpoint as a socket: who has it, and what becomes of it. What is asked there is kube/delegate.
import * as fs from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { systemClock } from "../../launcher/clock.ts";
import { type MultusOptions, MultusSocket } from "../../launcher/resident/multus.ts";
import { listenForRoot } from "../../launcher/resident/socket.ts";
import { until } from "../support/until.ts";

let dir: string;
let path: string;
let warnings: string[];
let multus: MultusSocket;
/** What does a request: nobody, until a test says who. */
let answer: MultusOptions["delegating"]["answer"];

beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-multus-"));
  path = join(dir, "multus/multus.sock");
  warnings = [];
  answer = async () => ({ status: 200, text: "" });
  multus = new MultusSocket({
    path,
    clock: systemClock,
    delegating: { isReady: true, answer: (...given) => answer(...given) },
    warn: (message) => warnings.push(message),
  });
});
afterEach(() => {
  multus.close();
  fs.rmSync(dir, { recursive: true, force: true });
});

const answered = () =>
  new Promise<number>((resolve) => {
    const asked = request({ socketPath: path, path: "/readyz", agent: false }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    asked.on("error", () => resolve(0));
    asked.end();
  });
const isServed = async () => (await answered()) === 200;

test("it is root's alone from the first moment on, and files that others make meanwhile are as they want them", async () => {
  const server = createServer();
  const before = process.umask();
  const listening = listenForRoot(server, join(dir, "one.sock"));
  expect(process.umask()).toBe(before);
  const [name = ""] = fs.readdirSync(dir);
  expect(fs.statSync(join(dir, name)).mode & 0o777).toBe(0o600);
  await listening;
  expect(fs.readdirSync(dir)).toEqual(["one.sock"]);
  await new Promise((resolve) => server.close(resolve));
});

test("it is served again when one that has taken it, as Multus's daemon does when it is started, is gone", async () => {
  const serving = multus.serve();
  await until("it is served", isServed);
  fs.rmSync(path);
  const other = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve) => other.listen(path, resolve));
  await until("it has noticed", () => warnings.length === 2);
  expect(warnings).toEqual([
    `${path}: somebody has replaced or removed it; it is served again when nobody else listens there`,
    expect.stringContaining(
      "another process listens there, such as Multus's daemon; end that one; it is tried again",
    ),
  ]);
  await new Promise((resolve) => other.close(resolve));
  await until("it is served again", isServed);
  expect(warnings.slice(2)).toEqual([`${path}: served from now on`]);
  multus.close();
  await serving;
  expect(fs.readdirSync(join(dir, "multus"))).toEqual([]);
});

test("one that is closed before it listens leaves no socket", async () => {
  const serving = multus.serve();
  multus.close();
  await serving;
  expect(fs.readdirSync(dir, { recursive: true })).toEqual(["multus"]);
  expect(await answered()).toBe(0);
});

test("who does a request learns that its client has gone", async () => {
  const seen: AbortSignal[] = [];
  answer = (_body, gone) => {
    seen.push(gone);
    return new Promise(() => undefined);
  };
  const serving = multus.serve();
  await until("it is served", isServed);
  const asked = request({ socketPath: path, path: "/delegate", method: "POST", agent: false });
  asked.on("error", () => undefined).end("{}");
  await until("the request is being done", () => seen.length === 1);
  expect(seen[0]?.aborted).toBe(false);
  asked.destroy();
  await until("its client has gone", () => seen[0]?.aborted ?? false);
  multus.close();
  await serving;
});
