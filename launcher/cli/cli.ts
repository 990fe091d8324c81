// The commands that an operator calls.
import { availableParallelism } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { localHost } from "../host/local.ts";
import { lazy } from "../lazy.ts";
import { CONF_DIR, PLUGIN_DIR, SOCKET, STATE_DIR } from "../paths.ts";
import { FEWEST_SLOTS } from "../resident/admission.ts";
import { parseEndpoint } from "../resident/endpoint.ts";
import { runDaemon, runResident } from "../resident/resident.ts";
import { listFunctions, tableOf } from "../sriov/list.ts";
import { attachments, forget } from "./attachments.ts";
import {
  type Installation,
  installBinaries,
  installConf,
  installKubeconfig,
  type Mode,
  uninstall,
} from "./install.ts";

/** How soon a change of the default network's conf, or of the token, is taken over, in milliseconds. */
const WATCH_EVERY = 2000;

const MODES: readonly Mode[] = ["on-demand", "resident", "one-shot"];

/** Source: unix(7), `sun_path` with its NUL. */
const LONGEST_SOCKET = 107;

const HELP = `Plexus, a CNI meta-plugin. A container runtime executes it; it is configured in /etc/cni/net.d.

plexus install [--on-demand | --resident | --one-shot] [--watch] [--bin-dir DIR] [--conf-dir DIR] [--kubeconfig PATH]
               [--root DIR] [--socket PATH]
    puts plexus and plexus-shim into the bin directory (/opt/cni/bin), and a conf before the node's first one in
    /etc/cni/net.d, whose network becomes the default one. --watch keeps the conf in step with that, and in a pod also a
    kubeconfig with its service account's token. The runtime executes the shim, whose first call starts a resident
    process; with --resident the shim starts none, as with a daemon; with --one-shot the runtime executes plexus for
    each call. --root is what the node's paths begin with, in a container

plexus uninstall [--bin-dir DIR] [--conf-dir DIR] [--kubeconfig PATH] [--root DIR]
               [--socket PATH]
    takes away what install has written, and ends the process that a shim has started; another kubeconfig stays

plexus resident [--socket PATH] [--idle SECONDS] [--replace] [--slots N]
    carries out calls for plexus-shim, until there has been none for some time (600 s; 0: for ever). N calls work at the
    same time (2 at least; 4 for each processor), not counting those that wait

plexus daemon [--socket PATH] [--node-name NAME] [--kubeconfig PATH] [--metrics HOST:PORT] [--slots N]
    the same in a DaemonSet's pod: it follows the node's pods (NODE_NAME) and all NetworkAttachmentDefinitions, and serves
    /metrics, /healthz and /readyz at HOST, which is an address of the node; at all of them if it is empty

plexus sriov list [--json] [--cni-dir DIR]
    shows the node's SR-IOV devices: PFs, VFs, netdevs, drivers, IOMMU groups, and which container has which VF

plexus lint FILE...|- [--format text|json|sarif|github] [--namespace NAME] [--node] [--bin-dir DIR]
    says what is wrong with confs, NetworkAttachmentDefinitions and pods, in YAML or JSON, where, and what to write instead.
    With --node this machine's plugins and interfaces are those that there are. The exit code is 1 if there are errors

plexus attachments [--json] [--cni-dir DIR]
    lists the attachments of all containers, by the files in DIR (/var/lib/cni/multus), Multus's too: attached, attaching,
    failing (how often a DEL has failed, and why), or an orphan, which only GC tries to detach

plexus forget CONTAINER [--network NAME] [--cni-dir DIR]
    takes a container, or what it has of one network, for detached: removes its files, so that no DEL and no GC tries that
    again. What plugins have made stays: addresses, interfaces, VFs. Only for a container that the runtime is not adding or
    deleting at that moment: what such a call attaches would be forgotten too. Multus does not know of --network
`;

/** Returns the exit code. */
export async function runCommand([command, ...args]: string[], version: string): Promise<number> {
  try {
    switch (command) {
      case "resident":
        await resident(args, version);
        return 0;
      case "daemon":
        await daemon(args, version);
        return 0;
      case "install":
        await install(args);
        return 0;
      case "sriov":
        await sriov(args);
        return 0;
      case "attachments":
        await attachments(args);
        return 0;
      case "forget":
        await forget(args);
        return 0;
      case "lint":
        return await lazy("lint").lint(args, version);
      case "uninstall":
        uninstall(installation(args).installation);
        return 0;
      default:
        process.stderr.write(HELP);
        return command === undefined || command === "help" || command === "--help" ? 0 : 2;
    }
  } catch (error) {
    process.stderr.write(`plexus ${command}: ${(error as Error).message}\n`);
    return 1;
  }
}

