// The delegates: CNI plugins that act on the node in memory, each act a step of a process of their own.
// Source: CNI spec 1.1.0; containernetworking/plugins, whose behaviour on errors they have.
import type { Reservation } from "./ipam.ts";
import type { Machine } from "./machine.ts";
import type { Owner, RuntimeCall } from "./network.ts";
import type { Process } from "./process.ts";

/** What a plugin answers with an error object. */
export class PluginError extends Error {
  constructor(
    readonly code: number,
    message: string,
  ) {
    super(message);
  }
}

interface Result {
  cniVersion: string;
  interfaces: { name: string; mac?: string; sandbox?: string }[];
  ips: { address: string; interface?: number; gateway?: string }[];
  routes?: { dst: string; gw?: string }[];
}

export interface Conf {
  cniVersion: string;
  name: string;
  type: string;
  ipam?: { type: string };
  prevResult?: Result;
  runtimeConfig?: { mac?: string };
  args?: { cni?: { colour?: string } };
  "cni.dev/valid-attachments"?: { containerID: string; ifname: string }[];
}

/** One execution of a plugin. */
export interface Run {
  machine: Machine;
  process: Process;
  /** The runtime's call that it is for. */
  call: RuntimeCall;
  env: Record<string, string>;
  conf: Conf;
  /** Does something to the node. */
  act<T>(what: string, work: () => T): Promise<T>;
  isOrphan(): boolean;
}

type Verbs = Partial<Record<string, (run: Run) => Promise<unknown>>>;

/** What each plugin does for each verb; what it returns is printed. */
export const PLUGINS: Record<string, Verbs> = {
  bridge: { ADD: addLink, DEL: delLink, CHECK: checkLink, GC: collect, STATUS: nothing },
  macvlan: { ADD: addLink, DEL: delLink, CHECK: checkLink, GC: collect, STATUS: nothing },
  "host-local": { ADD: addAddress, DEL: delAddress, CHECK: nothing, GC: collect, STATUS: nothing },
  strict: { ADD: refuse, DEL: refuse, CHECK: refuse, GC: nothing, STATUS: nothing },
  tuning: { ADD: tune, DEL: nothing, CHECK: nothing, GC: nothing, STATUS: nothing },
  portmap: { ADD: mapPorts, DEL: unmapPorts, CHECK: nothing, GC: collectRules, STATUS: nothing },
};

/** Runs a plugin; what it prints. Throws a PluginError where it fails. */
export async function runPlugin(type: string, run: Run): Promise<string> {
  const verb = PLUGINS[type]?.[run.env.CNI_COMMAND ?? ""];
  if (verb === undefined) throw new PluginError(4, `unknown CNI_COMMAND: ${run.env.CNI_COMMAND}`);
  const result = await verb(run);
  return result === undefined ? "" : JSON.stringify(result);
}

/** A plugin that reads its conf before all else, and does not like it: for DEL neither. */
async function refuse(run: Run): Promise<void> {
  await run.act("refuse the conf", () => {
    run.machine.hasRefused = true;
    run.machine.troubles.isLasting = true;
    run.machine.troubles.node();
    throw new PluginError(7, "the conf is refused");
  });
}

async function nothing(): Promise<void> {}

function namesOf({ env }: Run) {
  const { CNI_CONTAINERID: containerId = "", CNI_IFNAME: ifname = "", CNI_NETNS: netns = "" } = env;
  return { containerId, ifname, netns };
}

function ownerOf({ call, isOrphan }: Run): Owner {
  return { containerId: call.containerId, ifname: call.ifname, isOrphan: isOrphan() };
}

/** As bridge and macvlan: on an error after the link was made, the link stays. */
async function addLink(run: Run): Promise<Result> {
  const { machine, conf } = run;
  const { containerId, ifname, netns } = namesOf(run);
  const link = await run.act(`make link ${ifname} in ${netns}`, () => {
    const namespace = machine.network.namespaces.get(netns);
    if (namespace === undefined) throw new PluginError(3, `failed to open netns "${netns}": no such file`);
    if (namespace.links.has(ifname)) throw new PluginError(999, `"${ifname}" already exists in ${netns}`);
    const made = {
      owner: ownerOf(run),
      network: conf.name,
      mac: conf.runtimeConfig?.mac ?? machine.network.mac(),
      mtu: 1500,
      isUp: false,
      addresses: [] as string[],
      askedMac: conf.runtimeConfig?.mac,
      colour: conf.args?.cni?.colour,
    };
    namespace.links.set(ifname, made);
    machine.handmade.get(netns)?.delete(ifname);
    return made;
  });
  const address = await run.act(`reserve an address of ${conf.name} for ${containerId} ${ifname}`, () => {
    requireDisk(machine);
    return failing(() => machine.addresses.reserve(conf.name, containerId, ifname, ownerOf(run)));
  });
  await run.act(`set up ${ifname} in ${netns}`, () => {
    link.addresses.push(address);
    link.isUp = true;
  });
  return {
    cniVersion: conf.cniVersion,
    interfaces: [{ name: ifname, mac: link.mac, sandbox: netns }],
    ips: [{ address: `${address}/24`, gateway: "10.1.0.1", interface: 0 }],
    routes: [{ dst: "0.0.0.0/0" }],
  };
}

