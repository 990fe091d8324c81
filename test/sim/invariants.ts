// What must hold, whatever happens: asked after each call that was answered, and at the end of a history.
import type { Answer } from "../../launcher/attach/verbs.ts";
import { CNI_DIR, type Machine } from "./machine.ts";
import type { Link, Owner, RuntimeCall } from "./network.ts";
import type { Pods } from "./pods.ts";
import type { Container } from "./runtime.ts";
import { type Setup, type Wanted, wantedOf } from "./setup.ts";

/** Something that is still there. */
interface Left {
  what: string;
  isOrphan: boolean;
}

/** So long a call may take that no plugin and no disk disturbs, however the API server answers. */
const LIMITS_MS: Record<RuntimeCall["verb"], number> = {
  ADD: 120_000,
  DEL: 15_000,
  CHECK: 5_000,
  GC: 15_000,
  STATUS: 5_000,
};

export class Invariants {
  /** Of each call, how often the history had disturbed the node when it began, and when that was. */
  private readonly begun = new Map<number, { disturbances: number; ms: number }>();

  constructor(
    private readonly machine: Machine,
    private readonly setup: Setup,
    private readonly pods: Pods,
  ) {}

  began({ id }: RuntimeCall): void {
    const { disk, disturbances, timeline } = this.machine;
    // On a disk that fails already, everything is disturbed.
    const before = disk.fault === undefined ? disturbances : -1;
    this.begun.set(id, { disturbances: before, ms: timeline.now() });
  }

  /** A call was answered: is all as the answer says? */
  answered(call: RuntimeCall, container: Container, answer: Answer): void {
    this.checkAnswer(call, answer);
    const succeeded = answer.exitCode === 0;
    if (call.verb === "DEL" && succeeded) this.nothingLeft(call, "left-after-del");
    if (call.verb === "ADD" && succeeded) this.attached(call, container);
    if (!this.isUndisturbed(call)) return;
    if (call.verb === "ADD" && !succeeded) this.noneAttached(call);
    const took = this.machine.timeline.now() - (this.begun.get(call.id)?.ms ?? 0);
    if (took <= LIMITS_MS[call.verb]) return;
    const kind = took - call.waitedMs > LIMITS_MS[call.verb] ? "too-slow" : "waits-too-long";
    this.machine.violated(kind, `${call.verb} ${call.containerId} took ${Math.round(took)} ms`);
  }

  /** The runtime gave up: nothing of Plexus may take that long, unless a plugin does. */
  lost(call: RuntimeCall): void {
    if (this.isUndisturbed(call))
      this.machine.violated("call-does-not-end", `${call.verb} ${call.containerId} ${call.ifname}`);
  }

  /** When all containers are deleted, nothing is left of any. */
  nothingAtAll(): void {
    const { addresses, disk, network } = this.machine;
    const left: Left[] = [
      ...addresses.all().map(({ address, network: name, owner }) => ({
        what: `address ${address} of ${name}`,
        isOrphan: owner?.isOrphan ?? false,
      })),
      ...[...network.rules].map(([key, { isOrphan }]) => ({ what: `rules of ${key}`, isOrphan })),
      ...disk.files(CNI_DIR).map((path) => ({ what: path, isOrphan: false })),
    ];
    this.report("left-at-the-end", "at the end", left);
  }

  /** A file that has its name is whole. */
  filesAreWhole(): void {
    const { disk } = this.machine;
    for (const path of disk.files(CNI_DIR)) {
      if (path.includes("/.")) continue;
      try {
        JSON.parse(disk.peek(path) ?? "");
      } catch {
        this.machine.violated("torn-file", path);
      }
    }
  }

  private isUndisturbed({ id }: RuntimeCall): boolean {
    return this.begun.get(id)?.disturbances === this.machine.disturbances;
  }

  private checkAnswer({ verb, containerId }: RuntimeCall, { exitCode, stdout }: Answer): void {
    const what = `${verb} ${containerId}: ${exitCode} ${stdout.trim()}`;
    if (exitCode === 0 && verb !== "ADD") {
      if (stdout !== "") this.machine.violated("odd-answer", what);
      return;
    }
    const { code, msg, cniVersion } = JSON.parse(stdout) as {
      code?: number;
      msg?: string;
      cniVersion?: string;
    };
    if (typeof cniVersion !== "string") this.machine.violated("odd-answer", what);
    if (exitCode === 0) return;
    if (typeof code !== "number" || !msg) this.machine.violated("odd-answer", what);
    if (/is not a function|of undefined|of null|is not iterable|is not defined/.test(msg ?? "")) {
      this.machine.violated("exception", what);
    }
  }

  private nothingLeft(call: RuntimeCall, kind: string): void {
    const { containerId, ifname } = call;
    this.report(kind, `after ${call.verb} ${containerId} ${ifname} #${call.id}`, [
      ...this.resourcesOf(containerId, ifname),
      ...this.filesOf(containerId).map((what) => ({ what, isOrphan: false })),
    ]);
  }

