// What Plexus does to the machine it serves: execute plugins, configure networks, keep small files. Every verb is written
// against this, so that the same code runs where the runtime called it, elsewhere for it, and in the simulator.
import { Code, Fault } from "../fault.ts";
import type { Link, NetworkBatch, Sysctls } from "./network.ts";

export type { Link, NetworkRequest, Sysctls, VfChange } from "./network.ts";

/** Where the system's own commands are: a runtime's PATH may lack some of these. */
export const SYSTEM_DIRS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Bytes that an execution may print on stdout and stderr together. The largest results in use have a few kilobytes. */
export const MAX_OUTPUT = 4 << 20;

/**
 * Plugins that execute others by a conf of their own: with `binDir` and the like they would do anything as root, and a conf
 * that names one could lead back to Plexus. launcher/shim/plugins.c has the same.
 */
export const META_PLUGINS: readonly string[] = [
  "multus",
  "multus-shim",
  "multus-daemon",
  "genie",
  "danm",
  "knitter",
  "plexus",
  "plexus-shim",
];

/** The variable in which all that Plexus executes finds the path of the delegate: launcher/shim/jobs.c has the same. */
export const DELEGATE_VARIABLE = "PLEXUS_DELEGATE";

export interface Execution {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface ExecuteOptions {
  env: Record<string, string>;
  stdin: string;
  /** Milliseconds after which the process and its children are killed; 0 for never. */
  timeout: number;
}

/** A sandbox that the shim has attached, as an executor knows it: docs/protocol.md. */
export interface Sandbox {
  /** Names it to the executor. */
  name: string;
  /** Is its network namespace the one of its ADD, or is that gone? Or has the runtime begun to delete it? */
  life: "attached" | "gone" | "ended";
  /** The CNI_* variables of its ADD. */
  env: Record<string, string>;
}

/** How many log files to keep beside the one in use; 0 keeps all. */
export interface Rotation {
  /** Days. */
  maxAge: number;
  maxBackups: number;
  compress: boolean;
}

/** Something that this host does not do, but `plexus` on the node can: the call is to be left to that. */
export class LeftToNode extends Fault {
  /** Is it a job, which nobody else does? Then it is not done at all. */
  readonly isForGood: boolean;