async function addAddress(run: Run): Promise<Pick<Result, "cniVersion" | "ips">> {
  const address = await run.act(`reserve an address of ${run.conf.name}`, () => {
    const { containerId, ifname } = namesOf(run);
    requireDisk(run.machine);
    return failing(() => run.machine.addresses.reserve(run.conf.name, containerId, ifname, ownerOf(run)));
  });
  return { cniVersion: run.conf.cniVersion, ips: [{ address: `${address}/24`, gateway: "10.1.0.1" }] };
}

/** Idempotent: what is not there is deleted. */
async function delLink(run: Run): Promise<void> {
  const { machine, call } = run;
  const { ifname, netns } = namesOf(run);
  await delAddress(run);
  await run.act(`delete link ${ifname} in ${netns}`, () => {
    const links = machine.network.namespaces.get(netns)?.links;
    const link = links?.get(ifname);
    if (link === undefined) return;
    machine.touches(call, link.owner, `link ${ifname} in ${netns}`);
    links?.delete(ifname);
  });
}

async function delAddress(run: Run): Promise<void> {
  const { machine, conf } = run;
  const { containerId, ifname } = namesOf(run);
  await run.act(`release the address of ${conf.name} for ${containerId} ${ifname}`, () => {
    requireDisk(machine);
    for (const one of machine.addresses.of(conf.name)) {
      if (one.containerId === containerId && one.ifname === ifname) release(run, one);
    }
  });
}

async function checkLink(run: Run): Promise<void> {
  const { ifname, netns } = namesOf(run);
  const link = await run.act(`check ${ifname}`, () =>
    run.machine.network.namespaces.get(netns)?.links.get(ifname),
  );
  const wanted = run.conf.prevResult?.ips.map(({ address }) => address.split("/")[0]) ?? [];
  const missing = wanted.find((address) => !link?.addresses.includes(address ?? ""));
  if (link === undefined || missing !== undefined) {
    throw new PluginError(999, `${ifname} is not as it was added: ${missing ?? "no link"}`);
  }
}

/** Releases the addresses of attachments that the runtime does not list. */
async function collect(run: Run): Promise<void> {
  const { machine, conf } = run;
  const valid = conf["cni.dev/valid-attachments"] ?? [];
  await run.act(`collect addresses of ${conf.name}`, () => {
    requireDisk(machine);
    for (const one of machine.addresses.of(conf.name)) {
      const isValid = valid.some(
        (kept) => kept.containerID === one.containerId && kept.ifname === one.ifname,
      );
      if (!isValid) release(run, one);
    }
  });
}

function release({ call, machine }: Run, reservation: Reservation): void {
  const { address, network, owner } = reservation;
  if (owner) machine.touches(call, owner, `address ${address} of ${network}`);
  machine.addresses.release(reservation);
}

async function tune(run: Run): Promise<Result | undefined> {
  const { ifname, netns } = namesOf(run);
  await run.act(`tune ${ifname}`, () => {
    const link = run.machine.network.namespaces.get(netns)?.links.get(ifname);
    if (link === undefined) throw new PluginError(999, `no link ${ifname} in ${netns}`);
    link.mtu = 1400;
  });
  return run.conf.prevResult;
}

async function mapPorts(run: Run): Promise<Result | undefined> {
  const { containerId, ifname, netns } = namesOf(run);
  if (run.conf.prevResult === undefined) throw new PluginError(7, "must be called as chained plugin");
  await run.act(`add rules of ${run.conf.name} for ${containerId} ${ifname}`, () => {
    run.machine.network.rules.set(`${run.conf.name} ${containerId} ${ifname}`, ownerOf(run));
    const link = run.machine.network.namespaces.get(netns)?.links.get(ifname);
    if (link) link.isMapped = true;
  });
  return run.conf.prevResult;
}

async function unmapPorts(run: Run): Promise<void> {
  const { containerId, ifname } = namesOf(run);
  await run.act(`remove rules of ${run.conf.name} for ${containerId} ${ifname}`, () => {
    const key = `${run.conf.name} ${containerId} ${ifname}`;
    const owner = run.machine.network.rules.get(key);
    if (owner === undefined) return;
    run.machine.touches(run.call, owner, `rules of ${key}`);
    run.machine.network.rules.delete(key);
  });
}

async function collectRules(run: Run): Promise<void> {
  const valid = run.conf["cni.dev/valid-attachments"] ?? [];
  await run.act(`collect rules of ${run.conf.name}`, () => {
    for (const [key, owner] of run.machine.network.rules) {
      const [network, containerId = "", ifname = ""] = key.split(" ");
      if (network !== run.conf.name) continue;
      if (valid.some((one) => one.containerID === containerId && one.ifname === ifname)) continue;
      run.machine.touches(run.call, owner, `rules of ${key}`);
      run.machine.network.rules.delete(key);
    }
  });
}

/** A plugin's own files are on the same disk. */
function requireDisk({ disk, random }: Machine): void {
  if (disk.fault !== undefined && random.chance(0.5)) throw new PluginError(5, `the disk is ${disk.fault}`);
}

/** What the node refuses, as the plugin says it. */
function failing<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new PluginError(11, (error as Error).message);
  }
}
