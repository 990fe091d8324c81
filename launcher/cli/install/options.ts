// The options of `plexus install` and `plexus uninstall`: one table, of which the parser and the help are made.
import { parseArgs } from "node:util";
import { CONF_DIR, KUBELET_ROOT, PLUGIN_DIR, SOCKET, STATE_DIR } from "../../paths.ts";

interface Option {
  /** What stands for its value in the help; a switch has none. */
  value?: string;
  fallback?: string;
  /** What its value has to be. */
  is?: (value: string) => boolean;
  must?: string;
  /** Also of `uninstall`. */
  isOfUninstall?: true;
  help: string;
}

/** Source: unix(7), `sun_path` with its NUL. */
const LONGEST_SOCKET = 107;
const MAX_DELEGATE_TIMEOUT_SECONDS = 86400;
const MAX_SHIM_TIMEOUT_MS = 3_600_000;

const isAbsolute = (value: string) => value.startsWith("/") && !/\s/.test(value);
const path = { is: isAbsolute, must: "an absolute path without spaces is needed" } as const;
const oneOf = (...words: string[]) => ({
  value: words.join("|"),
  is: (value: string) => words.includes(value),
  must: `it is one of ${words.join(", ")}`,
});
const upTo = (most: number) => ({
  is: (value: string) => /^[1-9]\d*$/.test(value) && Number(value) <= most,
  must: `a whole number from 1 to ${most} is needed`,
});
/** Source: CNI spec 1.1.0, section 1; as a file name of libcni's cache it is short. */
const isName = (value: string) => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(value);
const name = { value: "NAME", is: isName, must: "a name of letters, digits, `_`, `.` and `-` is needed" };

const TABLE = {
  "on-demand": {
    help: "the shim starts the resident process if there is none: this is what install does unless told",
  },
  resident: { help: "the shim starts none: `plexus daemon` decides" },
  "one-shot": { help: "the runtime executes plexus for each call" },
  watch: {
    help: "keep conf and kubeconfig in step with the default network's conf, the service account and the server",
  },
  ready: {
    help: "only asks the installer that runs in this container (--watch) whether the conf is there: it is if the exit code is 0",
  },
  "bin-dir": {
    ...path,
    value: "DIR",
    fallback: PLUGIN_DIR,
    isOfUninstall: true,
    help: "the runtime's directory of plugins",
  },
  "conf-dir": {
    ...path,
    value: "DIR",
    fallback: CONF_DIR,
    isOfUninstall: true,
    help: "the runtime's directory of confs",
  },
  root: {
    ...path,
    value: "DIR",
    fallback: "/",
    isOfUninstall: true,
    help: "what the node's paths begin with, such as /host in a container",
  },
  socket: {
    value: "PATH",
    fallback: SOCKET,
    is: (value: string) => isAbsolute(value) && Buffer.byteLength(value) <= LONGEST_SOCKET,
    must: `an absolute path without spaces, of at most ${LONGEST_SOCKET} bytes is needed`,
    isOfUninstall: true,
    help: "the resident process's socket",
  },
  "source-dir": {
    ...path,
    value: "DIR",
    help:
      "where the default network's conf is, if not in --conf-dir: then no pod starts without Plexus, not even while the node " +
      "boots, and a runtime's GC does not see that conf beside Plexus's",
  },
  primary: {
    value: "FILE",
    is: (value: string) => value !== "" && (isAbsolute(value) || isName(value)),
    must: "a name in the conf directory, or an absolute path, is needed",
    help:
      "the default network's conf: a name in --source-dir or --conf-dir, or a path. Else the first one there by name. This and " +
      "--source-dir hold for later calls too, until others are given or Plexus is uninstalled",
  },
  "conf-file": {
    ...path,
    value: "FILE",
    help: "a conf that is copied as it is, instead of one made here; FILE is where install itself runs, without --root",
  },
  name: { ...name, help: "the conf's name: plexus, unless the conf that is there has another one" },
  "cni-version": {
    ...oneOf("0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"),
    help:
      "the conf's cniVersion. Else it is the primary network's, for runtimes before CNI 1.1.0, and 1.1.0, of which STATUS and " +
      "GC are, for all others (cniVersions)",
  },
  "namespace-isolation": { help: "pods select networks of their own namespace, and of the global ones" },
  "global-namespaces": {
    value: "A,B",
    is: (value: string) => /^[a-z0-9-]+(,[a-z0-9-]+)*$/.test(value),
    must: "namespaces with commas between them are needed",
    help: "the namespaces whose networks are for all pods: default",
  },
  "readiness-file": {
    ...path,
    value: "PATH",
    help: "ADD waits until the default network's plugin has made this file",
  },
  attach: { ...oneOf("sequential", "parallel"), help: "how a pod's secondary networks are attached" },
  "delegate-timeout": {
    ...upTo(MAX_DELEGATE_TIMEOUT_SECONDS),
    value: "SECONDS",
    help: "after which a plugin is ended, and its ADD undone: never",
  },
  "log-level": { ...oneOf("panic", "error", "warning", "info", "verbose", "debug"), help: "what is logged" },
  "log-file": { ...path, value: "PATH", help: "where to" },
  "plugin-dir": { ...path, value: "DIR", help: "where the networks' plugins are, if not in --bin-dir" },
  "state-dir": {
    ...path,
    value: "DIR",
    isOfUninstall: true,
    help: `the files of attachments: ${STATE_DIR}, Multus's`,
  },
  "kubelet-root": {
    ...path,
    value: "DIR",
    help: `the kubelet's root directory, where its devices are asked for: ${KUBELET_ROOT}`,
  },
  ...shimTimeouts({
    connect: "the shim tries to reach a resident process that takes no more calls: 1000",
    start: "one that is being started may do nothing: 2000",
    accept: "one has to accept a call: 3000",
    silence: "one may say nothing during a call: 10000",
    wait: "the shim waits for the daemon on a node where plexus itself cannot run: 30000",
  }),
  kubeconfig: {
    value: "PATH",
    fallback: "",
    is: (value: string) => value === "" || isAbsolute(value),
    must: path.must,
    isOfUninstall: true,
    help: "by which the API server is asked. In a pod it is written: plexus.d/plexus.kubeconfig in the conf directory",
  },
  "service-account": {
    ...name,
    help: "in a pod: whose token the kubeconfig gets, an account of the pod's namespace. Without it, it is the pod's own, which ends with the pod",
  },
  daemonset: {
    ...name,
    help: "in a pod: when this DaemonSet of its namespace has been deleted, conf and kubeconfig go when the pod does",
  },
  "node-name": {
    value: "NAME",
    is: (value: string) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(value),
    must: "the name of a node is needed",
    help: "the node's name (NODE_NAME): the token ends with the node, where Kubernetes can do so",
  },
} satisfies Record<string, Option>;

