// The one place that knows the core's ABI: documents in, documents out.
import { Code, Fault } from "../fault.ts";
import type {
  ConfDocument,
  Delegate,
  Environment,
  Invocation,
  Plan,
  Recovery,
  RouteChange,
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

/** Where a container is, and what the runtime says of it. */
export interface Runtime {
  containerId: string;
  netns: string;
  ifname: string;
  args: string;
}

/** A network to attach: its conf as text, and what is asked of it. See `plan` in assembly/plan/plan.ts. */
export interface Network {
  conf: string;
  /** Where the conf is from, for messages. */
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

  /** Any operation by its name, on bytes: for those that take a document as somebody else wrote it. */
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

  /** The settings in a runtime's conf, from its bytes. */
  netconf(conf: Uint8Array): Settings {
    return JSON.parse(this.run("netconf", conf)) as Settings;
  }

  /** Throws where the CNI_* variables do not suffice for their verb. */
  environment(input: Environment): void {
    this.call("environment", input);
  }

  /** A conf or conflist, checked; `plugins` are added at the end of the list. */
  describe(input: { conf: string; source: string; plugins?: string[] }): ConfDocument {
    return this.call("describe", input);
  }

  /** The networks that a pod's annotation selects. */
  selection(input: { annotation: string; namespace: string; maxNetworks?: number }): Selection[] {
    return this.call("selection", input);
  }

  plan(input: {
    runtime: Runtime;
    runtimeConfig?: string | undefined;
    scratch?: string | undefined;
    networks: Network[];
  }): Plan {
    return this.call("plan", input);
  }

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

  /** The result a plugin printed, or undefined where none is expected; throws the plugin's own error. */
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

  /** The delegates that a container's files name. */
  recover(input: {
    runtime: Pick<Runtime, "containerId" | "args"> & { ifname?: string };
    runtimeConfig?: string | undefined;
    scratch?: string | undefined;
    caches: string[];
  }): Recovery {
    return this.call("recover", input);
  }

  status(input: { attachments: { delegate: Delegate; result: string; deviceInfo?: string }[] }): Status {
    return this.call("status", input);
  }

  /** A result whose interface had its default routes changed. */
  reroute(input: Omit<RouteChange, "ifname"> & { result: string }): string {
    return this.call<{ result: string }>("reroute", input).result;
  }

  /** JSON leaves out what is undefined, so a caller need not. */
  private call<T>(operation: string, input: unknown): T {
    return JSON.parse(this.run(operation, encoder.encode(JSON.stringify(input)))) as T;
  }
}
