// The options of `plexus migrate`, and what it is asked for.
import { CONF_DIR, PLUGIN_DIR, SOCKET } from "../../paths.ts";
import { ABSOLUTE_DIR, ABSOLUTE_PATH, type Options, ROOT, type Values } from "../command.ts";
import { asBefore } from "../install/before.ts";
import type { Installation } from "../install/installation.ts";
import { parseOptions } from "../install/options.ts";

export interface Migration {
  isBack: boolean;
  isDryRun: boolean;
  /** The runtime's directory of confs. */
  confDir: string;
  /** The prefix of the node's paths. */
  root: string;
  /** "" for what is found. */
  kubeconfig: string;
  clusterNetwork: string;
  daemonConfig: string;
  kubeletDir: string;
  /** For the binaries. */
  installation: Installation;
}

const MODES = ["on-demand", "resident", "one-shot"] as const;

export const MIGRATE = {
  back: { help: "back to Multus" },
  "dry-run": { help: "show how the conf changes, and try it; write nothing" },
  "on-demand": {
    help: "the shim starts the resident process if there is none: unless Plexus was installed otherwise",
  },
  resident: { help: "the shim starts none: `plexus daemon` decides" },
  "one-shot": { help: "the runtime executes plexus for each call" },
  "bin-dir": { ...ABSOLUTE_DIR, fallback: PLUGIN_DIR, help: "the runtime's directory of plugins" },
  "conf-dir": { ...ABSOLUTE_DIR, fallback: CONF_DIR, help: "the runtime's directory of confs" },
  "cluster-network": {
    ...ABSOLUTE_PATH,
    fallback: "",
    help: "the default network's conf: what Multus's own conf says",
  },
  "daemon-config": {
    ...ABSOLUTE_PATH,
    fallback: "",
    help: "the conf of Multus's daemon: that of its pods on this node",
  },
  kubeconfig: { ...ABSOLUTE_PATH, fallback: "", help: "by which the API server is asked: Multus's" },
  "kubelet-dir": {
    ...ABSOLUTE_DIR,
    fallback: "/var/lib/kubelet",
    help: "where the volumes of Multus's pods are",
  },
  root: { ...ROOT, help: "what the node's paths begin with" },
  socket: { ...ABSOLUTE_PATH, fallback: "", help: `the resident process's socket: ${SOCKET}` },
} satisfies Options;

export function migrationOf(values: Values<typeof MIGRATE>): Migration {
  const { "conf-dir": confDir, kubeconfig, root } = values;
  const own = ["bin-dir", "conf-dir", "root"] as const;
  const options = own.flatMap((name) => [`--${name}`, values[name]]);
  // Plexus's DaemonSet may have been here before: an option that is not given changes nothing of what it has set up.
  const modes = MODES.filter((name) => values[name]);
  const { socket } = values;
  const all = [...options, ...modes.map((name) => `--${name}`), ...(socket ? ["--socket", socket] : [])];
  const installation = asBefore(parseOptions(all, "install"), process.env);
  return {
    isBack: values.back,
    isDryRun: values["dry-run"],
    confDir,
    root,
    kubeconfig,
    clusterNetwork: values["cluster-network"],
    daemonConfig: values["daemon-config"],
    kubeletDir: values["kubelet-dir"],
    installation,
  };
}
