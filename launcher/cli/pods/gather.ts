// The networks of a cluster's pods, and what has gone wrong with them: as much as whoever asks may read.
import type { Transport } from "../../cluster/transport.ts";
import { Fault } from "../../fault.ts";
import { type Failure, Failures } from "./failures.ts";
import { listObjects } from "./list.ts";
import { networksOf, type PodNetworks } from "./status.ts";

export interface Question {
  /** "" for all. */
  namespace: string;
  /** "" for all. */
  node: string;
  /** Of labels, as kubectl takes it; "" for none. */
  selector: string;
  /** `name`, `namespace/name`; "" for all. */
  network: string;
}

export interface Gathered {
  pods: PodNetworks[];
  failures: Failure[];
  /** What was left out, or could not be read, and why. */
  remarks: string[];
}

/** What is kept of them needs some 100 MB. */
const MOST_INTERFACES = 200_000;
const MOST_REMARKS = 20;

/** @throws Fault if pods cannot be listed */
export async function gather(api: Transport, question: Question): Promise<Gathered> {
  const remarks: string[] = [];
  const pods = await podsOf(api, question, remarks);
  const failures = await failuresOf(api, question, pods).catch((error: unknown) => {
    remarks.push(`failures are not shown, as events cannot be read: ${Fault.of(error).message}`);
    return [];
  });
  const isRunning = new Set(pods.filter(isAttached).map(({ uid }) => uid));
  // A pod that runs with its networks has them by now; that a request of it reached no plugin is still so.
  const lasting = failures.filter(
    ({ uid, reason }) => !isRunning.has(uid) || reason.startsWith("Capability"),
  );
  return { pods, failures: lasting, remarks };
}

function isAttached({ interfaces, phase }: PodNetworks): boolean {
  return interfaces.length > 0 && phase === "Running";
}

async function podsOf(api: Transport, question: Question, remarks: string[]): Promise<PodNetworks[]> {
  const { namespace, node, selector } = question;
  const pods: PodNetworks[] = [];
  let [count, broken] = [0, 0];
  // What has ended holds no address any more.
  const fields = [
    "status.phase!=Succeeded",
    "status.phase!=Failed",
    ...(node === "" ? [] : [`spec.nodeName=${node}`]),
  ];
  const query = { fieldSelector: fields.join(","), ...(selector === "" ? {} : { labelSelector: selector }) };
  const path = `${pathIn(namespace, "pods")}?${new URLSearchParams(query)}`;
  const isTorn = await listObjects(api, "the list of pods", path, (object) => {
    const all = networksOf(object);
    if (all?.remark && ++broken <= MOST_REMARKS)
      remarks.push(`pod ${all.namespace}/${all.name}: ${all.remark}`);
    const pod = all && ofNetwork(all, question.network);
    if (pod === undefined) return true;
    pods.push(pod);
    count += Math.max(1, pod.interfaces.length);
    return count < MOST_INTERFACES;
  });
  if (broken > MOST_REMARKS) remarks.push(`${broken - MOST_REMARKS} more pods have a broken network-status`);
  if (isTorn) remarks.push("pods have changed while they were listed: the list is not of one moment");
  if (count >= MOST_INTERFACES)
    remarks.push(`there are more than ${MOST_INTERFACES} interfaces: ask for a namespace, a node or a label`);
  return pods;
}

/** Returns a pod with those of its interfaces that are on a network; undefined if there is none. */
function ofNetwork(pod: PodNetworks, network: string): PodNetworks | undefined {
  if (network === "") return pod;
  const isIt = (name: string) => name === network || name.endsWith(`/${network}`);
  const interfaces = pod.interfaces.filter((one) => isIt(one.network));
  const asked = pod.asked.filter(isIt);
  return interfaces.length + asked.length > 0 ? { ...pod, interfaces, asked } : undefined;
}

async function failuresOf(api: Transport, { namespace }: Question, pods: PodNetworks[]): Promise<Failure[]> {
  if (pods.length === 0) return [];
  const uids = new Set(pods.map(({ uid }) => uid));
  const failures = new Failures((uid) => uids.has(uid));
  const query = new URLSearchParams({ fieldSelector: "involvedObject.kind=Pod,type=Warning" });
  await listObjects(api, "the list of events", `${pathIn(namespace, "events")}?${query}`, (event) => {
    failures.take(event);
    return true;
  });
  return failures.all();
}

function pathIn(namespace: string, kind: string): string {
  return namespace === "" ? `/api/v1/${kind}` : `/api/v1/namespaces/${encodeURIComponent(namespace)}/${kind}`;
}
