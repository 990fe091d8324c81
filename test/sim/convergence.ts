// What happens at the end of a history with edits: all pods get what they ask for, and from then on nothing happens that need not.
import type { Known } from "./attached.ts";
import { interfacesOf, isAttached, mayChange, mustConverge, notConverged } from "./converged.ts";
import { INVALID, OTHER } from "./edits.ts";
import type { Violation } from "./machine.ts";
import type { Container } from "./runtime.ts";
import { elementsOf } from "./setup.ts";

/** How long it takes at most, after the last fault, until each pod has what it asks for: twice as long as a job is waited with. */
const CONVERGED_WITHIN_MS = 700_000;
/**
 * So often is looked, at least once: what was begun before the last fault has ended by then, and the pods are followed. A list that
 * is not answered takes the longest, 70 s.
 */
const LOOK_MS = 120_000;
/** And until it has been told that it cannot have it: two more tries, of which it is not told. */
const TOLD_WITHIN_MS = 5_000;

export class Convergence {
  /** How many plugins jobs have executed for what is attached. */
  jobs = 0;

  constructor(
    private readonly known: Known,
    private readonly seed: number,
  ) {}

  /** Nothing goes wrong any more, and nobody deletes anything yet: all pods get what they ask for, and then nothing happens. */
  async check(containers: readonly Container[]): Promise<void> {
    const { known } = this;
    const { machine, pods } = known;
    const pending = containers.filter((one) => mustConverge(known, one));
    for (const problem of await this.problemsOf(pending)) machine.violated(problem.kind, problem.text);
    if (machine.violations.length > 0) return;
    for (const container of pending) await this.editInVain(container);
    for (const container of containers) {
      if (!isAttached(known, container) || mayChange(known, container)) continue;
      await this.unchanged(container, "of a pod that does not run", () => pods.edit(container, OTHER));
    }
  }

  /** Waits until the pods have what they ask for. One history of eight waits on: nothing undoes it later. */
  private async problemsOf(pending: readonly Container[]): Promise<Violation[]> {
    const isLong = this.seed % 8 === 0;
    for (let waitedMs = 0; ; waitedMs += LOOK_MS) {
      const problems = pending.flatMap((one) => notConverged(this.known, one) ?? []);
      const isOver = waitedMs >= CONVERGED_WITHIN_MS;
      if (isOver || (waitedMs > 0 && !isLong && problems.length === 0)) return problems;
      await this.known.machine.timeline.sleep(LOOK_MS);
    }
  }

  /** An edit that asks for the same changes nothing; one that cannot be met neither, and the pod's user is told why, once. */
  private async editInVain(container: Container): Promise<void> {
    const { machine, pods } = this.known;
    const elements = elementsOf(pods.annotationOf(container) ?? "") ?? [];
    await this.unchanged(container, "for the same", () =>
      pods.edit(container, JSON.stringify(elements.toReversed())),
    );
    const { defaultNetwork } = container;
    const isOfDefault = this.seed % 2 === 0;
    const warned = pods.warningsOf(container).length;
    await this.unchanged(container, "in vain", () => {
      if (!isOfDefault) pods.edit(container, INVALID);
      else pods.editDefault(container, defaultNetwork === undefined ? elements[0]?.name : undefined);
    });
    if (isOfDefault && defaultNetwork === undefined && elements.length === 0) return;
    const warnings = pods.warningsOf(container).slice(warned);
    const why = isOfDefault ? /default network/ : /`ips`/;
    if (warnings.filter((one) => why.test(one)).length !== 1)
      machine.violated("told-otherwise", `${container.id}: ${JSON.stringify(warnings)}`);
  }

  private async unchanged(container: Container, what: string, edit: () => void): Promise<void> {
    const { known } = this;
    const { machine } = known;
    const [before, jobs] = [JSON.stringify(interfacesOf(known, container)), this.jobs];
    edit();
    await machine.timeline.sleep(TOLD_WITHIN_MS);
    if (this.jobs !== jobs || JSON.stringify(interfacesOf(known, container)) !== before)
      machine.violated("changed-needlessly", `${container.id}: an edit ${what}`);
  }
}
