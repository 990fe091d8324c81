// npm run soak:hostile: the daemon beside hostile tenants, against a real API server. Pods with two networks come and go all the
// time, while a tenant asks for the worst that an API server takes. Prints the daemon's memory, and what becomes of the pods,
// for each interval. Fails if one of them failed, or was not served by the daemon. Needs root.
//
//   npm run soak:hostile -- [--minutes N] [--seconds-an-interval N]
import * as fs from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { ApiServer } from "../support/apiserver.ts";
import { type Attack, attacks, largeResult } from "../support/hostile.ts";
import type { Conf } from "../support/lab.ts";
import type { Outcome } from "../support/outcome.ts";
import { type Sandbox, Site } from "../support/site.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    "seconds-an-interval": { type: "string", default: "60" },
  },
});
const [minutes, intervalS] = [Number(values.minutes), Number(values["seconds-an-interval"])];
if (!(minutes > 0 && intervalS > 0))
  throw new Error("--minutes and --seconds-an-interval are numbers above 0");

/** What has happened in an interval. */
interface Interval {
  /** Milliseconds of each normal pod's ADD. */
  adds: number[];
  /** ADDs and DELs of normal pods that failed, or that the daemon did not serve. */
  failures: string[];
  attached: number;
  refused: number;
}

/** Pods of others at the same time. */
const NORMAL_PODS = 2;
const begun = performance.now();
const isOver = () => performance.now() - begun > minutes * 60_000;
const fresh = (): Interval => ({ adds: [], failures: [], attached: 0, refused: 0 });
let interval = fresh();

const api = await ApiServer.start("any");
const site = await Site.open(api);
const daemon = await site.lab.reside();
try {
  await daemon.stop();
  await daemon.start(["daemon", "--node-name", "node", "--kubeconfig", api.kubeconfig("admin")]);
  site.lab.fake("fake-any");
  fs.writeFileSync(join(site.lab.dir, "large-result"), largeResult(256));
  site.lab.fake("fake-large", { ADD: "cat $dir/large-result" });
  await site.nad("other", site.lab.bridge("other", 1));
  const conf = site.conf(); // written once, as nobody is to read half of a file
  const tenant = await tenants();
  console.log(
    "|  min | anon MB | daemon MB | peak MB | pods | ADD median ms | longest ms | failed | tenant: attached | refused |\n" +
      "| ---: | ------: | --------: | ------: | ---: | ------------: | ---------: | -----: | ---------------: | ------: |",
  );
  const report = setInterval(() => row(), intervalS * 1000);
  const worked = [...Array.from({ length: NORMAL_PODS }, () => normalPods(conf)), tenantPods(tenant, conf)];
  try {
    await Promise.all(worked);
  } finally {
    clearInterval(report);
  }
  row();
} finally {
  await site.close();
  await api.stop();
}

/** A namespace for each attack: name -> attack. */
async function tenants(): Promise<[string, Attack][]> {
  const result = { nads: { a: '{"cniVersion":"1.0.0","type":"fake-large"}' }, networks: "a" };
  const all = [...Object.values(attacks("fake-any")), result];
  const named = all.map((attack, index): [string, Attack] => [`${site.namespace}-tenant-${index}`, attack]);
  for (const [namespace] of named) await site.createNamespace(namespace);
  return named;
}

async function normalPods(conf: Conf): Promise<void> {
  while (!isOver()) {
    const pod = await site.pod("other");
    const before = performance.now();
    note(await site.run("ADD", pod, conf));
    interval.adds.push(performance.now() - before);
    note(await site.run("DEL", pod, conf));
    await remove(pod);
  }
}

function note({ exitCode, stdout, stderr }: Outcome): void {
  if (exitCode === 0 && stderr === "") return;
  interval.failures.push(`${stdout}${stderr}`);
  process.exitCode = 1;
}

/** One attack after the other. Its networks are made anew each time, as the daemon follows them. */
async function tenantPods(tenant: [string, Attack][], conf: Conf): Promise<void> {
  for (let turn = 0; !isOver(); turn++) {
    const [namespace = "", attack] = tenant[turn % tenant.length] ?? [];
    if (!attack) return;
    const { nads, networks } = attack;
    for (const [name, config] of Object.entries(nads)) await site.nad(name, config, { namespace });
    const pod = await site.pod(networks, { namespace });
    const { exitCode } = await site.run("ADD", pod, conf);
    interval[exitCode === 0 ? "attached" : "refused"]++;
    await site.run("DEL", pod, conf);
    await remove(pod);
    for (const name of Object.keys(nads)) {
      const [apiVersion, kind] = ["k8s.cni.cncf.io/v1", "NetworkAttachmentDefinition"];
      await api.admin.delete({ apiVersion, kind, metadata: { name, namespace } });
    }
    fs.rmSync(join(site.lab.dir, "calls-fake-any"), { force: true }); // of which it keeps a megabyte each time
  }
}

async function remove(pod: Sandbox): Promise<void> {
  await site.deletePod(pod);
  await site.lab.kill(pod.container);
}

function row(): void {
  const { adds, failures, attached, refused } = interval;
  interval = fresh();
  adds.sort((a, b) => a - b);
  const ms = (value = Number.NaN) => value.toFixed(0);
  const cells = [
    ((performance.now() - begun) / 60_000).toFixed(1).padStart(4),
    ms(memory("RssAnon")).padStart(7),
    ms(memory("VmRSS")).padStart(9),
    ms(memory("VmHWM")).padStart(7),
    `${adds.length}`.padStart(4),
    ms(adds[adds.length >> 1]).padStart(13),
    ms(adds.at(-1)).padStart(10),
    `${failures.length}`.padStart(6),
    `${attached}`.padStart(16),
    `${refused}`.padStart(7),
  ];
  console.log(`| ${cells.join(" | ")} |`);
  for (const failure of failures.slice(0, 3)) console.error(failure.slice(0, 500));
}

/** In MB. */
function memory(what: string): number {
  const text = fs.readFileSync(`/proc/${daemon.pid}/status`, "utf8");
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB`, "m").exec(text)?.[1] ?? Number.NaN) / 1024;
}
