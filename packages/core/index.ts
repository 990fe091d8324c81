// The one place that knows the core's ABI: documents in, documents out.
import type {
  Cause,
  CausesInput,
  ConfDocument,
  ConvertInput,
  CoreError,
  DescribeInput,
  EnvironmentInput,
  Invocation,
  InvokeInput,
  LintInput,
  LintResult,
  OutcomeInput,
  Place,
  Plan,
  PlanInput,
  RecoverInput,
  Recovery,
  RememberInput,
  Selection,
  SelectionInput,
  Settings,
  Status,
  StatusInput,
} from "./documents.ts";
import { Code, Fault } from "./fault.ts";
import { ABI, SECTION, type Version } from "./version.ts";

export type * from "./documents.ts";

type Exports = Record<string, unknown> & {
  memory: { buffer: ArrayBuffer };
  abi_version(): number;
  alloc(size: number): number;
  reset(): void;
};

type Operation = (ptr: number, len: number) => number;

/** The functions that are no operations. */
const LIFECYCLE = ["abi_version", "alloc", "reset"];
/** Bytes that the document of an operation may have. */
export const MAX_INPUT_BYTES = 16 << 20;
/** A pod's ADD takes 2 MiB. */
const KEPT_MEGABYTES = 32;
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/**
 * What WebAssembly.compile gives, a WebAssembly.Module. It is declared here, as a program without the types of browsers
 * has no such name; it is not a promise of one.
 */
export type Compiled = object & { then?: never };

/** Names a container as the runtime does: CNI_CONTAINERID, CNI_NETNS, CNI_IFNAME, CNI_ARGS, and the `name` in the conf. */
export interface Runtime {
  containerId: string;
  netns: string;
  ifname: string;
  args: string;
  network?: string;
}

export interface Options {
  /**
   * How much memory an instance may keep, in megabytes (2^20 bytes; 32 by default): it is replaced after an operation that has
   * taken more, as the memory of WebAssembly never shrinks. What an operation may take meanwhile is bound by its document alone.
   */
  mostMegabytes?: number;
  /** Is called before a further instance is made: the memory of the one before is garbage by then, which V8 does not know the size of. */
  replacing?: () => void;
}

/** The decision core, instantiated. Each method is one pure operation and throws a Fault with its CNI code. */
export class Core {
  private readonly module: WebAssembly.Module;
  private instance: Exports | undefined;
  private readonly mostBytes: number;
  private replacing: () => void = () => undefined;

  /** @param code core.wasm or lint.wasm: its bytes, or what they were compiled to */
  constructor(
    code: ArrayBuffer | ArrayBufferView | Compiled,
    { mostMegabytes = KEPT_MEGABYTES, replacing = () => undefined }: Options = {},
  ) {
    this.mostBytes = mostMegabytes * 2 ** 20;
    this.module = compiled(code);
    if (!WebAssembly.Module.exports(this.module).some(isAbi)) {
      throw foreign("it does not say which ABI it speaks");
    }
    const version = this.exports().abi_version();
    if (version !== ABI) {
      throw new Fault(
        Code.internal,
        `core.wasm: it speaks ABI ${version}, and what loads it ${ABI}; take both from one version`,
      );
    }
    this.replacing = replacing;
  }

  /** Tells which core it is; undefined if it does not say. */
  version(): Version | undefined {
    const [section] = WebAssembly.Module.customSections(this.module, SECTION);
    return section && (JSON.parse(decoder.decode(section)) as Version);
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
    if (!ArrayBuffer.isView(input) || input.BYTES_PER_ELEMENT !== 1) {
      throw new Fault(Code.decodeFailure, "the document: it must be bytes; give a Uint8Array");
    }
    if (input.length > MAX_INPUT_BYTES) {
      throw new Fault(
        Code.decodeFailure,
        `the document: it has ${input.length} bytes, and at most ${MAX_INPUT_BYTES} are read; make it smaller`,
      );
    }
    this.require(operation);
    const { status, text } = this.answer(operation, input);
    if (status === 0) return text;
    throw faultOf(JSON.parse(text) as CoreError);
  }

  /** Asks the module, and takes its answer as it is. */
  protected answer(operation: string, input: Uint8Array): Answer {
    const exports = this.exports();
    let answer: Answer;
    try {
      answer = call(exports, operation, input);
    } catch (error) {
      this.instance = undefined; // nothing is known of its memory
      throw error instanceof Fault ? error : trapped(operation, error);
    }
    if (exports.memory.buffer.byteLength > this.mostBytes) this.instance = undefined;
    return answer;
  }

  private require(operation: string): void {
    const isThere = typeof this.exports()[operation] === "function" && !LIFECYCLE.includes(operation);
    if (isThere) return;
    const module = this.version()?.name ?? "the module";
    throw new Fault(
      Code.internal,
      `core: ${module} has no operation ${JSON.stringify(operation)}; load the module that has it`,
    );
  }

  private exports(): Exports {
    if (this.instance === undefined) {
      this.replacing();
      try {
        this.instance = new WebAssembly.Instance(this.module).exports as unknown as Exports;
      } catch (error) {
        if (error instanceof RangeError) throw trapped("an instance", error);
        throw foreign((error as Error).message);
      }
    }
    return this.instance;
  }

