// What a request to Multus's `/delegate` is, and who does it: the executor, on a sandbox that its shim has noted. Of the request only
// the interface's name, the conf and what is asked for are used: network namespace, arguments and directories of plugins are the
// sandbox's own, and have to be those that the request says.
// Source: multus-cni, pkg/server/api/types.go and pkg/server/server.go.
import { type Call, podOf } from "../attach/call.ts";
import { Code, Fault } from "../fault.ts";
import type { Sandbox } from "../host/host.ts";
import {
  type DelegateRequest,
  delegateAdd,
  delegateCheck,
  delegateDel,
  delegateStatus,
} from "../hotplug/delegate.ts";
import { visible } from "../log/visible.ts";
import type { Executor, JobVerb } from "./executor.ts";

/** The executor does eight jobs: four are the hot-plug loop's, one heals. */
const AT_ONCE = 3;
const LONGEST_MS = 120_000;
const CNI_VERSION = "1.0.0";
const GONE = "the client has gone before it was its turn";

/** Members of `interfaceAttributes` that are used; Multus reads the same. */
const ATTRIBUTES = ["ips", "mac", "cni-args"];

/** What each verb is done with: the job of the executor, and the work. */
const VERBS: Record<string, { job: JobVerb; work(call: Call, request: DelegateRequest): Promise<unknown> }> =
  {
    ADD: { job: "ADD", work: delegateAdd },
    DEL: { job: "ADD", work: delegateDel }, // the sandbox stays: an executor has DEL for those that go
    CHECK: { job: "CHECK", work: delegateCheck },
    STATUS: { job: "STATUS", work: delegateStatus },
  };

export interface Answered {
  status: number;
  /** JSON, or empty. */
  text: string;
}

interface Asked extends DelegateRequest {
  verb: string;
  env: Record<string, string>;
}

export class Delegating {
  private readonly hands: Pick<Executor, "isThere" | "sandboxes" | "work">;
  private working = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(
    hands: Pick<Executor, "isThere" | "sandboxes" | "work">,
    private readonly longestMs = LONGEST_MS,
  ) {
    this.hands = hands;
  }

  get isReady(): boolean {
    return this.hands.isThere;
  }

  /**
   * Does what a request asks for. Never rejects: a failure is an answer, with a CNI error.
   *
   * @param gone is aborted when its client is: what is begun is ended all the same, as the client asks again
   */
  async answer(body: Uint8Array, gone = new AbortController().signal): Promise<Answered> {
    const signal = AbortSignal.timeout(this.longestMs);
    try {
      const asked = readRequest(body);
      await this.turn(gone);
      try {
        const result = await within(signal, this.carryOut(asked, signal));
        return { status: 200, text: result === undefined ? "" : `{"Result":${result}}` };
      } finally {
        const next = this.waiting.shift();
        if (next) next();
        else this.working--;
      }
    } catch (error) {
      const { code, message } = Fault.of(error);
      const status = code === Code.tryAgainLater ? 503 : 400;
      return { status, text: JSON.stringify({ cniVersion: CNI_VERSION, code, msg: visible(message) }) };
    }
  }

  /** In the order in which they come: the turn of one that has ended is the next one's. Connections bound how many wait. */
  private async turn(gone: AbortSignal): Promise<void> {
    if (gone.aborted) throw new Fault(Code.tryAgainLater, GONE);
    if (this.working < AT_ONCE) {
      this.working++;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const begin = () => {
        gone.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.waiting.splice(this.waiting.indexOf(begin), 1);
        reject(new Fault(Code.tryAgainLater, GONE));
      };
      this.waiting.push(begin);
      gone.addEventListener("abort", leave, { once: true });
    });
  }

  private async carryOut(asked: Asked, signal: AbortSignal): Promise<string | undefined> {
    const { job, work } = VERBS[asked.verb] ?? {};
    if (!job || !work) throw new Fault(Code.internal, `there is no verb ${asked.verb}`);
    const sandboxes = await this.hands.sandboxes();
    const sandbox = asked.verb === "STATUS" ? anyOf(sandboxes, asked) : sandboxOf(sandboxes, asked);
    if (!sandbox) return undefined;
    let result: unknown;
    const doing = async (call: Call) => {
      result = await work(call, asked);
    };
    await this.hands.work(sandbox, job, doing, signal);
    return typeof result === "string" ? result : undefined;
  }
}

/** Whatever hangs, the answer comes, and the turn is the next one's. */
function within<T>(signal: AbortSignal, work: Promise<T>): Promise<T> {
  const late = new Promise<never>((_, reject) => {
    const end = () =>
      reject(
        new Fault(Code.tryAgainLater, "the executor has not done it in time; see what the plugins wait for"),
      );
    if (signal.aborted) end();
    else signal.addEventListener("abort", end);
  });
  return Promise.race([work, late]);
}

