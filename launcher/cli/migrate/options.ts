// What `plexus migrate` is asked for.
import { join } from "node:path";
import { parseArgs } from "node:util";
import { CONF_DIR, PLUGIN_DIR } from "../../paths.ts";
import { setUpBy } from "../install/binaries.ts";
import { type Installation, installationOf } from "../install/installation.ts";
import { parseOptions } from "../install/options.ts";
import { readText } from "../install/place.ts";

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

const PATHS = {
  "bin-dir": PLUGIN_DIR,
  "cluster-network": "",
  "conf-dir": CONF_DIR,
  "daemon-config": "",
  kubeconfig: "",
  "kubelet-dir": "/var/lib/kubelet",
  root: "/",
  socket: "",
} as const;

export function migrationOf(args: string[]): Migration {
  const flag = { type: "boolean", default: false } as const;
  const path = { type: "string" } as const;
  const { values } = parseArgs({
    args,
    options: {
      back: flag,
      "dry-run": flag,
      "on-demand": flag,
      resident: flag,
      "one-shot": flag,
      "bin-dir": path,
      "cluster-network": path,
      "conf-dir": path,
      "daemon-config": path,
      kubeconfig: path,
      "kubelet-dir": path,
      root: path,
      socket: path,
    },
  });
  const pathOf = (name: keyof typeof PATHS) => {
    const value = values[name] ?? PATHS[name];
    if (values[name] === undefined || value.startsWith("/")) return value;
    throw new Error(`--${name} ${value}: an absolute path is needed`);
  };
  const [confDir, kubeconfig, root] = [pathOf("conf-dir"), pathOf("kubeconfig"), pathOf("root")];
  const own = ["bin-dir", "conf-dir", "root"] as const;
  const options = own.flatMap((name) => [`--${name}`, pathOf(name)]);
  // Plexus's DaemonSet may have been here before: an option that is not given changes nothing of what it has set up.
  const before = setUpBy(readText(join(root, pathOf("bin-dir"), "plexus-shim.conf")));
  const asked = MODES.filter((name) => values[name]);
  const modes = asked.length > 0 ? asked : before ? [before.mode] : [];
  const socket = pathOf("socket") || before?.socket;
  const all = [...options, ...modes.map((name) => `--${name}`), ...(socket ? ["--socket", socket] : [])];
  const installation = installationOf(parseOptions(all, "install"), process.env);
  return {
    isBack: values.back,
    isDryRun: values["dry-run"],
    confDir,
    root,
    kubeconfig,
    clusterNetwork: pathOf("cluster-network"),
    daemonConfig: pathOf("daemon-config"),
    kubeletDir: pathOf("kubelet-dir"),
    installation,
  };
}
