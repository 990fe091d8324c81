// From Multus to Plexus. Whatever ends this between two of its steps, the runtime has one whole conf first, whose programs and
// files are there: Multus's until the rename, Plexus's from then on.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { machineDisk } from "../../host/disk.ts";
import { CONF_DIR } from "../../paths.ts";
import { readRegularText } from "../../regular.ts";
import { installBinaries } from "../install/binaries.ts";
import type { Installation } from "../install/installation.ts";
import { parseExactly, place, requireDirectory } from "../install/place.ts";
import { convert } from "./convert.ts";
import { difference } from "./diff.ts";
import { type Credentials, chooseKubeconfig, dependenceOf } from "./kubeconfig.ts";
import { KEPT_DIR, MIGRATED_CONF } from "./migrated.ts";
import { brokenIn, type Conf, confsIn, daemonConfsOfPods, type Found, isMultus, isThick } from "./multus.ts";
import type { Migration } from "./options.ts";
import { tryConf } from "./trial.ts";

export async function migrateForward(migration: Migration): Promise<void> {
  const { confDir, root, isDryRun, installation } = migration;
  const dir = join(root, confDir);
  const found = confsIn(dir);
  const all = found.filter(isMultus);
  const [multus] = all;
  if (multus === undefined) return withoutMultus(migration, found);
  requireUsed(found, multus, confDir);
  requireFiles(all, migration);
  const daemon = isThick(multus) ? daemonConf(migration) : undefined;
  const credentials = await chooseKubeconfig(multus, daemon, migration);
  const type = installation.mode === "one-shot" ? "plexus" : "plexus-shim";
  const { clusterNetwork } = migration;
  const kubeconfig = credentials.path;
  const text = convert(multus, { confDir, root, type, daemon, clusterNetwork, kubeconfig });
  show(migration, multus, text, credentials);
  await tryOut(migration, text, credentials);
  if (isDryRun) {
    console.log("nothing was written: --dry-run");
    return;
  }
  await installBinaries(withRights(installation, text));
  if (credentials.text !== undefined) await writeKubeconfig(root, credentials.path, credentials.text);
  const kept = join(dir, KEPT_DIR);
  await requireDirectory(kept, 0o700);
  await place(join(dir, MIGRATED_CONF), text, 0o600); // its rename is the switch: the runtime takes the first conf by name
  await machineDisk.syncDirectory(dir);
  for (const { name } of all) fs.renameSync(join(dir, name), join(kept, name)); // with its owner, mode and label
  console.log(`\nThis node is Plexus's now: its conf is ${confDir}/${MIGRATED_CONF}.`);
  for (const { name } of all)
    console.log(`For the way back, ${confDir}/${name} is ${confDir}/${KEPT_DIR}/${name}.`);
  sayNext(confDir, credentials.depends);
}

function withoutMultus({ confDir, root }: Migration, found: Found[]): void {
  const dir = join(root, confDir);
  const migrated = found.find(({ name }) => name === MIGRATED_CONF);
  if (migrated !== undefined) {
    console.log(
      `This node has been migrated: its conf is ${confDir}/${MIGRATED_CONF}. Nothing was to be done.`,
    );
    sayNext(confDir, dependenceOf(migrated, confsIn(join(dir, KEPT_DIR)), root));
    return;
  }
  const [broken] = brokenIn(dir);
  if (broken !== undefined)
    throw new Error(
      `there is no conf of Multus in ${confDir} that can be used, and ${confDir}/${broken.name} cannot: ${broken.why}; mend it, ` +
        "or remove it",
    );
  throw new Error(
    `there is no conf of Multus in ${confDir}; name the runtime's directory with --conf-dir, or call \`plexus install\` on a ` +
      "node without Multus",
  );
}

/** Throws if the runtime takes another conf than Multus's, or would not take the new one. */
function requireUsed(found: Found[], multus: Found, confDir: string): void {
  const [first = multus] = found.filter(({ name }) => name !== MIGRATED_CONF);
  const isMigrated = found.some(({ name }) => name === MIGRATED_CONF);
  if (first !== multus && !isMigrated) {
    throw new Error(
      `the runtime takes ${confDir}/${first.name}, which comes before ${multus.name}: pods have no networks of Multus now; ` +
        "rename that, or call `plexus install`",
    );
  }
  if (first.name < MIGRATED_CONF) {
    throw new Error(
      `the runtime would take ${confDir}/${first.name}, which comes before ${MIGRATED_CONF}; give it a name that comes later`,
    );
  }
}

