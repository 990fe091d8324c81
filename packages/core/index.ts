// The one place that knows the core's ABI: documents in, documents out.

import type {
  Cause,
  ConfDocument,
  Delegate,
  Environment,
  Invocation,
  LintResult,
  Plan,
  Recovery,
  Selection,
  Settings,
  Status,
} from "./documents.ts";
import { Code, Fault } from "./fault.ts";

export type { Delegate, Invocation, RouteChange, Selection, Settings, Unmet } from "./documents.ts";

type Exports = Record<string, unknown> & {
  memory: { buffer: ArrayBuffer };
  abi_version(): number;
  alloc(size: number): number;
  reset(): void;
};

type Operation = (ptr: number, len: number) => number;

const ABI_VERSION = 2;
const MAX_INPUT_BYTES = 16 << 20;
/** Above this an instance is replaced: the memory of WebAssembly never shrinks. A pod's ADD takes 2 MiB. */
const MAX_KEPT_BYTES = 32 << 20;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Names a container as the runtime does: CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, and the `name` in the conf. */
export interface Runtime {
  containerId: string;
  netns: string;
  ifname: string;
  args: string;
  network?: string;
}

/** A network to attach: its conf as text, and the requests for it. See `plan` in assembly/plan/plan.ts. */
export interface Network {
  conf: string;
  /** Names the conf in messages. */
  source: string;
  name?: string;
  fallbackName?: string;
  selection?: Partial<Selection>;
  device?: { id: string; resourceName: string };
}

/** What `lint` looks at, and what the host knows beside it. */
export interface LintInput {
  documents: { text: string; kind?: "annotation" | "given"; namespace?: string }[];
  /** The executables of the node. */
  plugins?: string[];
  /** The NetworkAttachmentDefinitions that there are, as `namespace/name`. */
  networks?: string[];
  /** The namespaces whose networks those are, if not of all. */
  namespaces?: string[];
  /** The interfaces of the node. */
  interfaces?: string[];
  /** The PCI addresses of the node's devices. */
  devices?: string[];
}

/** Who takes part in the runtime's port mappings: see `plan` in assembly/plan/plan.ts. */
type PortMappings = Settings["runtimePortMappings"] | undefined;

/** The decision core, instantiated. Each method is one pure operation and throws a Fault with its CNI code. */
export class Core {
  private readonly module: WebAssembly.Module;
  private instance: Exports | undefined;
  private readonly replacing: () => void;

  /**
   * @param bytes build/core.wasm
   * @param replacing is called before a further instance is made: the memory of the one before is garbage by then, which V8
   *   does not know the size of
   */
  constructor(bytes: BufferSource, replacing: () => void = () => undefined) {
    this.replacing = () => undefined;
    this.module = new WebAssembly.Module(bytes);
    const version = this.exports().abi_version();
    if (version !== ABI_VERSION) {
      throw new Fault(
        Code.internal,
        `core.wasm: it speaks ABI ${version}, this launcher ${ABI_VERSION}; build both from the same source`,
      );
    }
    this.replacing = replacing;
  }

  /** Tells whether operations are answered, and rightly: a small one is. For health endpoints. */
  isAlive(): boolean {
    try {
      return this.run("json", encoder.encode('{"alive":[true]}')) === '{"alive":[true]}';
    } catch {
      return false;
    }
  }

  /** Runs any operation by its name on bytes: for those that take a document as somebody else wrote it. */
  run(operation: string, input: Uint8Array): string {
    if (input.length > MAX_INPUT_BYTES) {
      throw new Fault(
        Code.decodeFailure,
        `the document: it has ${input.length} bytes, and at most ${MAX_INPUT_BYTES} are read; make it smaller`,
      );
    }
    let answer: Answer;
    try {
      answer = call(this.exports(), operation, input);
    } catch (error) {
      this.instance = undefined; // nothing is known of its memory
      throw error instanceof Fault ? error : trapped(operation, error);
    }
    if (this.exports().memory.buffer.byteLength > MAX_KEPT_BYTES) this.instance = undefined;
    if (answer.status === 0) return answer.text;
    const { code, msg } = JSON.parse(answer.text) as { code: number; msg: string };
    throw new Fault(code, msg);
  }

  private exports(): Exports {
    if (this.instance === undefined) {
      this.replacing();
      this.instance = new WebAssembly.Instance(this.module).exports as unknown as Exports;
    }
    return this.instance;
  }

  /** Reads the settings in the bytes of a runtime's conf. */
  netconf(conf: Uint8Array): Settings {
    return JSON.parse(this.run("netconf", conf)) as Settings;
  }

  /** Throws if the CNI_* variables do not suffice for their verb. */
  environment(input: Environment): void {
    const { CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH, cniVersion } = input;
    this.call("environment", { CNI_COMMAND, CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_PATH, cniVersion });
  }

  /** Checks a conf or conflist and adds `plugins` at the end of its list. */
  describe(input: { conf: string; source: string; plugins?: string[] }): ConfDocument {
    return this.call("describe", input);
  }

