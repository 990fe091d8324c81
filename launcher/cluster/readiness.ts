// Whether the requests of calls work: known from the last of them, and asked for only if there was none for long.
import type { Clock } from "../clock.ts";
import { Fault } from "../fault.ts";
import type { Cluster } from "./cluster.ts";

/** An answer counts for so long, on each of thousands of nodes. */
const ANSWER_COUNTS_MS = 300_000;
/** Less than the kubelet waits for the answer to a probe. */
const LIMIT_MS = 800;
/** What is asked for: whether it exists does not matter. */
const POD = { namespace: "default", name: "plexus-readiness" };

/** A cluster that notes how its requests end. */
export class Observed {
  /** Answers as the one that it observes. */
  readonly cluster: Cluster;
  private answeredMs = Number.NEGATIVE_INFINITY;
  private asked: Promise<string | undefined> | undefined;
  private readonly clock: Clock;

  constructor(cluster: Cluster, clock: Clock) {
    this.clock = clock;
    this.cluster = {
      ...cluster,
      pod: (...given) => this.note(cluster.pod(...given)),
      nad: (...given) => this.note(cluster.nad(...given)),
      annotate: (...given) => this.note(cluster.annotate(...given)),
    };
  }

  /** Returns why requests do not work; undefined if they do. */
  async problem(): Promise<string | undefined> {
    if (this.clock.now() - this.answeredMs < ANSWER_COUNTS_MS) return undefined;
    this.asked ??= this.ask();
    return this.asked;
  }

  private async ask(): Promise<string | undefined> {
    try {
      await this.cluster.pod(POD.namespace, POD.name, "", { deadlineMs: this.clock.now() + LIMIT_MS });
      return undefined;
    } catch (error) {
      return Fault.of(error).message;
    } finally {
      this.asked = undefined;
    }
  }

  private async note<T>(request: Promise<T>): Promise<T> {
    this.answeredMs = Number.NEGATIVE_INFINITY;
    const answer = await request;
    this.answeredMs = this.clock.now();
    return answer;
  }
}
