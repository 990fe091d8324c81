// The commands that an operator calls.
import { parseArgs } from "node:util";
import { localHost } from "../host/local.ts";
import { lazy } from "../lazy.ts";
import { STATE_DIR } from "../paths.ts";
import { runDaemon, runResident } from "../resident/resident.ts";
import { listFunctions } from "../sriov/list.ts";
import { thisBuild } from "../version.ts";
import { attachments, forget } from "./attachments.ts";
import { tableOf } from "./functions.ts";
import { install, uninstall } from "./install/command.ts";
import { helpOf, optionsOf } from "./install/options.ts";
import { migrateBack } from "./migrate/back.ts";
import { migrateForward } from "./migrate/forward.ts";
import { migrationOf } from "./migrate/options.ts";
import { outputWithoutStderr, SERVING_OPTIONS, servingOf } from "./serving.ts";

const help =
  () => `Plexus, a CNI meta-plugin. A container runtime executes it; it is configured in /etc/cni/net.d.

plexus install [OPTION...]
    puts plexus and plexus-shim into the runtime's directory of plugins, and a conf before the node's first one, whose network
    becomes the default one. It keeps what you have added to its conf and to plexus-shim.conf: an option that is not given
    changes no key. It says what it has done, what is missing and what is next. Each option has its default behind it
${helpOf("install")}
plexus migrate [--dry-run] [--back] [--on-demand | --resident | --one-shot] [--bin-dir DIR] [--conf-dir DIR]
               [--kubeconfig PATH] [--cluster-network PATH] [--daemon-config PATH] [--kubelet-dir DIR] [--root DIR]
               [--socket PATH]
    takes a node over from Multus, thin or thick, while its pods run: shows how the conf changes, tries STATUS and an ADD up
    to its plugins, installs the binaries, and renames the new conf into its place; --back does the opposite, --dry-run
    only shows and tries

plexus uninstall [OPTION...]
    takes away what install has written, the conf first: from then on new pods get the default network alone. As long as pods
    are attached by Plexus, plexus and plexus-shim stay for their deletion; another kubeconfig stays. The options are
    install's: ${optionsOf("uninstall")}

plexus resident [--socket PATH] [--idle SECONDS] [--replace] [--slots N] [--connections N] [--metrics HOST:PORT]
                [--log-level error|info|debug] [--log-format text|json] [--log-file PATH]
    carries out calls for plexus-shim, until there has been none for some time (600 s; 0: for ever). N calls work at the
    same time (2 at least; 4 for each processor), not counting those that wait; --connections is how many there are at once
    (1000), each further one becomes plexus. Its log goes to stderr, or to PATH

plexus daemon [--node-name NAME] [--kubeconfig PATH], and the options of plexus resident but --idle and --replace
    the same in a DaemonSet's pod: it follows the node's pods (NODE_NAME) and all NetworkAttachmentDefinitions, and serves
    /metrics, /healthz and /readyz at HOST, which is an address of the node; at all of them if it is empty

plexus sriov list [--json] [--cni-dir DIR]
    shows the node's SR-IOV devices: PFs, VFs, netdevs, drivers, IOMMU groups, and which container has which VF

plexus lint FILE...|- [--format text|json|sarif|github] [--namespace NAME] [--node] [--bin-dir DIR]
    says what is wrong with confs, NetworkAttachmentDefinitions and pods, in YAML or JSON, where, and what to write instead.
    With --node this machine's plugins and interfaces are those that there are. The exit code is 1 if there are errors

plexus explain FILE... [--conf FILE] [--pod NAME] [--namespace NAME] [--node] [--stdin] [--json | --dot | --svg]
plexus explain NAMESPACE/POD [--conf FILE] [--conf-dir DIR] [--kubeconfig PATH] [--cni-dir DIR] [--stdin] [--json | --dot | --svg]
    says what an ADD does for a pod, without doing it: networks, interfaces, addresses, network-status, what is wrong. The pod,
    its networks and confs are in files; with --node, this machine's confs and plugins are there too. Of NAMESPACE/POD in the
    cluster it also says what has happened: the failures, when, and what to do. --stdin shows what each plugin is given. The
    exit code is 1 if the ADD fails

plexus attachments [--json] [--cni-dir DIR]
    lists the attachments of all containers, by the files in DIR (/var/lib/cni/multus), Multus's too: attached, attaching,
    failing (how often a DEL has failed, and why), or an orphan, which only GC tries to detach

plexus forget CONTAINER [--network NAME] [--cni-dir DIR]
    takes a container, or what it has of one network, for detached: removes its files, so that no DEL and no GC tries that
    again. What plugins have made stays: addresses, interfaces, VFs. Only for a container that the runtime is not adding or
    deleting at that moment: what such a call attaches would be forgotten too. Multus does not know of --network

plexus version [--json]
    says which build this is: version, commit, Node.js, and how the SHA-256 of core.wasm and of its plexus-shim begin
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
      case "explain":
        return await lazy("explain").explain(args);
      case "lint":
        return await lazy("lint").lint(args, version);
      case "version":
      case "--version":
        printBuild(args);
        return 0;
      case "migrate":
        await migrate(args);
        return 0;
      case "uninstall":
        await uninstall(args);
        return 0;
      case undefined:
      case "help":
      case "--help":
        process.stderr.write(help());
        return 0;
      default:
        process.stderr.write(`plexus: there is no command ${JSON.stringify(command)}\n\n${help()}`);
        return 2;
    }
  } catch (error) {
    process.stderr.write(`plexus ${command}: ${(error as Error).message}\n`);
    return 1;
  }
}

async function migrate(args: string[]): Promise<void> {
  const migration = migrationOf(args);
  await (migration.isBack ? migrateBack : migrateForward)(migration);
}

async function resident(args: string[], version: string): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      ...SERVING_OPTIONS,
      idle: { type: "string", default: "600" },
      replace: { type: "boolean", default: false },
      "started-by-shim": { type: "boolean", default: false },
    },
  });
  const idleSeconds = Number(values.idle);
  if (!(idleSeconds >= 0)) throw new Error(`--idle ${values.idle}: a number of seconds is needed`);
  const { replace, "started-by-shim": isStartedByShim } = values;
  const serving = servingOf(values, version, isStartedByShim ? outputWithoutStderr() : undefined);
  await runResident({ ...serving, idleSeconds, replace, isStartedByShim });
}

async function daemon(args: string[], version: string): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      ...SERVING_OPTIONS,
      "node-name": { type: "string", default: process.env.NODE_NAME ?? "" },
      kubeconfig: { type: "string", default: "" },
    },
  });
  const { "node-name": nodeName, kubeconfig } = values;
  if (nodeName === "")
    throw new Error("it needs the node's name: give --node-name, or set NODE_NAME to spec.nodeName");
  await runDaemon({ ...servingOf(values, version), nodeName, kubeconfig });
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

function printBuild(args: string[]): void {
  const { values } = parseArgs({ args, options: { json: { type: "boolean", default: false } } });
  const build = thisBuild();
  const lines = Object.entries(build).map(([name, value]) => `${name.padEnd(8)} ${value}`);
  console.log(values.json ? JSON.stringify(build) : lines.join("\n"));
}