async function resident(args: string[], version: string): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      socket: { type: "string", default: SOCKET },
      idle: { type: "string", default: "600" },
      replace: { type: "boolean", default: false },
      "started-by-shim": { type: "boolean", default: false },
      slots: { type: "string" },
    },
  });
  const idleSeconds = Number(values.idle);
  if (!(idleSeconds >= 0)) throw new Error(`--idle ${values.idle}: a number of seconds is needed`);
  const { socket, replace, "started-by-shim": isStartedByShim } = values;
  const slots = slotsOf(values.slots);
  await runResident({ socket, idleSeconds, replace, isStartedByShim, slots, version });
}

async function daemon(args: string[], version: string): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      socket: { type: "string", default: SOCKET },
      "node-name": { type: "string", default: process.env.NODE_NAME ?? "" },
      kubeconfig: { type: "string", default: "" },
      metrics: { type: "string", default: "" },
      slots: { type: "string" },
    },
  });
  const { socket, "node-name": nodeName, kubeconfig } = values;
  if (nodeName === "")
    throw new Error("it needs the node's name: give --node-name, or set NODE_NAME to spec.nodeName");
  const metrics = values.metrics === "" ? undefined : parseEndpoint(values.metrics);
  if (values.metrics !== "" && !metrics)
    throw new Error(
      `--metrics ${values.metrics}: HOST:PORT is needed, as in 10.0.0.1:9410, [fd00::1]:9410 or :9410`,
    );
  await runDaemon({ socket, version, nodeName, kubeconfig, metrics, slots: slotsOf(values.slots) });
}

/** Enough for all processors by itself, as most of a call is waiting for delegates. */
function slotsOf(text = `${4 * availableParallelism()}`): number {
  const slots = Number(text);
  if (Number.isInteger(slots) && slots >= FEWEST_SLOTS) return slots;
  throw new Error(`--slots ${text}: a whole number is needed, ${FEWEST_SLOTS} at least`);
}

async function sriov([command, ...args]: string[]): Promise<void> {
  if (command !== "list") throw new Error("there is `plexus sriov list` only");
  const { values } = parseArgs({
    args,
    options: { json: { type: "boolean", default: false }, "cni-dir": { type: "string", default: STATE_DIR } },
  });
  const functions = await listFunctions(localHost, values["cni-dir"], (message) => console.error(message));
  console.log(values.json ? JSON.stringify(functions, null, 2) : tableOf(functions));
}

async function install(args: string[]): Promise<void> {
  const { installation: made, watch } = installation(args);
  let said = "";
  const step = async () => {
    const kubeconfig = await installKubeconfig(made, process.env);
    if (kubeconfig !== undefined) console.log(kubeconfig);
    const conf = await installConf(made);
    if (conf !== undefined && conf !== said) console.log(conf);
    said = conf ?? said;
  };
  await installBinaries(made);
  await step();
  if (!watch) return;
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.abort());
  while (!ended.signal.aborted) {
    await sleep(WATCH_EVERY, undefined, { signal: ended.signal }).catch(() => undefined);
    try {
      await step();
    } catch (error) {
      const { message } = error as Error; // a full disk passes
      if (message !== said) console.error(`plexus install: ${message}`);
      said = message;
    }
  }
}

function installation(args: string[]): { installation: Installation; watch: boolean } {
  const { values } = parseArgs({
    args,
    options: {
      "bin-dir": { type: "string", default: PLUGIN_DIR },
      "conf-dir": { type: "string", default: CONF_DIR },
      kubeconfig: { type: "string", default: "" },
      root: { type: "string", default: "/" },
      socket: { type: "string", default: SOCKET },
      "on-demand": { type: "boolean", default: false },
      resident: { type: "boolean", default: false },
      "one-shot": { type: "boolean", default: false },
      watch: { type: "boolean", default: false },
    },
  });
  for (const name of ["bin-dir", "conf-dir", "kubeconfig", "root", "socket"] as const) {
    const path = values[name];
    const isOptional = name === "kubeconfig" && path === "";
    if (!isOptional && !path.startsWith("/"))
      throw new Error(`--${name} ${path}: an absolute path is needed`);
  }
  if (Buffer.byteLength(values.socket) > LONGEST_SOCKET) {
    throw new Error(`--socket ${values.socket}: a path of at most ${LONGEST_SOCKET} bytes is needed`);
  }
  const isInPod = process.env.KUBERNETES_SERVICE_HOST !== undefined;
  const fallback = isInPod ? `${values["conf-dir"]}/plexus.d/plexus.kubeconfig` : "";
  const [mode = "on-demand", ...others] = MODES.filter((name) => values[name]);
  if (others.length > 0) throw new Error(`--${mode} and --${others[0]}: there is one way to run it`);
  return {
    installation: {
      binDir: values["bin-dir"],
      confDir: values["conf-dir"],
      kubeconfig: values.kubeconfig || fallback,
      root: values.root,
      mode,
      socket: values.socket,
    },
    watch: values.watch,
  };
}
