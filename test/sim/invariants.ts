// What must hold, whatever happens: asked after each call that was answered, and at the end of a history.
import type { Answer } from "../../launcher/attach/verbs.ts";
import { CNI_DIR, type Machine } from "./machine.ts";
import type { Owner, RuntimeCall } from "./network.ts";
import type { Container } from "./runtime.ts";
import { type Setup, wantedOf } from "./setup.ts";

/** Something that is still there. */
interface Left {
  what: string;
  isOrphan: boolean;
}

export class Invariants {
  /** Calls whose undoing the history has disturbed by the time they began. */
  private readonly disturbed = new Map<number, number>();

  constructor(
    private readonly machine: Machine,
    private readonly setup: Setup,
  ) {}

  began(call: RuntimeCall): void {
    // On a disk that fails already, everything is disturbed.
    this.disturbed.set(call.id, this.machine.disk.fault === undefined ? this.machine.disturbances : -1);
  }

  /** A call was answered: is all as the answer says? */
  answered(call: RuntimeCall, container: Container, answer: Answer): void {
    this.checkAnswer(call, answer);
    const succeeded = answer.exitCode === 0;
    if (call.verb === "DEL" && succeeded) this.nothingLeft(call, "left-after-del");
    if (call.verb === "ADD" && succeeded) this.attached(call, container);
    const isUndisturbed = this.disturbed.get(call.id) === this.machine.disturbances;
    if (call.verb === "ADD" && !succeeded && isUndisturbed) this.noneAttached(call);
  }

  /** The runtime gave up: nothing of Plexus may take that long, unless a plugin does. */
  lost(call: RuntimeCall): void {
    if (this.disturbed.get(call.id) !== this.machine.disturbances) return;
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

  private attached({ containerId, ifname, netns, id }: RuntimeCall, container: Container): void {
    const { machine, setup } = this;
    const links = machine.network.namespaces.get(netns)?.links ?? new Map();
    const wanted = wantedOf(setup, container).map((one) => `${one.ifname} ${one.network}`);
    const found = [...links].flatMap(([name, link]) =>
      link.owner.containerId === containerId && link.owner.ifname === ifname ? `${name} ${link.network}` : [],
    );
    const [asked, got] = [wanted.toSorted().join(", "), found.toSorted().join(", ")];
    if (asked !== got)
      machine.violated("add-differs", `ADD ${containerId} ${ifname} #${id}: ${got}, not ${asked}`);
    const caches = wanted.map((one) => {
      const [name, network] = one.split(" ");
      return `${CNI_DIR}/results/${network}-${containerId}-${name}`;
    });
    for (const path of [`${CNI_DIR}/${containerId}`, ...caches]) {
      if (!machine.disk.exists(path))
        machine.violated("add-without-state", `ADD ${containerId} #${id}: no ${path}`);
    }
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