  constructor(why: string, isForGood = false) {
    super(Code.internal, why);
    this.isForGood = isForGood;
  }
}

/** What is in the place of a file is not one that can be read: a FIFO, a link, a device, more than MAX_FILE. */
export class OddFile extends Fault {
  constructor(
    message: string,
    readonly isDirectory = false,
  ) {
    super(Code.ioFailure, message);
  }
}

/** ENODEV: a device without a driver. */
const ODD_CODES = ["ELOOP", "ENXIO", "ENODEV", "EFBIG"];

/** Does the system's error say so? */
export function isOdd(code: string, whose?: "own"): boolean {
  return ODD_CODES.includes(code) || (whose === "own" && code === "EISDIR");
}

export interface Host {
  /**
   * Makes the first execution quick: for a moment when there is nothing else to do.
   *
   * @param dirs where plugins are looked for
   */
  prepare(dirs: string[]): void;
  /** The path of the executable file `name` in the first of `dirs` that has it. `ip` and `rdma` are in SYSTEM_DIRS. */
  find(name: string, dirs: string[]): Promise<string | undefined>;
  /**
   * Runs a plugin, which finds in PLEXUS_DELEGATE that Plexus has executed it. Rejects with a Fault if it cannot be run,
   * prints too much or bytes that are not UTF-8, or takes too long.
   */
  execute(path: string, options: ExecuteOptions): Promise<Execution>;
  /**
   * Changes links, VFs, addresses and routes, one after the other; nothing for no requests. The first that fails ends it:
   * those before it stay done. Rejects with a Fault that has that request and the kernel's words.
   */
  configure(batch: NetworkBatch): Promise<void>;
  /**
   * Reads the link of a name with its addresses and VFs.
   *
   * @param netns the path of its network namespace; the node's own unless given
   */
  showLink(name: string, netns?: string): Promise<Link>;
  /** The names of the links in the network namespace of this process; absent where /sys/class/net is known to show that one. */
  links?(): Promise<string[]>;
  /**
   * Sets switches of a link in a container; those that the kernel does not have are left out.
   *
   * @param netns the path of its network namespace
   */
  sysctl(netns: string, link: string, sysctls: Sysctls): Promise<void>;
  /**
   * Moves an RDMA device into another network namespace.
   *
   * @param to the path of a network namespace; "" for the node's own
   * @param netns the path of the one that it is in; the node's own unless given
   */
  moveRdma(name: string, to: string, netns?: string): Promise<void>;
  /**
   * A file's text, or undefined if there is no file. Rejects with OddFile if what is there cannot be one.
   *
   * @param whose "own" if nobody but Plexus and Multus writes it: then a link is not followed, a directory is odd too, and it may be
   *   as large as MAX_STATE_FILE
   */
  read(path: string, whose?: "own"): Promise<string | undefined>;
  /** The names in a directory, sorted; none if it is not there. */
  list(dir: string): Promise<string[]>;
  isDirectory(path: string): Promise<boolean>;
  exists(path: string): Promise<boolean>;
  /** The size of a file, in bytes, exact to a kilobyte; 0 if there is none. */
  size(path: string): Promise<number>;
  /**
   * Writes a file of mode 0600, whole or not at all; with its directory (0700) if that is missing. It survives a loss of
   * power once this has resolved. Until it is whole its name starts with a dot: `clearTemporaries`.
   */
  write(path: string, text: string): Promise<void>;
  /** The same, but it survives a loss of power only once `settle` has resolved for it: until then it may be torn by one. */
  writeSoon(path: string, text: string): Promise<void>;
  /** Resolves when files of a directory, which are there, survive a loss of power. Many take little longer than one. */
  settle(dir: string, names: string[]): Promise<void>;
  /** The same as `write`, if there is no such file yet: false, and nothing is changed, if there is one. */
  create(path: string, text: string): Promise<boolean>;
  /** Adds lines to a log file of mode 0600, in one piece; makes it, and its directory (0755), if they are missing. */
  append(path: string, text: string): Promise<void>;
  /** Sets a log file aside as a backup, and removes the backups that are too many or too old. */
  rotate(path: string, rotation: Rotation): Promise<void>;
  /** Where a link of sysfs points to; undefined if there is no link. */
  readlink(path: string): Promise<string | undefined>;
  /** Writes a value into a file of sysfs. */
  set(path: string, value: string): Promise<void>;
  /** Removes a file; one that is not there is not an error, a directory is. */
  remove(path: string): Promise<void>;
  /** Removes the files in a directory that their writers, killed or without power, have left unfinished; marks too. */
  clearTemporaries(dir: string): Promise<void>;
  /**
   * Makes an empty file beside `path`, with its directory (0700) if that is missing: `.plexus-PID-START-NUMBER.NAME.tmp`,
   * NAME being that of `path`, by which anyone can tell when the process that has made it is gone. Its path.
   */
  mark(path: string): Promise<string>;
  /** Resolves when the names in a directory, and removals from it, survive a loss of power. */
  sync(dir: string): Promise<void>;
  /**
   * Calls a method without arguments of a gRPC server on a unix socket of this machine: its answer, undecoded. Waits for a
   * server that is restarting or busy.
   *
   * @param method its full name, `/package.Service/Method`
   * @param limitMs for everything, in milliseconds
   */
  grpc(socket: string, method: string, limitMs: number): Promise<Uint8Array>;
}

/**
 * Returns the text of a file that nobody but Plexus and Multus writes; "" if what is there is a FIFO, a link, too large or the
 * like; undefined if there is nothing, or a directory.
 *
 * @param found is told of such a thing, also of a directory
 */
export async function ownText(
  host: Pick<Host, "read">,
  path: string,
  found: (odd: OddFile) => void = () => undefined,
): Promise<string | undefined> {
  try {
    return await host.read(path, "own");
  } catch (error) {
    if (!(error instanceof OddFile)) throw error;
    found(error);
    return error.isDirectory ? undefined : "";
  }
}
