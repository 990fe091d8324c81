// What has happened to a pod: what the kubelet and Plexus have told its user, what the logs say, what state it has here.
//
// Nothing is recorded for this alone: the kubelet's events have each error that a runtime was answered with, word for word.
import { execFile } from "node:child_process";
import { closeSync, readSync } from "node:fs";
import { Core } from "../../../packages/core/index.ts";
import { listAttachments } from "../../attach/inventory.ts";
import { readKubeconfig } from "../../cluster/kubeconfig.ts";
import { wasm } from "../../core/wasm.ts";
import type { GivenPod } from "../../explain/given.ts";
import { Fault } from "../../fault.ts";
import { localHost } from "../../host/local.ts";
import { STATE_DIR } from "../../paths.ts";
import { openRegular } from "../../regular.ts";
import { State } from "../../state/state.ts";
import { Api } from "../install/api.ts";
import { hintFor } from "./hints.ts";

/** Something that was said of the pod. */
export interface Attempt {
  /** Of the last time. RFC 3339, as far as it is known. */
  time: string;
  /** How often. */
  count: number;
  failed: boolean;
  /** An event's reason; `log`, `journal`; the state of an attachment. */
  from: string;
  message: string;
  /** What to do, where the message does not say it. */
  hint?: string | undefined;
}

/** Bytes at the end of a log that are looked at. */
const TAIL_BYTES = 1 << 20;
const MOST_LINES = 10;
const JOURNAL_LIMIT_MS = 3_000;
const JOURNAL_LINES = "2000";

/** @returns the oldest first; notes say what could not be looked at */
export async function attemptsOf(
  api: Api,
  pod: GivenPod,
  { cniDir, logFile }: { cniDir: string | undefined; logFile: string | undefined },
): Promise<{ attempts: Attempt[]; notes: string[] }> {
  const notes: string[] = [];
  const look = async (what: string, work: () => Promise<Attempt[]>) =>
    work().catch((error: unknown) => {
      notes.push(`${what}: ${Fault.of(error).message}`);
      return [];
    });
  const all = await Promise.all([
    look("the pod's events", () => eventsOf(api, pod)),
    look("the journal", () => journalOf(pod)),
    look(`the log ${logFile}`, async () =>
      logFile === undefined ? [] : linesOf(tailOf(logFile), pod, "log"),
    ),
    look("the state", () => stateOf(pod, cniDir ?? STATE_DIR)),
  ]);
  const attempts = all.flat().sort((one, other) => one.time.localeCompare(other.time));
  return {
    attempts: attempts.map((one) => (one.failed ? { ...one, hint: hintFor(one.message) } : one)),
    notes,
  };
}

interface KubernetesEvent {
  type?: string;
  reason?: string;
  message?: string;
  count?: number;
  lastTimestamp?: string | null;
  eventTime?: string | null;
  firstTimestamp?: string | null;
  series?: { count?: number; lastObservedTime?: string };
  metadata?: { creationTimestamp?: string };
}

/** Reasons of events that are about networks: the kubelet's, Plexus's and Multus's. */
const ABOUT_NETWORKS = /Sandbox|Network|Interface|Capability|Unreadable|Refused|Plexus/i;

/** Plexus's own account has no right to read events: an administrator's kubeconfig, if there is one here, has. */
async function eventsOf(api: Api, pod: GivenPod): Promise<Attempt[]> {
  const { namespace, name, uid } = pod;
  const selector = encodeURIComponent(`involvedObject.name=${name},involvedObject.uid=${uid}`);
  const path = `/api/v1/namespaces/${namespace}/events?fieldSelector=${selector}&limit=200`;
  const first = await api.ask("GET", path);
  const { status, body } = first.status === 403 ? ((await asAdministrator(path)) ?? first) : first;
  if (status !== 200)
    throw new Error(
      `they may not be read with this kubeconfig (status ${status}); give --kubeconfig, or see kubectl describe pod ${name} ` +
        `--namespace ${namespace}`,
    );
  const items = (body?.items ?? []) as KubernetesEvent[];
  return items
    .filter(
      ({ reason, message }) => ABOUT_NETWORKS.test(reason ?? "") || /\bcni\b|plexus/i.test(message ?? ""),
    )
    .map((event) => ({
      time: timeOf(event),
      count: event.series?.count ?? event.count ?? 1,
      failed: event.type === "Warning",
      from: event.reason ?? "event",
      message: event.message ?? "",
    }));
}

