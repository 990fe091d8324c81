// A node that there is not: it has the files that it is given and every plugin, and notes what would be executed.
import { Code, Fault } from "../fault.ts";
import type { Execution, Host } from "../host/host.ts";

/** The confs of a node. */
export interface NodeFiles {
  read(path: string): Promise<string | undefined>;
  /** The names in a directory. */
  list(dir: string): Promise<string[]>;
  isDirectory(path: string): Promise<boolean>;
}

/** An execution of a plugin. */
export interface Executed {
  plugin: string;
  env: Record<string, string>;
  stdin: string;
}

/** Returns files as a node would have them. */
export function filesOf(files: ReadonlyMap<string, string>): NodeFiles {
  const below = (dir: string) => {
    const start = dir.endsWith("/") ? dir : `${dir}/`;
    return [...files.keys()].filter((path) => path.startsWith(start)).map((path) => path.slice(start.length));
  };
  return {
    read: async (path) => files.get(path),
    list: async (dir) =>
      below(dir)
        .filter((name) => !name.includes("/"))
        .sort(),
    isDirectory: async (path) => below(path).length > 0,
  };
}

/** What an imagined node does. */
interface Imagined {
  files: NodeFiles;
  /** Has the node a plugin of this name? */
  hasPlugin(name: string): boolean;
  /** Returns what a plugin prints when it adds a container. Throws a Fault with the plugin's own error. */
  answer(executed: Executed): string;
}

/** Nothing that is written to it lasts. */
export function imaginedHost({ files, hasPlugin, answer }: Imagined): Host {
  const nothing = async () => undefined;
  const unasked = (what: string) => async (): Promise<never> => {
    throw new Fault(Code.internal, `explain: an ADD has asked for ${what}; report it with its input`);
  };
  return {
    ...files,
    prepare: () => undefined,
    find: async (name, dirs) => (hasPlugin(name) ? `${dirs[0] ?? ""}/${name}` : undefined),
    async execute(path, { env, stdin }): Promise<Execution> {
      if (env.CNI_COMMAND !== "ADD") return { exitCode: 0, stdout: "", stderr: "" }; // it is undone
      const plugin = path.slice(path.lastIndexOf("/") + 1);
      try {
        return { exitCode: 0, stdout: answer({ plugin, env, stdin }), stderr: "" };
      } catch (error) {
        const { code, message } = Fault.of(error);
        return { exitCode: 1, stdout: JSON.stringify({ code, msg: message }), stderr: "" };
      }
    },
    configure: nothing,
    showLink: unasked("a link"),
    sysctl: nothing,
    moveRdma: nothing,
    exists: async (path) => !path.endsWith(".sock"), // what an ADD waits for is there, and the kubelet has a checkpoint
    size: async () => 0,
    write: nothing,
    writeSoon: nothing,
    settle: nothing,
    create: async () => true,
    append: nothing,
    rotate: nothing,
    readlink: nothing,
    set: nothing,
    remove: nothing,
    clearTemporaries: nothing,
    mark: unasked("a mark"),
    sync: nothing,
    grpc: unasked("the kubelet"),
  };
}