  /** Returns the networks that a pod's annotation selects. */
  selection(input: { annotation: string; namespace: string; maxNetworks?: number }): Selection[] {
    return this.call("selection", input);
  }

  /**
   * Plans the delegates of a container, and its scratch file.
   *
   * @param input its `kept` are interfaces that are attached already: what `scratch` says of them stays
   */
  plan(input: {
    runtime: Runtime;
    runtimeConfig?: string | undefined;
    runtimePortMappings?: PortMappings;
    scratch?: string | undefined;
    kept?: string[];
    networks: Network[];
  }): Plan {
    const { containerId, ifname, args, network } = input.runtime;
    const networks = input.networks.map(({ conf, source, name, fallbackName, selection, device }) => ({
      conf,
      source,
      name,
      fallbackName,
      selection,
      device,
    }));
    return this.call("plan", { ...input, runtime: { containerId, ifname, args, network }, networks });
  }

  /** Prepares the execution of one plugin of a delegate. */
  invoke(input: {
    verb: string;
    plugin: number;
    delegate: Delegate;
    runtime: Pick<Runtime, "containerId" | "netns">;
    prevResult?: string | undefined;
    validAttachments?: string | undefined;
  }): Invocation {
    return this.call("invoke", { ...input, runtime: containerOf(input.runtime) });
  }

  /** Returns the result that a plugin printed, undefined if none is expected; throws the plugin's own error. */
  outcome(input: {
    plugin: string;
    cniVersion: string;
    exitCode: number;
    stdout: string;
    stderr: string;
    expectsResult: boolean;
  }): string | undefined {
    return this.call<{ result?: string }>("outcome", input).result;
  }

  /** Returns the text of the file that libcni's result cache has of one attachment: its name is `delegate.cacheFile`. */
  remember(input: {
    delegate: Delegate;
    result: string;
    runtime: Pick<Runtime, "containerId" | "netns">;
  }): string {
    return this.call<{ text: string }>("remember", { ...input, runtime: containerOf(input.runtime) }).text;
  }

  /** Recovers the delegates that a container's files name. */
  recover(input: {
    runtime: Pick<Runtime, "containerId" | "args"> & { ifname?: string };
    runtimeConfig?: string | undefined;
    runtimePortMappings?: PortMappings;
    scratch?: string | undefined;
    caches: string[];
  }): Recovery {
    const { containerId, ifname, args } = input.runtime;
    return this.call("recover", { ...input, runtime: { containerId, ifname, args } });
  }

  /** Derives the answer of an ADD, network-status and the changes of routes. */
  status(input: { attachments: { delegate: Delegate; result: string; deviceInfo?: string }[] }): Status {
    const attachments = input.attachments.map(({ delegate, result, deviceInfo }) => ({
      delegate,
      result,
      deviceInfo,
    }));
    return this.call("status", { attachments });
  }

  /** Converts a result to another version of the spec. */
  convert(input: { result: string; cniVersion: string }): string {
    return this.call<{ result: string }>("convert", input).result;
  }

  /** Says what is wrong with some documents: an operation of lint.wasm. See assembly/lint/lint.ts. */
  lint(input: LintInput): LintResult {
    return this.call("lint", input);
  }

  /** Says what in a conf may be why its plugin failed: an operation of lint.wasm. See assembly/lint/causes.ts. */
  causes(
    input: { conf: string; message: string } & Pick<LintInput, "plugins" | "interfaces" | "devices">,
  ): Cause[] {
    return this.call<{ causes: Cause[] }>("causes", input).causes;
  }

  /** Runs an operation on a document. JSON leaves out undefined members, so a caller need not. */
  private call<T>(operation: string, input: unknown): T {
    return JSON.parse(this.run(operation, encoder.encode(JSON.stringify(input)))) as T;
  }
}

interface Answer {
  status: number;
  text: string;
}

function call(exports: Exports, operation: string, input: Uint8Array): Answer {
  const { alloc, memory, reset } = exports;
  const ptr = alloc(input.length);
  if (ptr === 0) {
    throw new Fault(
      Code.tryAgainLater,
      `the document: there is no memory for its ${input.length} bytes; try again later`,
    );
  }
  new Uint8Array(memory.buffer).set(input, ptr);
  const out = (exports[operation] as Operation)(ptr, input.length);
  const view = new DataView(memory.buffer);
  const text = decoder.decode(new Uint8Array(memory.buffer, out + 8, view.getUint32(out + 4, true)));
  const status = view.getUint32(out, true);
  reset();
  return { status, text };
}

/** What a host makes of an operation that ended without an answer: the engine gives no memory, or the core is wrong. */
function trapped(operation: string, error: unknown): Fault {
  const { message } = error as Error;
  if (error instanceof RangeError) {
    return new Fault(
      Code.tryAgainLater,
      `core: there is no memory for ${operation}: ${message}; try again later`,
    );
  }
  return new Fault(
    Code.internal,
    `core: ${operation} ended without an answer: ${message}; report it with its input`,
  );
}

function containerOf({ containerId, netns }: Pick<Runtime, "containerId" | "netns">) {
  return { containerId, netns };
}
