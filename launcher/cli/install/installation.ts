// What `plexus install` is asked for, and where it puts what.
import { join } from "node:path";
import { SOCKET } from "../../paths.ts";
import { usage } from "../command.ts";
import type { Options } from "./options.ts";

/** Who starts the resident process: the shim that finds none, or somebody else; or is every call done by itself? */
type Mode = "on-demand" | "resident" | "one-shot";

export interface Installation {
  options: Options;
  /** The runtime's directory of plugins. */
  binDir: string;
  /** The runtime's directory of confs. */
  confDir: string;
  /** Where the default network's conf is looked for. */
  sourceDir: string;
  mode: Mode;
  /** The socket of the resident process. */
  socket: string;
  /** The path of a kubeconfig for the conf; "" if the node has no Kubernetes. */
  kubeconfig: string;
  /** The prefix of the node's paths as the installer sees them: `/host` in a container. */
  root: string;
  /** "" if nobody has said it. */
  nodeName: string;
}

/** How Plexus is run. */
export type SetUp = Pick<Installation, "mode" | "socket">;

/** The runtime takes the first conf by name. */
export const CONF = "00-plexus.conflist";
/** A conf that is not a list; the one that versions before 0.2 have written sorts first, so it goes once the list is there. */
export const PLAIN_CONF = "00-plexus.conf";
/** The conf while there is no default network: what an administrator has added to it stays. */
export const ASIDE = `${CONF}.aside`;
/** Below the conf directory, for root alone. Runtimes read no directory. */
export const OWN_DIR = "plexus.d";

const MODES: readonly Mode[] = ["on-demand", "resident", "one-shot"];

/** What these say is in the conf that is made here, and nowhere else. */
const OF_CONF = [
  "primary",
  "source-dir",
  "name",
  "cni-version",
  "namespace-isolation",
  "global-namespaces",
  "readiness-file",
  "attach",
  "delegate-timeout",
  "log-level",
  "kubelet-root",
] as const;

/**
 * @param before what is kept where no option says otherwise; undefined for the defaults
 * @throws Error if two ways to run it are asked for, or what a conf that is copied would not have
 */
export function installationOf(options: Options, env: NodeJS.ProcessEnv, before?: SetUp): Installation {
  const confDir = options["conf-dir"];
  const isInPod = env.KUBERNETES_SERVICE_HOST !== undefined;
  const fallback = isInPod ? `${confDir}/${OWN_DIR}/plexus.kubeconfig` : "";
  const [mode = before?.mode ?? "on-demand", ...others] = MODES.filter((name) => options[name]);
  if (others.length > 0) throw usage(`--${mode} and --${others[0]}: there is one way to run it`);
  if (options.hotplug && mode !== "resident")
    throw usage("--hotplug: it is the daemon that changes networks of pods that run; give --resident too");
  if (options["conf-file"] !== undefined) {
    const vain = OF_CONF.find((name) => options[name] !== undefined && options[name] !== false);
    if (vain) throw usage(`--conf-file and --${vain}: that conf is copied as it is; set it in there`);
  }
  return {
    options,
    binDir: options["bin-dir"],
    confDir,
    sourceDir: options["source-dir"] ?? confDir,
    kubeconfig: options.kubeconfig || fallback,
    root: options.root,
    mode,
    socket: options.socket ?? before?.socket ?? SOCKET,
    nodeName: options["node-name"] ?? env.NODE_NAME ?? "",
  };
}

/** The path of a file of the node, as the installer sees it. */
export function onNode({ root }: Installation, ...parts: string[]): string {
  return join(root, ...parts);
}
