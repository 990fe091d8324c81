// The options of `plexus install` and `plexus uninstall`.
import { CONF_DIR, KUBELET_ROOT, PLUGIN_DIR, SOCKET, STATE_DIR } from "../../paths.ts";
import { type Option, ROOT, type Values, wholeNumber } from "../command.ts";
import { parse } from "../parser.ts";

/** Source: unix(7), `sun_path` with its NUL. */
const LONGEST_SOCKET = 107;
const MAX_DELEGATE_TIMEOUT_SECONDS = 86400;
const MAX_SHIM_TIMEOUT_MS = 3_600_000;

const isAbsolute = (value: string) => value.startsWith("/") && !/\s/.test(value);
const path = { is: isAbsolute, must: "an absolute path without spaces is needed" } as const;
const oneOf = (value: string, ...choices: string[]) => ({ value, choices });
/** Source: CNI spec 1.1.0, section 1; as a file name of libcni's cache it is short. */
const isName = (value: string) => /^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$/.test(value);
const name = { value: "NAME", is: isName, must: "a name of letters, digits, `_`, `.` and `-` is needed" };

export const INSTALL = {
  "on-demand": {
    help: "the shim starts the resident process if there is none: a first installation is run so, unless told otherwise",
  },
  resident: { help: "the shim starts none: `plexus daemon` decides" },
  "one-shot": { help: "the runtime executes plexus for each call" },
  hotplug: {
    help:
      "with --resident: the shim notes the sandboxes that it attaches, and lets the daemon read which pod has which devices, so that " +
      "networks may come and go while pods run. Where there is systemd, the executor becomes a unit of it, unless --root is given",
  },
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
    help: "the runtime's directory of plugins",
  },
  "conf-dir": {
    ...path,
    value: "DIR",
    fallback: CONF_DIR,
    help: "the runtime's directory of confs",
  },
  root: {
    ...ROOT,
    help: "what the node's paths begin with, such as /host in a container",
  },
  socket: {
    value: "PATH",
    is: (value: string) => isAbsolute(value) && Buffer.byteLength(value) <= LONGEST_SOCKET,
    must: `an absolute path without spaces, of at most ${LONGEST_SOCKET} bytes is needed`,
    help: `the resident process's socket: ${SOCKET}, unless Plexus was installed with another one`,
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
    ...oneOf("VERSION", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"),
    help:
      "the conf's cniVersion, if not the primary network's, for runtimes before CNI 1.1.0, and 1.1.0, of which STATUS and GC " +
      "are, for all others (cniVersions)",
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
  attach: { ...oneOf("HOW", "sequential", "parallel"), help: "how a pod's secondary networks are attached" },
  "delegate-timeout": {
    ...wholeNumber(1, MAX_DELEGATE_TIMEOUT_SECONDS),
    value: "SECONDS",
    help: "after which a plugin is ended, and its ADD undone: never",
  },
  "log-level": {
    ...oneOf("LEVEL", "panic", "error", "verbose", "debug"),
    help: "what is logged",
  },
  "log-file": { ...path, value: "PATH", help: "where to" },
  "plugin-dir": { ...path, value: "DIR", help: "where the networks' plugins are, if not in --bin-dir" },
  "state-dir": {
    ...path,
    value: "DIR",
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
    help: "by which the API server is asked. In a pod it is written: plexus.d/plexus.kubeconfig in the conf directory",
  },
  "service-account": {
    ...name,
    help: "in a pod: whose token the kubeconfig gets, an account of the pod's namespace. Without it, it is the pod's own, which ends with the pod",
  },
  daemonset: {
    ...name,
    help:
      "in a pod: when this DaemonSet of its namespace has been deleted, conf and kubeconfig go when the pod does. Its arguments alone say " +
      "how Plexus is run: without one of the mode, it is on demand",
  },
  "node-name": {
    value: "NAME",
    is: (value: string) => /^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/.test(value),
    must: "the name of a node is needed",
    help: "the node's name (NODE_NAME): the token ends with the node, where Kubernetes can do so",
  },
} satisfies Record<string, Option>;

/** The places: where things are on the node. */
export const UNINSTALL = {
  "bin-dir": INSTALL["bin-dir"],
  "conf-dir": INSTALL["conf-dir"],
  root: INSTALL.root,
  socket: INSTALL.socket,
  "state-dir": INSTALL["state-dir"],
  kubeconfig: INSTALL.kubeconfig,
} satisfies Record<string, Option>;

export type Options = Values<typeof INSTALL>;

export const SHIM_TIMEOUTS = ["connect", "start", "accept", "silence", "wait"] as const;

function shimTimeouts(help: Record<(typeof SHIM_TIMEOUTS)[number], string>) {
  const option = (text: string) => ({
    ...wholeNumber(1, MAX_SHIM_TIMEOUT_MS),
    value: "MS",
    help: `how long ${text}`,
  });
  return {
    "connect-timeout-ms": option(help.connect),
    "start-timeout-ms": option(help.start),
    "accept-timeout-ms": option(help.accept),
    "silence-timeout-ms": option(help.silence),
    "wait-timeout-ms": option(help.wait),
  };
}

/** Parses the options of one of the two; `uninstall` takes the others for not given. Throws if one cannot be. */
export function parseOptions(args: string[], command: "install" | "uninstall"): Options {
  return command === "install"
    ? parse("install", INSTALL, args)
    : withPlaces(parse("uninstall", UNINSTALL, args));
}

/** Returns install's options, of which only the places were asked for. */
export function withPlaces(places: Values<typeof UNINSTALL>): Options {
  return { ...parse("install", INSTALL, []), ...places };
}
