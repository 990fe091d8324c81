// `plexus install` and `plexus uninstall`, as an operator calls them.
import { systemClock } from "../../clock.ts";
import { scattered } from "../../cluster/retry.ts";
import { command } from "../command.ts";
import { inWords } from "../refusal.ts";
import { podApi } from "./api.ts";
import { asBefore, changesOf, leaveSocket, setUpOf } from "./before.ts";
import { installBinaries } from "./binaries.ts";
import { hasVanished, installConf, requireInstallable, requirePrimary, takenByCilium } from "./conf.ts";
import { DaemonSet } from "./daemonset.ts";
import { installExecutor } from "./executor.ts";
import { type Installation, installationOf, OWN_DIR, onNode } from "./installation.ts";
import { kubeconfigInUse } from "./inuse.ts";
import { installKubeconfig } from "./kubeconfig.ts";
import { INSTALL, UNINSTALL, withPlaces } from "./options.ts";
import { pin, pinned } from "./pin.ts";
import { exists } from "./place.ts";
import { checkRights, isTaken, NO_NETWORK } from "./rights.ts";
import { requireSameState } from "./state.ts";
import { Turn } from "./turn.ts";
import { removeConf, removeInstalled, removeOwnDirs } from "./uninstall.ts";
import { Watching } from "./watching.ts";

/** Programs that replace a file without care take it away first: for so long another network is not the default one. */
const GRACE_MS = 3_000;
/** How often each node asks whether the API server still takes its token. */
const ASK_EVERY_MS = 600_000;
/** So long it waits at most until it asks again a server that was away or has refused: all nodes ask. */
const LONGEST_WAIT_MS = 60_000;

const TAKEN_AWAY = "Cilium takes Plexus's conf away";

/** What has kept the kubeconfig from being looked at: for so long nobody asks again. */
interface Failure {
  error: unknown;
  times: number;
  untilMs: number;
}

export const install = command({
  name: "install",
  summary: "puts Plexus on this node, before its first conf",
  description:
    "plexus and plexus-shim go into the runtime's directory of plugins, and a conf before the node's first one, whose network " +
    "becomes the default one. It says what it has done, what is missing and what is next.\n\nIt keeps what you have added to its " +
    "conf and to plexus-shim.conf, and how Plexus is run: an option that is not given changes nothing of that. Each option has its " +
    "default behind it, which the first installation has.",
  options: INSTALL,
  examples: ["plexus install", "plexus install --resident --source-dir /etc/cni/multus/net.d --watch"],
  run: ({ values }) => runInstall(asBefore(values, process.env)),
});

export const uninstall = command({
  name: "uninstall",
  summary: "takes away what install has written, the conf first",
  description:
    "From then on new pods get the default network alone. As long as pods are attached by Plexus, plexus and plexus-shim stay " +
    "for their deletion; another kubeconfig stays. The options are install's.",
  options: UNINSTALL,
  run: ({ values }) => runUninstall(installationOf(withPlaces(values), process.env)),
});

async function runInstall(installation: Installation): Promise<undefined> {
  if (installation.options.ready) return sayWhetherReady(installation);
  const ended = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => ended.abort());
  const turn = await Turn.take(installation, nameOf(installation), waitOrFail(installation), ended.signal);
  if (turn === undefined) return;
  try {
    // Another installer may have had the turn until now.
    const all = pinned(asBefore(installation.options, process.env));
    if (!all.options.watch && installation.options.primary !== undefined) requirePrimary(all);
    await new Installer(all, turn, ended.signal).run();
  } finally {
    turn.end();
  }
}

async function runUninstall(installation: Installation): Promise<undefined> {
  const refuse = (who: string) => {
    throw new Error(`${who} keeps ${installation.confDir}, and would install it again; end that first`);
  };
  const isThere = exists(onNode(installation, installation.confDir));
  const turn = isThere
    ? await Turn.take(installation, "plexus uninstall", refuse, new AbortController().signal)
    : undefined;
  try {
    for (const line of await removeInstalled(installation)) console.log(line);
  } finally {
    turn?.end();
    removeOwnDirs(installation);
  }
}

/** For the kubelet, whose event has what is said here. */
async function sayWhetherReady(installation: Installation): Promise<undefined> {
  const { isReady, says } = await Turn.progressOf(installation);
  if (!isReady) throw new Error(`not ready: ${says}`);
}

/** What others are told who want to install, too. */
function nameOf({ options, mode }: Installation): string {
  const command = `plexus install --${mode}${options.watch ? " --watch" : ""}`;
  return options.daemonset === undefined ? command : `DaemonSet ${options.daemonset} (${command})`;
}

function waitOrFail({ options, confDir }: Installation): (who: string) => void {
  return (who) => {
    const words = `${who} keeps ${confDir}; there is one way to run Plexus on a node: delete what is not to be`;
    if (!options.watch) throw new Error(words);
    console.error(`plexus install: waiting until that ends: ${words}`);
  };
}

class Installer {
  private readonly installation: Installation;
  private readonly turn: Turn;
  private readonly signal: AbortSignal;
  private readonly daemonSet: DaemonSet | undefined;
  private readonly api = podApi(process.env);
  /** What was said last, of each part: only news are said. */
  private readonly said = new Map<string, string>();
  /** Cilium does so. */
  private isTakenAway = false;
  private askedMs = Number.NEGATIVE_INFINITY;
  private vanishedMs: number | undefined;
  private failure: Failure | undefined;

  constructor(installation: Installation, turn: Turn, signal: AbortSignal) {
    const { daemonset } = installation.options;
    this.installation = installation;
    this.turn = turn;
    this.signal = signal;
    this.daemonSet = daemonset === undefined ? undefined : new DaemonSet(daemonset, this.api);
  }

