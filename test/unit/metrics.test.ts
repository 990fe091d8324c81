// Metrics and health of the daemon, at real ports of this machine.
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Server, type Socket } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Clock, systemClock } from "../../launcher/clock.ts";
import { parseEndpoint } from "../../launcher/resident/endpoint.ts";
import { type Metrics, serveMetrics } from "../../launcher/resident/metrics.lazy.ts";
import type { Ended } from "../../launcher/resident/observer.ts";
import { until } from "../support/until.ts";

let isAlive: boolean;
let problem: string | undefined;
let warnings: string[];
let waits: number[];
let served: Metrics | undefined;
beforeEach(() => {
  [isAlive, problem, warnings, waits] = [true, undefined, [], []];
});
afterEach(() => {
  served?.close();
  served = undefined;
});

/** Serves, with waits that are short. */
function serve(host: string, port: number): void {
  const clock: Clock = {
    ...systemClock,
    sleep: (ms, signal) => {
      waits.push(ms);
      return systemClock.sleep(5, signal);
    },
  };
  const kind = { kind: "Pod", count: 3, lists: 1, watches: 2, ageSeconds: () => 1, isFollowed: () => true };
  const sources = {
    build: { version: "1.2.3", commit: "c", node: "24", core: "a", shim: "b" },
    reasons: ["plugin-error"],
    known: [{ ...kind, synced: true }],
    problem: async () => problem,
    running: () => 1,
    waiting: () => 0,
    slots: 8,
    connected: () => 2,
    connections: 1000,
    refused: () => 0,
    dropped: () => 0,
    tally: { fallbacks: () => ({ absent: 4 }), starts: () => 2, handovers: () => 1 },
    events: () => ({ sent: 0, failed: 0, dropped: 0 }),
    claims: () => ({ sent: 0, failed: 0, dropped: 0 }),
    isAlive: () => isAlive,
  };
  served = serveMetrics({ host, port }, sources, { clock, warn: (message) => warnings.push(message) });
}

/** A call that was answered. */
function call(more: Partial<Ended> = {}): Ended {
  return {
    verb: "ADD",
    containerId: "c",
    pod: undefined,
    trace: undefined,
    how: "answered",
    tookMs: 50,
    queuedMs: 20,
    pluginsMs: 10,
    networks: [],
    failed: [],
    failure: undefined,
    left: undefined,
    ...more,
  };
}

/** Another program at a port that nobody had. */
async function occupy(host: string): Promise<{ other: Server; port: number }> {
  const other = createServer().listen(0, host);
  await once(other, "listening");
  return { other, port: (other.address() as AddressInfo).port };
}

async function freePort(host: string): Promise<number> {
  const { other, port } = await occupy(host);
  await release(other);
  return port;
}

async function release(other: Server): Promise<void> {
  other.close();
  await once(other, "close");
}

/** Status and text of an answer, once there is one. */
async function asked(origin: string, path: string): Promise<[number, string]> {
  const response = await until("metrics are served", () => fetch(`http://${origin}${path}`));
  return [response.status, await response.text()];
}

