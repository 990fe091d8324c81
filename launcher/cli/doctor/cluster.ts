// The way to the API server: kubeconfig, clock, rights, and what networks there are.
import * as fs from "node:fs";
import { readKubeconfig } from "../../cluster/kubeconfig.ts";
import { Fault } from "../../fault.ts";
import { counted } from "../../log/counted.ts";
import { Api } from "../install/api.ts";
import { FOLLOWING, NADS, RIGHTS, review, worded } from "../install/rights.ts";
import { fail, type Line, ok, shortened, warn } from "./line.ts";
import { toMode } from "./mode.ts";
import type { Node } from "./node.ts";
import { plugins, usesIn } from "./programs.ts";

/** Certificates and tokens are refused by those whose clocks are further apart. */
const CLOCK_LIMIT_MS = 60_000;

export async function cluster(node: Node): Promise<Line[]> {
  const { kubeconfig, own } = node;
  const of = "cluster";
  if (kubeconfig === "") {
    const found = "there is no `kubeconfig` in the conf: annotations of pods are ignored";
    return own?.settings === undefined
      ? []
      : [warn(of, found, "add it, if the node is of a cluster: plexus install --kubeconfig PATH")];
  }
  const status = fs.statSync(kubeconfig, { throwIfNoEntry: false });
  if (status === undefined)
    return [
      fail(
        of,
        `there is no kubeconfig ${kubeconfig}: no pod gets a network`,
        "kubectl apply -k deploy/thin, or put it there",
      ),
    ];
  const lines: Line[] = [];
  if ((status.mode & 0o077) !== 0)
    lines.push(warn(of, `others than root may read ${kubeconfig}`, ...toMode(kubeconfig, 0o600)));
  try {
    const warnings: string[] = [];
    const api = await Api.by(
      () => readKubeconfig(kubeconfig, (message) => warnings.push(message)),
      process.env,
    );
    const others = warnings.filter((message) => !message.endsWith(`run chmod 600 ${kubeconfig}`)); // the line above has it
    lines.push(...others.map((message) => warn(of, message, `correct ${kubeconfig}`)));
    return [...lines, ...(await asked(api, node))];
  } catch (error) {
    const { message } = Fault.of(error);
    return [
      ...lines,
      fail(
        of,
        message,
        `see ${kubeconfig}, the server and the network between: DEL goes on, ADD waits half a minute and fails`,
      ),
    ];
  }
}

async function asked(api: Api, node: Node): Promise<Line[]> {
  const { kubeconfig } = node;
  const of = "cluster";
  const before = Date.now();
  const [first] = RIGHTS;
  const reply = first && (await review(api, first));
  const lines = clock(reply?.dateMs, before);
  if (reply?.status === 401)
    return [
      ...lines,
      fail(
        of,
        `the API server does not know who ${kubeconfig} is for: its token or certificate is not good any more`,
        "renew it: plexus install, or kubectl -n kube-system rollout restart of Plexus's DaemonSet",
      ),
    ];
  const rights = await Promise.all(RIGHTS.map(async (right) => ({ right, reply: await review(api, right) })));
  const refused = rights.filter(({ reply: { body } }) => body?.status?.allowed !== true);
  lines.push(
    ...refused.map(({ right }) =>
      fail(
        "rights",
        `no right to ${worded(right)}: ${right.without}`,
        "kubectl apply -f deploy/thin/rbac.yaml",
      ),
    ),
  );
  if (refused.length === 0) lines.push(ok("rights", `${kubeconfig} may ${RIGHTS.map(worded).join(", ")}`));
  const following = await Promise.all(FOLLOWING.map((right) => review(api, right)));
  if (!following.every(({ body }) => body?.status?.allowed === true))
    lines.push(
      warn(
        "rights",
        "no right to list and watch pods and networks: each is asked for when it is needed",
        "kubectl apply -f deploy/thin/rbac.yaml",
      ),
    );
  return [...lines, ...(await networks(api, node))];
}

export function clock(serverMs: number | undefined, beforeMs: number): Line[] {
  if (serverMs === undefined) return [];
  const apart = (beforeMs + Date.now()) / 2 - serverMs;
  const seconds = Math.round(Math.abs(apart) / 1000);
  if (Math.abs(apart) < CLOCK_LIMIT_MS)
    return [ok("clock", `it is at most ${seconds + 1} s off the API server's`)];
  const which = apart > 0 ? "ahead of" : "behind";
  return [
    fail(
      "clock",
      `it is ${seconds} s ${which} the API server's: certificates and tokens are refused`,
      "timedatectl set-ntp true; chronyc makestep",
    ),
  ];
}

/** What NetworkAttachmentDefinitions need of this node. */
async function networks(api: Api, node: Node): Promise<Line[]> {
  const { status, body } = await api.ask("GET", `/apis/${NADS.group}/v1/${NADS.resource}?limit=500`);
  if (status === 404)
    return [fail("cluster", "it has no NetworkAttachmentDefinitions", "kubectl apply -k deploy/crd")];
  if (status !== 200) return [];
  const items = (body?.items ?? []) as {
    metadata?: { name?: string; namespace?: string };
    spec?: { config?: string };
  }[];
  const uses = items.flatMap(({ metadata, spec }) =>
    usesIn(`network ${metadata?.namespace}/${metadata?.name}`, spec?.config ?? ""),
  );
  const answered = ok("cluster", `the API server answers; it has ${counted(items.length, "network")}`);
  const lacking = (await plugins({ ...node, own: undefined, names: [] }, uses)).filter(
    ({ level }) => level !== "ok",
  );
  const lines = lacking.map((line): Line => ({ ...line, level: "warn" })); // this node need not have all
  return [
    answered,
    ...shortened(lines, "plugins", "kubectl get network-attachment-definitions --all-namespaces"),
  ];
}
