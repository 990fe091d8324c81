// What Plexus on the node may do in the cluster, and what it means if it may not.
import * as fs from "node:fs";
import { readKubeconfig } from "../../cluster/kubeconfig.ts";
import { Fault } from "../../fault.ts";
import { Api } from "./api.ts";
import { type Installation, onNode } from "./installation.ts";

/** What is so until something is mended. */
export const NO_NETWORK = "no pod gets a network from Plexus";
const SOME_FAIL = "pods that ask for networks fail";

export interface Right {
  verb: string;
  group?: string;
  resource: string;
  subresource?: string;
  without: string;
  /** Which pods have networks without it; undefined for all. */
  until?: string;
}

export const NADS = { group: "k8s.cni.cncf.io", resource: "network-attachment-definitions" } as const;
export const RIGHTS: readonly Right[] = [
  { verb: "get", resource: "pods", without: "no pod gets a network", until: NO_NETWORK },
  { verb: "get", ...NADS, without: SOME_FAIL, until: SOME_FAIL },
  {
    verb: "patch",
    resource: "pods",
    subresource: "status",
    without: "pods fail, as their network-status cannot be written",
    until: "pods fail",
  },
  { verb: "create", resource: "events", without: "pods do not say why they fail" },
];

/** What there is to say of a kubeconfig. */
export interface Remarks {
  says: string[];
  /** What is so until that is mended; undefined if Plexus does its work all the same. */
  until?: string | undefined;
  /** Can the file not be used at all, whatever the server says? */
  isUnusable?: true;
}

/** Without these it does more slowly what it does. */
export const FOLLOWING: readonly Right[] = ["list", "watch"].flatMap((verb) =>
  [{ resource: "pods" }, NADS].map((of) => ({ verb, ...of, without: "" })),
);

/** Does the server take the kubeconfig's credentials? Rejects if it does not answer. */
export async function isTaken(kubeconfig: string, env: NodeJS.ProcessEnv): Promise<boolean> {
  const api = await Api.by(() => readKubeconfig(kubeconfig, () => undefined), env);
  const { status } = await review(api, RIGHTS[0] as Right);
  return status !== 401;
}

/**
 * What has to be said about a kubeconfig and its rights; nothing if all is well.
 *
 * @param kubeconfig of the node's conf; "" without one
 */
export async function checkRights(
  installation: Installation,
  kubeconfig: string,
  env: NodeJS.ProcessEnv,
): Promise<Remarks> {
  if (kubeconfig === "") {
    const without =
      "without Kubernetes: annotations of pods are ignored, and every container gets the networks of the conf";
    return { says: [`${without}; give --kubeconfig PATH if the node is of a cluster`] };
  }
  const path = onNode(installation, kubeconfig);
  if (!fs.existsSync(path))
    return {
      ...stopped(
        `there is no kubeconfig ${path} yet: until it is there, no pod gets a network; put it there`,
      ),
      isUnusable: true,
    };
  try {
    await readKubeconfig(path, () => undefined);
  } catch (error) {
    return { ...stopped(`rights cannot be looked at: ${Fault.of(error).message}`), isUnusable: true };
  }
  try {
    const api = await Api.by(() => readKubeconfig(path, () => undefined), env);
    return await missing(api, path);
  } catch (error) {
    return stopped(`rights cannot be looked at: ${Fault.of(error).message}`);
  }
}

const stopped = (line: string): Remarks => ({ says: [line], until: NO_NETWORK });

async function missing(api: Api, path: string): Promise<Remarks> {
  const lines: string[] = [];
  /** The first is the worst. */
  const untils: string[] = [];
  for (const right of RIGHTS) {
    const { status, body } = await review(api, right);
    if (status === 401)
      return stopped(`the API server does not know who ${path} is for: no pod gets a network; renew it`);
    if (body?.status?.allowed === true) continue;
    lines.push(`${path} has no right to ${worded(right)}: ${right.without}; see deploy/thin/rbac.yaml`);
    if (right.until !== undefined) untils.push(right.until);
  }
  const replies = await Promise.all(FOLLOWING.map((right) => review(api, right)));
  if (!replies.every(({ body }) => body?.status?.allowed === true))
    lines.push(
      `${path} has no right to list and watch pods and networks: each is asked for when it is needed`,
    );
  const { status } = await api.ask("GET", `/apis/${NADS.group}/v1`);
  if (status === 404) {
    lines.push("the cluster has no NetworkAttachmentDefinitions: kubectl apply -k deploy/crd");
    untils.push(SOME_FAIL);
  }
  return { says: lines, until: untils[0] };
}

export function review(api: Api, { verb, group, resource, subresource }: Right) {
  return api.ask("POST", "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", {
    apiVersion: "authorization.k8s.io/v1",
    kind: "SelfSubjectAccessReview",
    spec: { resourceAttributes: { verb, group, resource, subresource } },
  });
}

export function worded({ verb, resource, subresource }: Right): string {
  return `${verb} ${resource}${subresource ? `/${subresource}` : ""}`;
}