/** Where kubectl, kubeadm and k3s keep an administrator's kubeconfig. */
async function asAdministrator(path: string) {
  const { KUBECONFIG, HOME = "/root" } = process.env;
  const places = [
    KUBECONFIG,
    `${HOME}/.kube/config`,
    "/etc/kubernetes/admin.conf",
    "/etc/rancher/k3s/k3s.yaml",
  ];
  for (const place of places) {
    if (!place || !(await localHost.exists(place))) continue;
    const admin = await Api.by(() => readKubeconfig(place, () => undefined), process.env).catch(
      () => undefined,
    );
    const reply = await admin?.ask("GET", path).catch(() => undefined); // it may be another cluster's
    if (reply?.status === 200) return reply;
  }
  return undefined;
}

function timeOf({ series, lastTimestamp, eventTime, firstTimestamp, metadata }: KubernetesEvent): string {
  return (
    series?.lastObservedTime ??
    lastTimestamp ??
    eventTime ??
    firstTimestamp ??
    metadata?.creationTimestamp ??
    ""
  );
}

/** The logs of Plexus's process, and of who is answered with its errors, where systemd has them. */
async function journalOf(pod: GivenPod): Promise<Attempt[]> {
  const journalctl = await localHost.find("journalctl", ["/usr/bin", "/bin", "/usr/local/bin"]);
  if (journalctl === undefined) return [];
  const units = ["kubelet", "containerd", "crio", "k3s", "rke2-agent"].map(
    (unit) => `_SYSTEMD_UNIT=${unit}.service`,
  );
  const args = ["--lines", JOURNAL_LINES, "--output=cat", "--no-pager", "--quiet"];
  args.push("SYSLOG_IDENTIFIER=plexus", "+", ...units);
  const text = await new Promise<string>((resolve) => {
    const options = { timeout: JOURNAL_LIMIT_MS, killSignal: "SIGKILL", maxBuffer: 16 << 20 } as const;
    execFile(journalctl, args, options, (_error, stdout) => resolve(stdout));
  });
  return linesOf(text, pod, "journal");
}

/** The last lines that name the pod: `pod NAMESPACE/NAME` in the conf's log, `pod=NAMESPACE/NAME` in the process's. */
function linesOf(text: string, { namespace, name }: GivenPod, from: string): Attempt[] {
  const escaped = `${namespace}/${name}`.replaceAll(".", "\\.");
  const about = new RegExp(`\\bpod[ =]"?${escaped}(?![\\w.-])`);
  const lines = text.split("\n").filter((line) => about.test(line));
  return lines.slice(-MOST_LINES).map((line) => {
    const [, time = "", level = "", message = line] = /^(\S+) \[(\w+)\] (.*)$/.exec(line) ?? [];
    return { time, count: 1, failed: level === "error" || level === "panic", from, message };
  });
}

function tailOf(path: string): string {
  const { file, stats } = openRegular(path, { limit: Number.POSITIVE_INFINITY });
  try {
    const { size } = stats;
    const bytes = Buffer.alloc(Math.min(size, TAIL_BYTES));
    const count = readSync(file, bytes, 0, bytes.length, Math.max(0, size - TAIL_BYTES));
    return bytes.subarray(0, count).toString();
  } finally {
    closeSync(file);
  }
}

/** What this node's state says of the pod's attachments. */
async function stateOf({ namespace, name }: GivenPod, cniDir: string): Promise<Attempt[]> {
  const listed = await listAttachments({
    core: new Core(wasm()),
    host: localHost,
    state: new State(localHost, cniDir),
  });
  return listed
    .filter(({ pod }) => pod === `${namespace}/${name}`)
    .map(({ containerId, ifname, network, state, tries, why, netns }) => ({
      time: "",
      count: tries ?? 1,
      failed: state !== "attached",
      from: `state: ${state}`,
      message: `container ${containerId.slice(0, 13)}, ${ifname}, network ${network}${netns ? `, ${netns}` : ""}${why ? `: ${why}` : ""}`,
    }));
}
