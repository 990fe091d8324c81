// Requests to one API server, each tried until it has an answer that counts, or its time is over.
//
// A request is tried by the Http port; `retry.ts` says what follows on each outcome, and the Clock port waits. So the
// order of events here is that of a node, whether the port is node:https in real time or a simulator's server in virtual
// time. A watch is not tried again here: only who follows knows from which version to go on.
import type { Clock } from "../clock.ts";
import { Code, Fault } from "../fault.ts";
import type { TimeLimit } from "./cluster.ts";
import { type Connection, urlOf } from "./connection.ts";
import type { ApiAnswer, ApiRequest, Http, Reader } from "./http.ts";
import { decide, isRefused, tryLimitMs } from "./retry.ts";

/** For a request with all its tries. Runtimes wait for minutes; a small cluster's API server restarts in 20 s. */
const REQUEST_LIMIT_MS = 30_000;

/** What requests need from outside. */
export interface ApiAccess {
  /** Opens the way to an API server. Rejects with a Fault if what describes it cannot be used. */
  open(): Promise<Http>;
  clock: Clock;
  /** Returns a number from 0 to 1, by chance. */
  random(): number;
}

export class Transport {
  /** Has a request had an outcome by `http`? Then what that was made of is not new any more. */
  private isUsed = false;
  private renewing: Promise<void> | undefined;

  private constructor(
    private http: Http,
    private readonly access: ApiAccess,
  ) {}

  /** @throws Fault as ApiAccess has it */
  static async open(access: ApiAccess): Promise<Transport> {
    return new Transport(await access.open(), access);
  }

  get connection(): Connection {
    return this.http.connection;
  }

  /**
   * Sends a request, again if `retry.ts` says so.
   *
   * @param limit for all tries together
   * @returns the server's answer, whatever its status
   * @throws Fault if there is no answer in time
   */
  async send(request: ApiRequest, { deadlineMs, signal }: TimeLimit = {}): Promise<ApiAnswer> {
    const { method, path } = request;
    const { clock, random } = this.access;
    const began = clock.now();
    const deadline = Math.min(deadlineMs ?? Number.POSITIVE_INFINITY, began + REQUEST_LIMIT_MS);
    const limitMs = deadline - began;
    if (limitMs <= 0)
      throw new Fault(
        Code.tryAgainLater,
        `${method} ${urlOf(this.connection, path)}: there is no time left for it`,
      );
    await this.renewIfOutdated();
    for (let tries = 1, areKept = this.isUsed; ; tries++) {
      const { http } = this;
      const outcome = await http.send(request, tryLimitMs(deadline - clock.now()));
      this.isUsed = true;
      const leftMs = deadline - clock.now();
      const decision = decide({ method, outcome, tries, leftMs, random: random(), areKept });
      if (decision.next === "renew") {
        await this.renew(http);
        areKept = false;
        tries--;
        continue;
      }
      if (decision.next === "wait") {
        await clock.sleep(decision.waitMs, signal);
        continue;
      }
      if (!("fault" in outcome)) return outcome;
      const fault = outcome.fault.during(`${method} ${urlOf(this.connection, path)}`);
      throw decision.next === "give up" && tries > 1 ? givenUp(fault, tries, limitMs) : fault;
    }
  }

  /**
   * Gets a list or a watch once, and gives it to `reader` as it comes, until the server ends the answer.
   *
   * @param silenceMs how long the server may say nothing
   * @returns the answer if its status is not 200
   * @throws Fault if the connection breaks, the server is silent or `reader` has thrown one
   */
  async follow(
    path: string,
    reader: Reader,
    silenceMs: number,
    signal: AbortSignal,
  ): Promise<ApiAnswer | undefined> {
    await this.renewIfOutdated();
    const [{ http }, areKept] = [this, this.isUsed];
    let end = await http.follow(path, reader, silenceMs, signal);
    this.isUsed = true;
    if (areKept && end !== undefined && isRefused(end)) {
      await this.renew(http);
      end = await this.http.follow(path, reader, silenceMs, signal);
    }
    if (end === undefined || !("fault" in end)) return end;
    throw end.fault.during(`GET ${urlOf(this.connection, path)}`);
  }

  private async renewIfOutdated(): Promise<void> {
    const { http } = this;
    if (!this.isUsed || !http.connection.isOutdated?.()) return;
    // What replaces it may be half written: the server then says whether what is kept still counts.
    await this.renew(http).catch(() => undefined);
  }

  /**
   * Opens the way to the server anew, unless another request has done so. What is under way goes on as it is.
   *
   * @param old what does not count any more
   */
  private async renew(old: Http): Promise<void> {
    if (this.http !== old) return;
    this.renewing ??= this.access
      .open()
      .then((http) => {
        this.http = http;
        this.isUsed = false;
      })
      .finally(() => {
        this.renewing = undefined;
      });
    await this.renewing;
  }
}

function givenUp({ code, message }: Fault, tries: number, limitMs: number): Fault {
  const seconds = Math.round(limitMs / 100) / 10;
  return new Fault(code, `${message} (the last of ${tries} tries in ${seconds} s)`);
}
