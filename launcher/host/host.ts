// What Plexus does to the machine it serves: execute plugins, keep small files. Every verb is written against this,
// so that the same code runs where the runtime called it, or elsewhere for it.

/** Where the system's own commands are: a runtime's PATH may lack some of these. */
export const SYSTEM_DIRS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"];

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

export interface Host {
  /** Makes the first execution quick: for a moment when there is nothing else to do. */
  prepare(): void;
  /** The path of the executable file `name` in the first of `dirs` that has it. */
  find(name: string, dirs: string[]): Promise<string | undefined>;
  /** Runs an executable. Rejects with a Fault where it cannot be run, or says too much, or not UTF-8, or never ends. */
  execute(path: string, options: ExecuteOptions): Promise<Execution>;
  /** A file's text, or undefined where there is no file. */
  read(path: string): Promise<string | undefined>;
  /** The names in a directory, sorted; none where it is not there. */
  list(dir: string): Promise<string[]>;
  isDirectory(path: string): Promise<boolean>;
  exists(path: string): Promise<boolean>;
  /**
   * Writes a file of mode 0600, whole or not at all, synced; with its directory (0700) where that is missing. Until it
   * is whole its name starts with a dot.
   */
  write(path: string, text: string): Promise<void>;
  /** The same, where there is no such file yet: false, and nothing is changed, where there is one. */
  create(path: string, text: string): Promise<boolean>;
  /** Where a link of sysfs points to; undefined where there is no link. */
  readlink(path: string): Promise<string | undefined>;
  /** Writes a value into a file of sysfs. */
  set(path: string, value: string): Promise<void>;
  /** Removes a file; one that is not there is no error. */
  remove(path: string): Promise<void>;
}
