// An API server in memory, behind the Http port, and time that passes only while somebody waits.
import type { Clock } from "../../launcher/clock.ts";
import type { Connection } from "../../launcher/cluster/connection.ts";
import type { Failure, FailureKind } from "../../launcher/cluster/failure.ts";
import type { ApiAnswer, ApiRequest, Http, Outcome, Reader } from "../../launcher/cluster/http.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import { connectionTo } from "./fake-pod.ts";

/** An answer in JSON, or in what `more` says. */
export function answer(status: number, body: object | string = "", more: Partial<ApiAnswer> = {}): ApiAnswer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const contentType = "application/json";
  return { status, contentType, location: "", retryAfterMs: 0, body: Buffer.from(text), ...more };
}

export function failure(kind: FailureKind, message = "broken"): Failure {
  return { fault: new Fault(Code.tryAgainLater, message), kind };
}

/** What a server does with one watch: it may accept it, by `opened` or `line`, and ends it by returning. */
export type Watching = (
  line: (text: string) => void,
  signal: AbortSignal,
  opened: () => void,
) => Promise<Outcome | undefined> | Outcome | undefined;

export class FakeHttp implements Http {
  readonly connection: Connection = connectionTo("https://api");
  /** The outcomes of the next requests and lists, in order. */
  readonly outcomes: Outcome[] = [];
  /** What becomes of the next watches, in order. */
  readonly watches: Watching[] = [];
  readonly sent: (ApiRequest & { limitMs: number })[] = [];
  readonly followed: { path: string; silenceMs: number }[] = [];

  async send(request: ApiRequest, limitMs: number): Promise<Outcome> {
    this.sent.push({ ...request, limitMs });
    return this.outcomes.shift() ?? failure("permanent", "nothing is scripted");
  }

  async follow(
    path: string,
    reader: Reader,
    silenceMs: number,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    try {
      if (!path.includes("watch=1")) return await this.list(path, reader, silenceMs);
      this.followed.push({ path, silenceMs });
      const opened = once(() => reader.opened?.());
      const line = (text: string) => {
        opened();
        reader.read(`${text}\n`);
      };
      const end = await (this.watches.shift() ?? quiet)(line, signal, opened);
      if (end === undefined) opened();
      return end;
    } catch (error) {
      return { fault: Fault.of(error), kind: "permanent" };
    }
  }

  /** In small pieces. */
  private async list(path: string, reader: Reader, limitMs: number): Promise<Outcome | undefined> {
    const outcome = await this.send({ method: "GET", path }, limitMs);
    if ("fault" in outcome || outcome.status !== 200) return outcome;
    for (const piece of outcome.body.toString().match(/.{1,7}/gsu) ?? []) reader.read(piece);
    return undefined;
  }
}

function once(work: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) work();
    isDone = true;
  };
}

const quiet: Watching = (_, signal, opened) => {
  opened();
  return aborted(signal);
};

async function aborted(signal: AbortSignal): Promise<Failure> {
  if (!signal.aborted) await new Promise((resolve) => signal.addEventListener("abort", resolve));
  return failure("permanent", "aborted");
}

/** Sleeps end at once, and the time is what was slept. */
export class SkippingClock implements Clock {
  readonly slept: number[] = [];
  private time = 1_000_000;

  now(): number {
    return this.time;
  }

  async sleep(ms: number, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.slept.push(ms);
    this.pass(ms);
    await new Promise(setImmediate); // so that a test's timeout can end a loop without end
  }

  pass(ms: number): void {
    this.time += ms;
  }
}
