// npm run soak: what a hundred thousand calls leave behind in the daemon. Pods come and go against a real API server, whose
// connections break, whose tokens are renewed, and which restarts. Memory, descriptors, threads and latency are noted for
// every thousand calls, at rest for every five thousand, and drawn. Fails if a call failed, or was not served by the daemon.
// Needs root.
//
//   npm run soak -- [--calls N] [--file FILE] [--svg FILE]
//
// So that it ends within the hour, most pods have networks of the plugin loopback; each twentieth has two real bridges.
import { randomBytes } from "node:crypto";
import * as fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { ApiException } from "@kubernetes/client-node";
import { ApiServer } from "../support/apiserver.ts";
import type { Conf, Container } from "../support/lab.ts";
import type { Outcome } from "../support/outcome.ts";
import { NETWORKS, type Sandbox, Site } from "../support/site.ts";
import { until } from "../support/until.ts";
import { plot, type Sample, tableOf } from "./soak-report.ts";
import { Troubles } from "./troubles.ts";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "100000" },
    file: { type: "string", default: "soak.jsonl" },
    svg: { type: "string" },
  },
});
let most = Number(values.calls);
if (!(most >= 1)) throw new Error(`--calls ${values.calls}: a number from 1 on is needed`);

// Who has seen enough gets what there is.
for (const name of ["SIGINT", "SIGTERM"] as const) {
  process.once(name, () => {
    most = 0;
  });
}

/** Pods that the node has, and calls at once. */
const [PODS, AT_ONCE] = [100, 12];
/** One pod in so many has bridges. */
const BRIDGES_EVERY = 20;
const [NOTE_EVERY, REST_EVERY] = [1000, 5000];
/** Of the CNI spec 1.1.0, section 5. */
const TRY_AGAIN_LATER = 11;
/** Until the daemon has given back what it does not need. */
const REST_MS = 8000;

interface Living {
  pod: Sandbox;
  conf: Conf;
}

/** Since the last sample. */
const fresh = (cpu = cpuMs()) => ({ adds: [] as number[], dels: [] as number[], cpuMs: cpu });
let since = fresh(0);
const living: Living[] = [];
const failures: string[] = [];
const begun = performance.now();
let [calls, working, made, unready] = [0, 0, 0, 0];
let [noted, nextNote, nextRest] = [0, NOTE_EVERY, NOTE_EVERY];
let resting: Promise<void> | undefined;

const api = await ApiServer.start();
const troubles = await Troubles.open(api);
const site = await Site.open(api);
const daemon = await site.lab.reside();
try {
  await daemon.stop();
  const { kubeconfig } = troubles;
  await daemon.start(["daemon", "--node-name", "node", "--kubeconfig", kubeconfig]);
  const quick = { cniVersion: "1.0.0", type: "loopback" };
  const loopback = site.lab.file("20-quick.conf", { ...quick, name: "quick" });
  await site.nad("quick", { ...quick, name: "other-quick" });
  await site.nad("bridge", site.lab.bridge("other", 1));
  const confs = {
    quick: site.conf({ kubeconfig, clusterNetwork: loopback }),
    bridge: site.conf({ kubeconfig }),
  };
  const free: Container[] = [];
  for (let index = 0; index < PODS + AT_ONCE; index++) free.push(await site.lab.container());
  since = fresh();
  fs.rmSync(values.file, { force: true });
  troubles.begin();
  await Promise.all(Array.from({ length: AT_ONCE }, () => work(confs, free)));
  await (resting ?? rest());
  console.log(tableOf(samples()));
} finally {
  await troubles.end();
  await site.close();
  await api.stop();
}
if (failures.length > 0) process.exitCode = 1;

function samples(): Sample[] {
  const lines = fs.readFileSync(values.file, "utf8").trim().split("\n");
  return lines.map((line): Sample => JSON.parse(line));
}

function draw(): void {
  if (values.svg !== undefined) fs.writeFileSync(values.svg, plot(samples()));
}

/** One pod comes, and where there are enough, the oldest goes. */
async function work(confs: Record<"quick" | "bridge", Conf>, free: Container[]): Promise<void> {
  while (calls < most) {
    await resting;
    working++;
    const kind = made++ % BRIDGES_EVERY === 0 ? "bridge" : "quick";
    const netns = free.pop()?.netns ?? "";
    const pod = await createPod(kind, { id: randomBytes(32).toString("hex"), netns });
    const one = { pod, conf: confs[kind] };
    const added = await call("ADD", one);
    since.adds.push(added.took);
    if (added.isServed) {
      living.push(one);
      await call("CHECK", one);
    } else await retire(one, free);
    await call("STATUS", one);
    if (living.length > PODS) await retire(living.shift(), free);
    working--;
    if (calls >= nextNote) note();
    if (calls >= nextRest) resting ??= rest();
  }
}

