// What Plexus does to the machine it serves: execute plugins, keep small files. Every verb is written against this,
// so that the same code runs where the runtime called it, elsewhere for it, and in the simulator.
import { Code, Fault } from "../fault.ts";

/** Where the system's own commands are: a runtime's PATH may lack some of these. */
export const SYSTEM_DIRS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

/** Bytes that an execution may print on stdout and stderr together. The largest results in use have a few kilobytes. */
export const MAX_OUTPUT = 4 << 20;

export interface Execution {
  exitCode: number;
  stdout: string;
  stderr: string;
}

export interface ExecuteOptions {
  args?: string[];
  /** The path of the network namespace to run in; this machine's own unless given. */
  netns?: string;
  env: Record<string, string>;
  stdin: string;
  /** Milliseconds after which the process and its children are killed; 0 for never. */
  timeout: number;
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
  constructor(why: string) {
    super(Code.internal, why);
  }
}

export interface Host {
  /** Makes the first execution quick: for a moment when there is nothing else to do. */
  prepare(): void;
  /** The path of the executable file `name` in the first of `dirs` that has it. */
  find(name: string, dirs: string[]): Promise<string | undefined>;
  /**
   * Runs an executable. Rejects with a Fault if it cannot be run, prints too much or bytes that are not UTF-8, or takes too
   * long.
   */
  execute(path: string, options: ExecuteOptions): Promise<Execution>;
  /** A file's text, or undefined if there is no file. */
  read(path: string): Promise<string | undefined>;
  /** The names in a directory, sorted; none if it is not there. */
  list(dir: string): Promise<string[]>;
  isDirectory(path: string): Promise<boolean>;
  exists(path: string): Promise<boolean>;
  /** The size of a file, in bytes, exact to a kilobyte; 0 if there is none. */
  size(path: string): Promise<number>;
  /**
   * Writes a file of mode 0600, whole or not at all; with its directory (0700) if that is missing. It survives a loss of
   * power once this has resolved. Until it is whole its name starts with a dot.
   */
  write(path: string, text: string): Promise<void>;
  /** The same, if there is no such file yet: false, and nothing is changed, if there is one. */
  create(path: string, text: string): Promise<boolean>;
  /** Adds lines to a log file of mode 0600, in one piece; makes it, and its directory (0755), if they are missing. */
  append(path: string, text: string): Promise<void>;
  /** Sets a log file aside as a backup, and removes the backups that are too many or too old. */
  rotate(path: string, rotation: Rotation): Promise<void>;
  /** Where a link of sysfs points to; undefined if there is no link. */
  readlink(path: string): Promise<string | undefined>;
  /** Writes a value into a file of sysfs. */
  set(path: string, value: string): Promise<void>;
  /** Removes a file; one that is not there is not an error. */
  remove(path: string): Promise<void>;
  /**
   * Calls a method without arguments of a gRPC server on a unix socket of this machine: its answer, undecoded. Waits for a
   * server that is restarting or busy.
   *
   * @param method its full name, `/package.Service/Method`
   * @param limitMs for everything, in milliseconds
   */
  grpc(socket: string, method: string, limitMs: number): Promise<Uint8Array>;
}
