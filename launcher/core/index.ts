// The one place that knows the core's ABI: documents in, documents out.
import { Code, Fault } from "../fault.ts";
import type {
  ConfDocument,
  Delegate,
  Environment,
  Invocation,
  Plan,
  Recovery,
  Selection,
  Settings,
  Status,
} from "./documents.ts";

export type { Delegate, Invocation, RouteChange, Selection, Settings } from "./documents.ts";

type Exports = Record<string, unknown> & {
  memory: { buffer: ArrayBuffer };
  abi_version(): number;
  alloc(size: number): number;
  reset(): void;
};

type Operation = (ptr: number, len: number) => number;

const ABI_VERSION = 2;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** Names a container as the runtime does: CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME and CNI_ARGS. */
export interface Runtime {
  containerId: string;
  netns: string;
  ifname: string;
  args: string;
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

/** The decision core, instantiated. Each method is one pure operation and throws a Fault with its CNI code. */
export class Core {
  private readonly exports: Exports;

  /** @param bytes build/core.wasm */
  constructor(bytes: BufferSource) {
    this.exports = new WebAssembly.Instance(new WebAssembly.Module(bytes)).exports as unknown as Exports;
    const version = this.exports.abi_version();
    if (version !== ABI_VERSION) {
      throw new Fault(
        Code.internal,
        `core.wasm: it speaks ABI ${version}, this launcher ${ABI_VERSION}; build both from the same source`,
      );
    }
  }

  /** Runs any operation by its name on bytes: for those that take a document as somebody else wrote it. */
  run(operation: string, input: Uint8Array): string {
    const { alloc, memory, reset } = this.exports;
    try {
      const ptr = alloc(input.length);
      if (ptr === 0) {
        throw new Fault(
          Code.decodeFailure,
          `the document: there is no room for its ${input.length} bytes; make it smaller than 16 MiB`,
        );
      }
      new Uint8Array(memory.buffer).set(input, ptr);
      const out = (this.exports[operation] as Operation)(ptr, input.length);
      const view = new DataView(memory.buffer);
      const text = decoder.decode(new Uint8Array(memory.buffer, out + 8, view.getUint32(out + 4, true)));
      if (view.getUint32(out, true) === 0) return text;
      const error = JSON.parse(text) as { code: number; msg: string };
      throw new Fault(error.code, error.msg);
    } finally {
      reset();
    }
  }

  /** Reads the settings in the bytes of a runtime's conf. */
  netconf(conf: Uint8Array): Settings {
    return JSON.parse(this.run("netconf", conf)) as Settings;
  }

  /** Throws if the CNI_* variables do not suffice for their verb. */
  environment(input: Environment): void {
    this.call("environment", input);
  }

  /** Checks a conf or conflist and adds `plugins` at the end of its list. */
  describe(input: { conf: string; source: string; plugins?: string[] }): ConfDocument {
    return this.call("describe", input);
  }

  /** Returns the networks that a pod's annotation selects. */
  selection(input: { annotation: string; namespace: string; maxNetworks?: number }): Selection[] {
    return this.call("selection", input);
  }

  /** Plans the delegates of a container, and its scratch file. */
  plan(input: {
    runtime: Runtime;
    runtimeConfig?: string | undefined;
    scratch?: string | undefined;
    networks: Network[];
  }): Plan {
    return this.call("plan", input);
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
    return this.call("invoke", input);
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
    return this.call<{ text: string }>("remember", input).text;
  }

  /** Recovers the delegates that a container's files name. */
  recover(input: {
    runtime: Pick<Runtime, "containerId" | "args"> & { ifname?: string };
    runtimeConfig?: string | undefined;
    scratch?: string | undefined;
    caches: string[];
  }): Recovery {
    return this.call("recover", input);
  }

  /** Derives the answer of an ADD, network-status and the changes of routes. */
  status(input: { attachments: { delegate: Delegate; result: string; deviceInfo?: string }[] }): Status {
    return this.call("status", input);
  }

  /** Converts a result to another version of the spec. */
  convert(input: { result: string; cniVersion: string }): string {
    return this.call<{ result: string }>("convert", input).result;
  }

  /** Runs an operation on a document. JSON leaves out undefined members, so a caller need not. */
  private call<T>(operation: string, input: unknown): T {
    return JSON.parse(this.run(operation, encoder.encode(JSON.stringify(input)))) as T;
  }
}