async function retire(one: Living | undefined, free: Container[]): Promise<void> {
  if (!one) return;
  since.dels.push((await call("DEL", one)).took);
  free.push(one.pod.container);
  await asked(() => site.deletePod(one.pod).catch(unlessGone));
}

/** As a runtime does it, while no other call runs: all that it knows live. */
async function collect(): Promise<void> {
  const [one] = living;
  if (!one) return;
  const attachments = living.map(({ pod }) => ({ containerID: pod.container.id, ifname: "eth0" }));
  await call("GC", { ...one, conf: { ...one.conf, "cni.dev/valid-attachments": attachments } });
}

/** Carries out a call, for so many milliseconds. */
async function call(verb: string, { pod, conf }: Living): Promise<{ isServed: boolean; took: number }> {
  const wasDown = troubles.isDown;
  const before = performance.now();
  const outcome = await site.run(verb, pod, conf);
  const took = performance.now() - before;
  calls++;
  if (isServed(outcome)) return { isServed: true, took };
  // While the API server is down a node is not ready, and an ADD waits for half a minute: both are to say so.
  const isSaid = outcome.stderr === "" && (verb === "STATUS" || outcome.answer.code === TRY_AGAIN_LATER);
  if (isSaid && (wasDown || troubles.isDown)) unready++;
  else {
    failures.push(`${verb}: ${outcome.stdout}${outcome.stderr}`);
    console.error(`after ${calls} calls: ${failures.at(-1)?.slice(0, 500)}`);
  }
  return { isServed: false, took };
}

function isServed({ exitCode, stderr }: Outcome): boolean {
  return exitCode === 0 && stderr === "";
}

async function createPod(network: string, container: Container): Promise<Sandbox> {
  const { namespace } = site;
  const { metadata } = await asked(() => {
    const name = `pod-${randomBytes(6).toString("hex")}`; // one whose answer was lost may be there
    const spec = { nodeName: "node", containers: [{ name: "c", image: "none" }] };
    const body = { metadata: { name, annotations: { [NETWORKS]: network } }, spec };
    return api.core.createNamespacedPod({ namespace, body });
  });
  return { namespace, name: metadata?.name ?? "", uid: metadata?.uid ?? "", container };
}

/** What the soak itself asks of the API server, while that restarts too. */
async function asked<T>(request: () => Promise<T>): Promise<T> {
  return until("the API server has answered the soak", async () => {
    await troubles.serves;
    return { answer: await request() };
  }).then(({ answer }) => answer);
}

function unlessGone(error: unknown): void {
  if (!(error instanceof ApiException && error.code === 404)) throw error;
}

/** No calls for a while: what the daemon has then, it keeps. */
async function rest(): Promise<void> {
  nextRest = (Math.floor(calls / REST_EVERY) + 1) * REST_EVERY;
  await until("the calls that run have ended", () => working === 0);
  await collect();
  await sleep(REST_MS);
  note(true);
  draw();
  resting = undefined;
}

/** Appends a sample to the file. */
function note(isAtRest = false): void {
  const { adds, dels } = since;
  const cpu = cpuMs();
  for (const some of [adds, dels]) some.sort((a, b) => a - b);
  const at = (part: number, some = adds) => some[Math.min(some.length - 1, Math.floor(some.length * part))];
  const proc = `/proc/${daemon.pid}`;
  const latency = { addMs: at(0.5), add99Ms: at(0.99), longestMs: at(1), delMs: at(0.5, dels) };
  const sample: Sample = {
    calls,
    minutes: (performance.now() - begun) / 60_000,
    isAtRest,
    rssMB: memory(proc, "VmRSS"),
    anonymousMB: memory(proc, "RssAnon"),
    descriptors: fs.readdirSync(`${proc}/fd`).length,
    threads: fs.readdirSync(`${proc}/task`).length,
    cpuMs: (cpu - since.cpuMs) / Math.max(1, calls - noted),
    ...(isAtRest ? {} : latency),
    failed: failures.length,
    unready,
    ...troubles.counts,
  };
  fs.appendFileSync(values.file, `${JSON.stringify(sample)}\n`);
  noted = calls;
  nextNote = (Math.floor(calls / NOTE_EVERY) + 1) * NOTE_EVERY;
  since = fresh();
}

function memory(proc: string, what: string): number {
  const text = fs.readFileSync(`${proc}/status`, "utf8");
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? Number.NaN) / 1024;
}

/** What the daemon has used of the processors since its start, in milliseconds. The kernel's clock ticks 100 times a second. */
function cpuMs(): number {
  const fields = fs.readFileSync(`/proc/${daemon.pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * 10;
}