  /** An ADD that failed, with nothing in the way of its undoing. Its scratch file stays, for the DEL that follows. */
  private noneAttached(call: RuntimeCall): void {
    const { containerId, ifname } = call;
    const left = this.resourcesOf(containerId, ifname);
    this.report("left-after-failed-add", `after ADD ${containerId} ${ifname} #${call.id}`, left);
  }

  /** After an ADD that succeeded there is what was asked for, as the pod was at some time during the call. */
  private attached(call: RuntimeCall, container: Container): void {
    const { containerId, ifname, id } = call;
    const links = this.linksOf(call);
    const found = setOf(links.map(([name, { network }]) => `${name} ${network}`));
    const since = this.begun.get(id)?.ms ?? 0;
    const annotations = this.setup.kubernetes ? this.pods.annotationsSince(container, since) : [""];
    // For a pod that is gone, nothing is attached.
    const possible = annotations.map((one) =>
      one === undefined ? [] : wantedOf(this.setup, container, one),
    );
    const wanted = possible.find((one) => setOf(one.map(nameOf)) === found);
    const what = `ADD ${containerId} ${ifname} #${id}`;
    if (wanted === undefined) {
      const asked = possible.map((one) => `[${one.map(nameOf).join(", ")}]`).join(" or ");
      this.machine.violated("add-differs", `${what}: [${found}], not ${asked}`);
      return;
    }
    this.stateKept(call, wanted);
    if (this.setup.kubernetes && wanted.length > 0) this.statusSays(container, links, what);
  }

  private linksOf({ containerId, ifname, netns }: RuntimeCall): [string, Link][] {
    const links = this.machine.network.namespaces.get(netns)?.links ?? new Map<string, Link>();
    return [...links].filter(([, { owner }]) => owner.containerId === containerId && owner.ifname === ifname);
  }

  /** Everything that a DEL or a CHECK needs is on disk. */
  private stateKept({ containerId, id }: RuntimeCall, wanted: Wanted[]): void {
    if (wanted.length === 0) return;
    const caches = wanted.map(
      ({ network, ifname }) => `${CNI_DIR}/results/${network}-${containerId}-${ifname}`,
    );
    for (const path of [`${CNI_DIR}/${containerId}`, ...caches]) {
      if (this.machine.disk.exists(path)) continue;
      this.machine.violated("add-without-state", `ADD ${containerId} #${id}: there is no ${path}`);
    }
  }

  /** The pod's network-status has each interface, with its addresses. */
  private statusSays(container: Container, links: [string, Link][], what: string): void {
    const text = this.pods.networkStatusOf(container);
    if (text === undefined) {
      // The pod was deleted or replaced since, or nobody wrote it.
      const isThere = this.pods.annotationsSince(container, this.machine.timeline.now()).at(-1) !== undefined;
      if (isThere) this.machine.violated("status-missing", what);
      return;
    }
    const said = (JSON.parse(text) as { interface: string; mac?: string; ips?: string[] }[]).map(
      ({ interface: name, mac = "", ips = [] }) => `${name} ${mac} ${ips.join(" ")}`,
    );
    const is = links.map(([name, { mac, addresses }]) => `${name} ${mac} ${addresses.join(" ")}`);
    if (setOf(said) === setOf(is)) return;
    this.machine.violated("status-differs", `${what}: ${setOf(said)}, and there is ${setOf(is)}`);
  }

  private resourcesOf(containerId: string, ifname: string): Left[] {
    const { addresses, network } = this.machine;
    const isIts = (owner: Owner | undefined) => owner?.containerId === containerId && owner.ifname === ifname;
    return [
      ...network.of(containerId, ifname).map(({ what, owner }) => ({ what, isOrphan: owner.isOrphan })),
      ...addresses
        .all()
        .filter(({ owner }) => isIts(owner))
        .map(({ address, network: name, owner }) => ({
          what: `address ${address} of ${name}`,
          isOrphan: owner?.isOrphan ?? false,
        })),
    ];
  }

  /** All that is in the state directory of a container that has no other attachment. */
  private filesOf(containerId: string): string[] {
    return this.machine.disk.files(CNI_DIR).filter((path) => {
      if (path === `${CNI_DIR}/${containerId}` || path.startsWith(`${CNI_DIR}/.${containerId}.`)) return true;
      if (!path.startsWith(`${CNI_DIR}/results/`)) return false;
      return this.setup.networks.some(({ name }) =>
        new RegExp(`/\\.?${name}-${containerId}-[a-z0-9]+(\\.\\d+)?$`).test(path),
      );
    });
  }

  private report(kind: string, when: string, left: Left[]): void {
    for (const isOrphan of [false, true]) {
      const whats = left.filter((one) => one.isOrphan === isOrphan).map(({ what }) => what);
      if (whats.length > 0) {
        this.machine.violated(isOrphan ? "left-by-orphan" : kind, `${when}: ${whats.join(", ")}`);
      }
    }
  }
}

function nameOf({ ifname, network }: Wanted): string {
  return `${ifname} ${network}`;
}

function setOf(names: string[]): string {
  return names.toSorted().join(", ");
}