type Name = keyof typeof TABLE;

/** What was given, or its fallback; switches are true or false. */
export type Options = {
  [key in Name]: (typeof TABLE)[key] extends { fallback: string }
    ? string
    : (typeof TABLE)[key] extends { value: string }
      ? string | undefined
      : boolean;
};

export const SHIM_TIMEOUTS = ["connect", "start", "accept", "silence", "wait"] as const;

function shimTimeouts(help: Record<(typeof SHIM_TIMEOUTS)[number], string>) {
  const option = (text: string) => ({ ...upTo(MAX_SHIM_TIMEOUT_MS), value: "MS", help: `how long ${text}` });
  return {
    "connect-timeout-ms": option(help.connect),
    "start-timeout-ms": option(help.start),
    "accept-timeout-ms": option(help.accept),
    "silence-timeout-ms": option(help.silence),
    "wait-timeout-ms": option(help.wait),
  };
}

/** @throws Error that names the option which is unknown or cannot be */
export function parseOptions(args: string[], command: "install" | "uninstall"): Options {
  const entries = entriesOf(command);
  const options = Object.fromEntries(
    entries.map(([key, { value, fallback }]) => [
      key,
      {
        type: value === undefined ? ("boolean" as const) : ("string" as const),
        ...defaultOf(value, fallback),
      },
    ]),
  );
  const { values } = parseArgs({ args, options });
  for (const [key, { is, must, fallback }] of entries) {
    const given = values[key];
    if (typeof given === "string" && given !== fallback && is && !is(given))
      throw new Error(`--${key} ${given}: ${must}`);
  }
  return values as unknown as Options;
}

function defaultOf(value: string | undefined, fallback: string | undefined) {
  if (value === undefined) return { default: false };
  return fallback === undefined ? {} : { default: fallback };
}

/** The table, for a person. */
export function helpOf(command: "install" | "uninstall"): string {
  return entriesOf(command)
    .map(([key, { value, fallback, help }]) => {
      const option = `--${key}${value === undefined ? "" : ` ${value}`}`;
      const text = wrapped(help + (fallback ? ` (${fallback})` : ""));
      const gap = option.length > OPTION_WIDTH ? `\n${" ".repeat(OPTION_WIDTH + 5)}` : " ";
      return `    ${option.padEnd(OPTION_WIDTH)}${gap}${text}\n`;
    })
    .join("");
}

/** The names alone. */
export function optionsOf(command: "install" | "uninstall"): string {
  return entriesOf(command)
    .map(([key]) => `--${key}`)
    .join(", ");
}

const OPTION_WIDTH = 30;
const WIDTH = 88;

function wrapped(text: string): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const last = lines.at(-1) ?? "";
    if (last !== "" && last.length + 1 + word.length > WIDTH) lines.push(word);
    else lines[lines.length - 1] = last === "" ? word : `${last} ${word}`;
  }
  return lines.join(`\n${" ".repeat(OPTION_WIDTH + 5)}`);
}

function entriesOf(command: "install" | "uninstall"): [string, Option][] {
  const all = Object.entries(TABLE) as [string, Option][];
  return all.filter(([, { isOfUninstall }]) => command === "install" || isOfUninstall);
}
