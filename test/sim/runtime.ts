// The container runtime: it executes Plexus, one call a container at a time, loses patience, and remembers what it was told.
import type { Answer } from "../../launcher/attach/verbs.ts";
import type { Machine } from "./machine.ts";
import type { RuntimeCall } from "./network.ts";
import type { Process } from "./process.ts";
import type { ContainerSetup } from "./setup.ts";

/** How a call is to end before its time. */
export interface Ending {
  /** The step before which the process that the runtime has executed is killed. */
  dieAt?: number | undefined;
  /** And the node loses its power at that moment. */
  losesPower?: boolean | undefined;
  /** After so many milliseconds the runtime kills it. */
  killAfterMs?: number | undefined;
}

/** What the runtime knows of a container: what its last ADD or DEL has answered. */
type Known = "nothing" | "attached" | "unsure" | "detached";

export interface Container extends ContainerSetup {
  known: Known;
}

/** A runtime waits for so long; nothing of Plexus may take longer. */
const PATIENCE_MS = 240_000;

/** Is told of calls. */
interface Observer {
  began(call: RuntimeCall, container: Container): void;
  answered(call: RuntimeCall, container: Container, answer: Answer): void;
  /** The runtime has waited in vain. */
  lost(call: RuntimeCall): void;
}

interface Given {
  /** Carries a call out for the process that the runtime has executed. Never resolves if that dies. */
  carryOut(process: Process, call: RuntimeCall): Promise<Answer>;
  /** CNI_ARGS */
  argsFor(container: ContainerSetup): string;
  observer: Observer;
}

export class Runtime {
  readonly containers: Container[];
  /** How many calls it has made, and which of them were cut off at a step. */
  calls = 0;
  readonly cut: number[] = [];
  /** How often one of two calls was interrupted by the other. */
  switched = 0;

  constructor(
    private readonly machine: Machine,
    private readonly given: Given,
    containers: ContainerSetup[],
  ) {
    this.containers = containers.map((container) => ({ ...container, known: "nothing" }));
  }

  /** Makes the call, and waits until its process has ended. Undefined where it was killed. */
  async call(
    verb: RuntimeCall["verb"],
    container: Container,
    ending: Ending = {},
  ): Promise<Answer | undefined> {
    const { machine } = this;
    const call = this.request(verb, container);
    if (verb === "ADD") machine.addNamespace(container.netns);
    const title = `${verb} ${verb === "GC" || verb === "STATUS" ? "" : `${call.containerId} ${call.ifname}`} #${call.id}`;
    const process = machine.start(title, ending.dieAt, () => {
      this.cut.push(call.id);
      if (!ending.losesPower) return;
      machine.reboot(true);
      this.rebooted();
    });
    machine.gate?.began(process, call.id);
    process.trace("begins");
    this.given.observer.began(call, container);
    if (verb === "ADD" || verb === "DEL") container.known = "unsure";
    const answer = await new Promise<Answer | undefined>((resolve) => {
      process.onEnd(() => resolve(undefined));
      const limit = ending.killAfterMs ?? PATIENCE_MS;
      const timer = machine.timeline.after(limit, () => {
        process.trace("is killed by the runtime, which has lost its patience");
        if (ending.killAfterMs === undefined) this.given.observer.lost(call);
        process.end();
      });
      process.onEnd(() => timer.cancel());
      void this.given.carryOut(process, call).then((given) => {
        if (!process.alive) return;
        process.trace(`answers ${given.exitCode} ${given.stdout.trim()}`);
        resolve(given);
        process.end();
      });
    });
    if (answer === undefined) return undefined;
    if (answer.exitCode === 0 && verb === "ADD") container.known = "attached";
    if (answer.exitCode === 0 && verb === "DEL") container.known = "detached";
    this.given.observer.answered(call, container, answer);
    return answer;
  }

  /** It has forgotten the containers of which it does not know that they are attached. */
  forget(): void {
    for (const container of this.containers) if (container.known === "unsure") container.known = "nothing";
  }

  /** The node was rebooted: what was attached is not there any more. */
  rebooted(): void {
    for (const container of this.containers) {
      if (container.known === "attached") container.known = "unsure";
    }
  }

  lostNamespace(path: string): void {
    for (const container of this.containers) {
      if (container.netns === path && container.known === "attached") container.known = "unsure";
    }
  }

  private request(verb: RuntimeCall["verb"], container: Container): RuntimeCall {
    const { id, ifname, netns } = container;
    const call = {
      id: ++this.calls,
      verb,
      containerId: id,
      ifname,
      netns,
      args: this.given.argsFor(container),
      isBegunAnew: false,
      waitedMs: 0,
    };
    if (verb !== "GC") return call;
    const living = this.containers.filter(({ known }) => known === "attached" || known === "unsure");
    return { ...call, valid: living.map((one) => ({ containerID: one.id, ifname: one.ifname })) };
  }
}