  /** Reads the settings in the bytes of a runtime's conf. */
  netconf(conf: Uint8Array): Settings {
    return JSON.parse(this.run("netconf", conf)) as Settings;
  }

  /** Throws if the CNI_* variables do not suffice for their verb. */
  environment(input: EnvironmentInput): void {
    this.call("environment", input);
  }

  /** Checks a conf or conflist and adds `plugins` at the end of its list. */
  describe(input: DescribeInput): ConfDocument {
    return this.call("describe", input);
  }

  /** Returns the networks that a pod's annotation selects; of lint.wasm's answer too, which has more beside them. */
  selection(input: SelectionInput): Selection[] {
    const answer = this.call<Selection[] | { elements: Selection[] }>("selection", input);
    return Array.isArray(answer) ? answer : answer.elements;
  }

  /** Plans the delegates of a container, and its scratch file. */
  plan(input: PlanInput): Plan {
    return this.call("plan", forRuntime(input, { netns: undefined }));
  }

  /** Prepares the execution of one plugin of a delegate. */
  invoke(input: InvokeInput): Invocation {
    return this.call("invoke", forRuntime(input, OF_CONTAINER));
  }

  /** Returns the result that a plugin printed, undefined if none is expected; throws the plugin's own error. */
  outcome(input: OutcomeInput): string | undefined {
    return this.call<{ result?: string }>("outcome", input).result;
  }

  /** Returns the text of the file that libcni's result cache has of one attachment: its name is `delegate.cacheFile`. */
  remember(input: RememberInput): string {
    return this.call<{ text: string }>("remember", forRuntime(input, OF_CONTAINER)).text;
  }

  /** Recovers the delegates that a container's files name. */
  recover(input: RecoverInput): Recovery {
    return this.call("recover", forRuntime(input, { netns: undefined, network: undefined }));
  }

  /** Derives the answer of an ADD, network-status and the changes of routes. */
  status(input: StatusInput): Status {
    return this.call("status", input);
  }

  /** Converts a result to another version of the spec. */
  convert(input: ConvertInput): string {
    return this.call<{ result: string }>("convert", input).result;
  }

  /** Says what is wrong with some documents: an operation of lint.wasm. See assembly/lint/lint.ts. */
  lint(input: LintInput): LintResult {
    return this.call("lint", input);
  }

  /** Says what in a conf may be why its plugin failed: an operation of lint.wasm. See assembly/lint/causes.ts. */
  causes(input: CausesInput): Cause[] {
    return this.call<{ causes: Cause[] }>("causes", input).causes;
  }

  /** Runs an operation on a document. JSON leaves out undefined members, so a caller need not; the core judges all else. */
  private call<T>(operation: string, input: unknown): T {
    return JSON.parse(this.run(operation, encoder.encode(jsonOf(input)))) as T;
  }
}

/** What an operation answers, as it is in memory. */
export interface Answer {
  /** 0: the result; 1: a CNI error object. */
  status: number;
  text: string;
}

function compiled(code: ArrayBuffer | ArrayBufferView | Compiled): WebAssembly.Module {
  if (code instanceof WebAssembly.Module) return code;
  try {
    return new WebAssembly.Module(code as BufferSource);
  } catch (error) {
    if (error instanceof RangeError) throw trapped("the module", error);
    throw foreign((error as Error).message);
  }
}

function isAbi({ name, kind }: WebAssembly.ModuleExportDescriptor): boolean {
  return name === "abi_version" && kind === "function";
}

/** What becomes of a module that is not Plexus's. */
function foreign(why: string): Fault {
  return new Fault(
    Code.internal,
    `core.wasm: this is not the core: ${why}; load core.wasm or lint.wasm of this version`,
  );
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

function faultOf({ code, msg, text, path, offset, length, line, column }: CoreError): Fault {
  if (path === undefined) return new Fault(code, msg);
  const place = { ...(text === undefined ? {} : { text }), path, offset, length, line, column } as Place;
  return new Fault(code, msg, undefined, undefined, place);
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

/** What `invoke` and `remember` do not take of a Runtime. */
const OF_CONTAINER = { ifname: undefined, args: undefined, network: undefined };

/**
 * Leaves out of the input's runtime what a Runtime has and the operation does not take, so that a host can give it whole.
 * Whatever else is there stays: the core refuses what it does not know.
 */
function forRuntime(input: unknown, others: { [member in keyof Runtime]?: undefined }): unknown {
  if (!isObject(input) || !isObject(input.runtime)) return input;
  return { ...input, runtime: { ...input.runtime, ...others } };
}

function isObject(value: unknown): value is { runtime?: unknown } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns a document as JSON; of what JSON has no word for, undefined or a function, nothing, which the core refuses. */
function jsonOf(input: unknown): string {
  try {
    return JSON.stringify(input) ?? "";
  } catch (error) {
    throw new Fault(
      Code.decodeFailure,
      `the document: it cannot be written as JSON: ${(error as Error).message}; give strings, numbers, lists and objects`,
    );
  }
}