describe("metrics and health", () => {
  test.each([
    ["127.0.0.1", "127.0.0.1"],
    ["::1", "[::1]"],
  ])("are served at %s, and at no other address", async (host, origin) => {
    const port = await freePort(host);
    serve(host, port);
    expect(await asked(`${origin}:${port}`, "/metrics")).toEqual([
      200,
      expect.stringContaining('plexus_cache_objects{kind="Pod"} 3'),
    ]);
    await expect(fetch(`http://127.0.0.2:${port}/healthz`)).rejects.toThrow("fetch failed");
  });

  test("say whether the core answers, and whether the cluster is known", async () => {
    const port = await freePort("127.0.0.1");
    const answers = async () => [
      await asked(`127.0.0.1:${port}`, "/healthz"),
      await asked(`127.0.0.1:${port}`, "/readyz"),
    ];
    serve("127.0.0.1", port);
    const ok = [200, "ok\n"];
    expect(await answers()).toEqual([ok, ok]);
    problem = "the API server is away";
    expect(await answers()).toEqual([ok, [503, "the API server is away\n"]]);
    isAlive = false;
    const dead = [503, "the core does not answer\n"];
    expect(await answers()).toEqual([dead, dead]);
    expect((await asked(`127.0.0.1:${port}`, "/other"))[0]).toBe(404);
  });

  test("wait for a port that another program has, say so, and are served when it is free", async () => {
    const { other, port } = await occupy("127.0.0.1");
    serve("127.0.0.1", port);
    served?.ended(call());
    await until("it has waited for the longest time", () => waits.includes(30_000));
    expect(waits.slice(0, 7)).toEqual(
      [1000, 2000, 4000, 8000, 16_000, 30_000, 30_000].slice(0, waits.length),
    );
    expect(warnings.slice(0, 2)).toEqual([
      `metrics and health at 127.0.0.1:${port} cannot be served: listen EADDRINUSE: address already in use ` +
        `127.0.0.1:${port}; end what listens there, or give another --metrics; tried again in 1 s`,
      expect.stringMatching(/tried again in 2 s$/),
    ]);
    await release(other);
    const [, text] = await asked(`127.0.0.1:${port}`, "/metrics");
    expect(text).toContain('plexus_calls_total{verb="ADD",how="answered"} 1');
    expect(warnings.at(-1)).toBe(`metrics and health at 127.0.0.1:${port}: served from now on`);
  });

  test("have a bounded number of series, whatever networks are called", async () => {
    const port = await freePort("::1");
    serve("::1", port);
    for (let count = 0; count < 1000; count++)
      served?.ended(call({ how: "failed", failed: [`net\n\u001b"${count}${"x".repeat(300)}`] }));
    const [, text] = await asked(`[::1]:${port}`, "/metrics");
    const lines = text.split("\n").filter((line) => line.startsWith("plexus_network_failures_total{"));
    expect(lines.length).toBe(101);
    expect(lines).toContain('plexus_network_failures_total{verb="ADD",network="other"} 900');
    expect(lines.filter((line) => line.length > 250 || /\p{Cc}/u.test(line))).toEqual([]);
  });

  test("tell calls by how they ended, by why they failed, and what they have waited for their turn", async () => {
    const port = await freePort("127.0.0.1");
    serve("127.0.0.1", port);
    served?.ended(call());
    const failure = { reason: "plugin-error", code: 101, message: "x" };
    served?.ended(call({ verb: "DEL", how: "failed", failure }));
    served?.ended(call({ verb: "x\n", how: "gone" }));
    const [, text] = await asked(`127.0.0.1:${port}`, "/metrics");
    for (const line of [
      'plexus_build_info{version="1.2.3",commit="c",node="24",core="a",shim="b"} 1',
      'plexus_calls_total{verb="ADD",how="answered"} 1',
      'plexus_calls_total{verb="GC",how="failed"} 0',
      'plexus_failures_total{verb="DEL",reason="plugin-error"} 1',
      'plexus_calls_total{verb="other",how="gone"} 1',
      'plexus_call_duration_seconds_sum{verb="ADD"} 0.05',
      'plexus_call_queue_seconds_sum{verb="ADD"} 0.02',
      'plexus_shim_fallbacks_total{reason="absent"} 4',
      "plexus_shim_starts_total 2",
      'plexus_cache_watches_total{kind="Pod"} 2',
    ])
      expect(text.split("\n")).toContain(line);
  });

  test("wait for an address that the node does not have yet", async () => {
    serve("192.0.2.1", 9410);
    await until("it has said so", () => warnings.length > 1);
    expect(warnings[0]).toBe(
      "metrics and health at 192.0.2.1:9410 cannot be served: this machine does not have that address; give one that it has " +
        "with --metrics; tried again in 1 s",
    );
  });

  test("are asked for no more if nobody wants them", async () => {
    const { other, port } = await occupy("127.0.0.1");
    serve("127.0.0.1", port);
    await until("it has said so", () => warnings.length > 0);
    served?.close();
    await release(other);
    const said = warnings.length;
    await systemClock.sleep(50);
    expect(warnings.length - said).toBeLessThan(2);
    await expect(fetch(`http://127.0.0.1:${port}/healthz`)).rejects.toThrow("fetch failed");
  });

  test("are there for a probe although somebody holds more connections than are taken", async () => {
    const port = await freePort("127.0.0.1");
    serve("127.0.0.1", port);
    await asked(`127.0.0.1:${port}`, "/healthz");
    const held: Socket[] = [];
    let ended = 0;
    try {
      for (let count = 0; count < 200; count++) {
        const socket = connect(port, "127.0.0.1");
        held.push(socket);
        socket.on("error", () => undefined).once("close", () => ended++);
        await once(socket, "connect");
        socket.write("GET /metrics HTTP/1.1\r\nHost: x\r\n");
      }
      expect(await asked(`127.0.0.1:${port}`, "/healthz")).toEqual([200, "ok\n"]);
      await until("the oldest are closed", () => ended >= 200 - 64);
      await until("those that never end their request are closed", () => ended === 200);
    } finally {
      for (const socket of held) socket.destroy();
    }
  });
});

describe("--metrics", () => {
  test.each([
    [":9410", "", 9410],
    ["10.0.0.1:9410", "10.0.0.1", 9410],
    ["[::1]:9410", "::1", 9410],
    ["[fd00::1]:9410", "fd00::1", 9410],
    ["fd00::1:9410", "fd00::1", 9410],
    ["fd00:0:0:0:0:0:0:1:9410", "fd00:0:0:0:0:0:0:1", 9410],
    ["fe80::1%eth0:9410", "fe80::1%eth0", 9410],
    ["node-1.example:0", "node-1.example", 0],
  ])("%s is %s and %i", (text, host, port) => expect(parseEndpoint(text)).toEqual({ host, port }));

  test.each([
    "",
    "9410",
    "x",
    "10.0.0.1",
    ":65536",
    ":-1",
    "::9410",
    "[10.0.0.1]:9410",
    "[x]:9410",
    "[::1]",
    "fd00::x:9410",
    "$(HOST_IP):9410",
    "a b:1",
    "http://10.0.0.1:9410",
  ])("%j is refused", (text) => expect(parseEndpoint(text)).toBeUndefined());
});