  async run(): Promise<void> {
    const { options, confDir, sourceDir } = this.installation;
    if (!options.watch) requireInstallable(this.installation); // before anything is written
    await requireSameState(this.installation);
    await pin(this.installation);
    const before = setUpOf(this.installation.root, this.installation.binDir);
    this.say("binaries", await installBinaries(this.installation));
    const news = [...changesOf(this.installation, before), ...(await leaveSocket(this.installation, before))];
    for (const line of news) console.log(line);
    const executor = await installExecutor(this.installation);
    if (executor !== undefined) this.say("executor", executor);
    if (!options.watch) {
      const isWell = await this.step();
      for (const line of await this.remarks(isWell)) console.log(line);
      return;
    }
    // Who takes the turn away does so in the last one.
    const dirs = [confDir, sourceDir, `${confDir}/${OWN_DIR}`].map((dir) => onNode(this.installation, dir));
    const watching = new Watching(dirs, this.signal);
    let areRemarksDue = true;
    while (!this.signal.aborted) {
      if (!this.turn.isOurs()) throw new Error("another installer has taken the place of this one; it ends");
      const isWell = await this.tried(() => this.step());
      if (isWell && areRemarksDue) {
        for (const line of await this.remarks(isWell)) console.log(line);
        areRemarksDue = false;
      }
      await watching.next(isWell ? undefined : GRACE_MS);
    }
    watching.end();
    if (await this.daemonSet?.isDeleted())
      for (const line of removeConf(this.installation)) console.log(line);
  }

  /** Does what has to be done. Returns whether all is as it is to be. */
  private async step(): Promise<boolean> {
    const { installation } = this;
    const isWell = await this.keepKubeconfig();
    if (this.isWaiting()) return false;
    const { says, isThere, isVain } = await installConf(installation);
    this.say("conf", says);
    this.turn.note({ isReady: isThere, says });
    const cilium = takenByCilium(installation);
    if (cilium !== undefined) this.say("cilium", cilium);
    this.isTakenAway = cilium !== undefined;
    return isWell && isThere && isVain !== true;
  }

  /** A server that is away does not keep the conf from being written, but the first time: then no pod would get a network. */
  private async keepKubeconfig(): Promise<boolean> {
    const { installation } = this;
    const path = onNode(installation, installation.kubeconfig);
    try {
      const says = await this.askedForKubeconfig();
      if (says !== undefined) this.say("kubeconfig", says);
      return true;
    } catch (error) {
      if (!installation.options.watch || !exists(path)) throw error;
      this.complain(inWords(error).message);
      return false;
    }
  }

  /** Looks at the kubeconfig, and asks the server only if it is time to. */
  private async askedForKubeconfig(): Promise<string | undefined> {
    const { failure } = this;
    if (failure !== undefined && systemClock.now() < failure.untilMs) throw failure.error;
    try {
      const says = await installKubeconfig(this.installation, this.api, (path) => this.isTaken(path));
      this.failure = undefined;
      return says;
    } catch (error) {
      const times = (failure?.times ?? 0) + 1;
      const waitMs = scattered(Math.min(GRACE_MS * 2 ** times, LONGEST_WAIT_MS), Math.random());
      this.failure = { error, times, untilMs: systemClock.now() + waitMs };
      throw error;
    }
  }

  private async isTaken(kubeconfig: string): Promise<boolean> {
    if (systemClock.now() < this.askedMs + ASK_EVERY_MS) return true;
    const isGood = await isTaken(kubeconfig, process.env);
    if (isGood) this.askedMs = systemClock.now();
    return isGood;
  }

  /** Is the default network's conf away for a moment only? */
  private isWaiting(): boolean {
    if (!this.installation.options.watch || !hasVanished(this.installation)) {
      this.vanishedMs = undefined;
      return false;
    }
    this.vanishedMs ??= systemClock.now();
    return systemClock.now() < this.vanishedMs + GRACE_MS;
  }

  /** What is to be known, and what is next. */
  private async remarks(isWell: boolean): Promise<string[]> {
    const { installation, daemonSet } = this;
    const { mode, socket, nodeName, options } = installation;
    const account = options["service-account"];
    const unseen = await daemonSet?.look();
    const kubeconfig = installation.kubeconfig || kubeconfigInUse(installation);
    const next =
      mode === "resident"
        ? `run plexus daemon on this node, at ${socket}; until it is there plexus does each call by itself`
        : "nothing; new pods get their networks from Plexus, and those that run keep theirs";
    const { says, until } = await checkRights(installation, kubeconfig, process.env);
    const ends = isWell ? (this.isTakenAway ? TAKEN_AWAY : until) : NO_NETWORK;
    return [
      ...says,
      ...(account !== undefined && nodeName === ""
        ? ["without the node's name (--node-name, or NODE_NAME) the token outlives a node that is deleted"]
        : []),
      ...(unseen === undefined ? [] : [unseen]),
      `next: ${ends === undefined ? next : `what is said above; until then ${ends}`}`,
    ];
  }

  private async tried(work: () => Promise<boolean>): Promise<boolean> {
    try {
      const isWell = await work();
      this.said.delete("trouble");
      return isWell;
    } catch (error) {
      const { message } = inWords(error);
      this.complain(message); // a full disk passes
      this.turn.note({ isReady: false, says: message });
      return false;
    }
  }

  private complain(words: string): void {
    if (this.said.get("trouble") !== words) console.error(`plexus install: ${words}`);
    this.said.set("trouble", words);
  }

  private say(part: string, words: string): void {
    if (this.said.get(part) !== words) console.log(words);
    this.said.set(part, words);
  }
}