/** Throws with code 6 for what is malformed, and with code 4 for parameters that are missing. */
export function readRequest(body: Uint8Array): Asked {
  const request = objectOf(parsed(decoded(body, "the body")), "the body");
  const env = objectOf(request.env ?? {}, "`env`") as Record<string, string>;
  for (const [key, value] of Object.entries(env))
    if (typeof value !== "string") throw malformed(`\`env\`: ${key}`, "it is not a string");
  const verb = env.CNI_COMMAND ?? "";
  if (!Object.hasOwn(VERBS, verb)) {
    const verbs = Object.keys(VERBS).join(", ");
    throw new Fault(
      Code.invalidEnvironment,
      `CNI_COMMAND: ${JSON.stringify(verb)} is not served; send one of ${verbs}`,
    );
  }
  const attributes = objectOf(request.interfaceAttributes ?? {}, "`interfaceAttributes`");
  const asked = Object.entries(attributes).filter(
    ([key, value]) => ATTRIBUTES.includes(key) && value !== null,
  );
  return {
    verb,
    env,
    ifname: env.CNI_IFNAME ?? "",
    conf: confIn(request.config),
    asked: Object.fromEntries(asked),
  };
}

function confIn(config: unknown): string {
  if (typeof config !== "string" || config === "")
    throw malformed("`config`", "it is not a string; send a conf in base64");
  if (config.length % 4 !== 0 || !/^[A-Za-z0-9+/]*={0,2}$/.test(config))
    throw malformed("`config`", "it is not base64; encode the conf by RFC 4648, section 4");
  return decoded(Buffer.from(config, "base64"), "`config`");
}

function decoded(bytes: Uint8Array, what: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    throw malformed(what, "it is not UTF-8");
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw malformed("the body", "it is not JSON; send {env, config, interfaceAttributes}");
  }
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw malformed(what, "it is not an object");
}

function malformed(what: string, why: string): Fault {
  return new Fault(Code.decodeFailure, `the request cannot be read: ${what}: ${why}`);
}

/** The sandbox that a request is about; undefined if the runtime deletes it by now, and with it what is to be detached. */
function sandboxOf(sandboxes: readonly Sandbox[], { env, verb }: Asked): Sandbox | undefined {
  const { CNI_CONTAINERID: id = "" } = env;
  if (id === "")
    throw new Fault(Code.invalidEnvironment, "CNI_CONTAINERID: it is missing; name the pod's sandbox");
  const own = sandboxes.filter((one) => one.env.CNI_CONTAINERID === id);
  const [sandbox] = own.filter(({ life }) => life === "attached");
  if (!sandbox && own.length > 0 && verb === "DEL") return undefined;
  if (!sandbox) {
    const why =
      own.length > 0
        ? "it is being deleted"
        : "the shim has not noted it; see that it runs on this node, and was attached since `sandboxes` is in plexus-shim.conf";
    throw new Fault(
      Code.unknownContainer,
      `container ${JSON.stringify(id.slice(0, 200))} cannot be changed: ${why}`,
    );
  }
  requireSame(sandbox, env);
  return sandbox;
}

/** Throws if the request is about another pod, or another network namespace, than the container's. */
function requireSame({ env }: Sandbox, asked: Record<string, string>): void {
  const [own, other] = [podOf(env.CNI_ARGS ?? ""), podOf(asked.CNI_ARGS ?? "")];
  if (other.namespace === "" || other.name === "")
    throw new Fault(
      Code.invalidEnvironment,
      "CNI_ARGS: K8S_POD_NAMESPACE and K8S_POD_NAME are needed; name the pod",
    );
  const isPod = own.namespace === other.namespace && own.name === other.name;
  if (!isPod || (own.uid !== "" && other.uid !== "" && own.uid !== other.uid))
    throw new Fault(
      Code.invalidEnvironment,
      `CNI_ARGS: the container is one of pod ${own.namespace}/${own.name} (UID ${own.uid}); name that`,
    );
  const { CNI_NETNS: netns = "" } = asked;
  if (netns === "" || plainPath(netns) === plainPath(env.CNI_NETNS ?? "")) return;
  throw new Fault(
    Code.invalidEnvironment,
    `CNI_NETNS: the container's is ${env.CNI_NETNS}; name that, or none`,
  );
}

/** `/var/run` is a link to `/run`, and some name the one, some the other. */
function plainPath(path: string): string {
  return path.replace(/^\/var\/run\//, "/run/");
}

/** A sandbox that lends a STATUS its conf and its directories: its own, if it has one. */
function anyOf(sandboxes: readonly Sandbox[], { env }: Asked): Sandbox {
  const attached = sandboxes.filter(({ life }) => life === "attached");
  const own = attached.find((one) => one.env.CNI_CONTAINERID === env.CNI_CONTAINERID);
  const [any] = own ? [own] : attached;
  if (any) return any;
  throw new Fault(
    Code.tryAgainLater,
    "STATUS cannot be asked: no sandbox of this node is noted, by which plugins could be found; attach a pod first",
  );
}