/** Throws if a conf of Multus is a link: elsewhere it would lead to another file, or to none, on the way back. */
function requireFiles(all: Found[], { confDir, root }: Migration): void {
  const link = all.find(({ name }) => fs.lstatSync(join(root, confDir, name)).isSymbolicLink());
  if (link !== undefined)
    throw new Error(
      `cannot keep ${confDir}/${link.name} for the way back: it is a symbolic link; put the file itself there`,
    );
}

/** What Multus's daemon was told: most options are there, and not in the runtime's conf. The administrator alone says where. */
function daemonConf({ root, daemonConfig, kubeletDir }: Migration): Conf | undefined {
  if (daemonConfig === "") {
    refuseToChoose(daemonConfsOfPods(root, kubeletDir));
    console.log(
      `note: found no daemon-config.json of Multus's daemon below ${kubeletDir}/pods: options that only it has, such as ` +
        "`defaultNetworks`, are not taken over; name it with --daemon-config PATH\n",
    );
    return undefined;
  }
  console.log(`Multus's daemon was told what is in ${daemonConfig}.\n`);
  try {
    return parseExactly(readRegularText(join(root, daemonConfig))) as Conf;
  } catch (error) {
    throw new Error(
      `cannot read what Multus's daemon was told: ${daemonConfig}: ${(error as Error).message}; name it with ` +
        "--daemon-config PATH",
    );
  }
}

function refuseToChoose(candidates: string[]): void {
  if (candidates.length === 0) return;
  throw new Error(
    "what Multus's daemon was told has to be named, as any pod may have a file of that name, and what it says is executed as " +
      `root; name the one of Multus's own pod, whose UID is in its path, with --daemon-config PATH:\n${candidates
        .map((path) => `    ${path}\n`)
        .join(
          "",
        )}    UIDs of Multus's pods, by node: kubectl --namespace kube-system get pods --selector name=multus ` +
      "--output custom-columns=NODE:.spec.nodeName,UID:.metadata.uid",
  );
}

function show({ confDir }: Migration, multus: Found, text: string, credentials: Credentials): void {
  console.log(`--- ${confDir}/${multus.name}`);
  console.log(`+++ ${confDir}/${MIGRATED_CONF}`);
  console.log(difference(JSON.stringify(multus.conf, null, 2), text));
  if (credentials.text === undefined) return;
  console.log(`+++ ${credentials.path}`);
  console.log(difference("", credentials.text));
}

async function tryOut(
  { root, installation }: Migration,
  text: string,
  credentials: Credentials,
): Promise<void> {
  if (root !== "/" || credentials.text !== undefined) {
    const why = root === "/" ? `${credentials.path} is still to be written` : `--root ${root}`;
    console.log(`\nnot tried, as ${why}: STATUS and ADD`);
    return;
  }
  try {
    const networks = await tryConf(text, installation.binDir);
    console.log(`\ntried STATUS, and ADD up to its plugins: ${networks.join(", ")}`);
  } catch (error) {
    throw new Error(`the new conf would not work, so nothing was written: ${(error as Error).message}`);
  }
}

/** The installation whose plexus-shim.conf allows what the conf needs. */
function withRights(installation: Installation, text: string): Installation {
  const conf = JSON.parse(text) as Record<string, unknown>;
  const pathOf = (key: string) => {
    const value = conf[key];
    return typeof value === "string" && value.startsWith("/") ? value : undefined;
  };
  const options = {
    ...installation.options,
    primary: pathOf("clusterNetwork"),
    "plugin-dir": pathOf("binDir"),
    "state-dir": pathOf("cniDir"),
    "log-file": pathOf("logFile"),
  };
  return { ...installation, options, sourceDir: pathOf("confDir") ?? installation.sourceDir };
}

async function writeKubeconfig(root: string, path: string, text: string): Promise<void> {
  await requireDirectory(dirname(join(root, path)), 0o700);
  await place(join(root, path), text, 0o600);
}

function sayNext(confDir: string, depends: string | undefined): void {
  const credentials =
    depends === undefined
      ? []
      : [
          `Its kubeconfig is of use ${depends}. Let Plexus's installer write one, before Multus's DaemonSet goes:`,
          "    kubectl apply -k deploy/thin",
        ];
  const steps = [
    ...credentials,
    `Multus's DaemonSet may write its conf again, which comes after ${MIGRATED_CONF} and has no effect. When all nodes are ` +
      "migrated, delete it, but not the file that it came from: that has the CRD too, and with it all networks would go:",
    "    kubectl get daemonset --all-namespaces | grep multus",
    "    kubectl --namespace kube-system delete daemonset kube-multus-ds",
    "To go back, while that DaemonSet is there:",
    `    plexus migrate --back${confDir === CONF_DIR ? "" : ` --conf-dir ${confDir}`}`,
  ];
  console.log(["\nNext:", ...steps].join("\n"));
}
