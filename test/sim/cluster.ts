// INTERIM, until restCluster() takes a port for HTTP: the Cluster port over the API server in memory.
import type { Cluster, NetworkAttachmentDefinition, Pod } from "../../launcher/cluster/cluster.ts";
import { Code, Fault } from "../../launcher/fault.ts";
import type { Internet, Outcome } from "./http.ts";
import type { Process } from "./process.ts";

const WITHIN_MS = 30_000;

export function clusterFor(internet: Internet, process: Process): Cluster {
  const send = async (
    method: string,
    path: string,
    body?: string,
    within = WITHIN_MS,
  ): Promise<Outcome & { status: number }> => {
    const deadline = process.clock.now() + within;
    for (let wait = 100; ; wait = Math.min(wait * 2, 2000)) {
      const left = deadline - process.clock.now();
      const outcome = await internet.send(
        process,
        { method, path, body },
        Math.min(Math.max(left, 100), 10_000),
      );
      const again =
        "fault" in outcome ? outcome.kind !== "permanent" : outcome.status === 429 || outcome.status >= 500;
      if (!again || method === "POST" || process.clock.now() + wait > deadline) {
        if ("fault" in outcome) throw outcome.fault;
        return outcome as Outcome & { status: number };
      }
      await process.clock.sleep(wait);
    }
  };
  const get = async (path: string, within?: number) => {
    const answer = await send("GET", path, undefined, within);
    if ("fault" in answer) throw answer.fault;
    const body = answer.body.toString();
    if (answer.status === 404 && body.startsWith("{")) return undefined;
    if (answer.status !== 200 || !body.startsWith("{")) throw refused(answer.status);
    return JSON.parse(body);
  };
  return {
    connecting: async () => undefined,
    async pod(namespace, name, _uid, { within } = {}): Promise<Pod | undefined> {
      const pod = await get(`/api/v1/namespaces/${namespace}/pods/${name}`, within);
      if (pod === undefined) return undefined;
      const { uid, annotations = {} } = pod.metadata;
      return { namespace, name, uid, annotations, resourceClaims: new Map(), nodeName: "node" };
    },
    async nad(namespace, name, { within } = {}): Promise<NetworkAttachmentDefinition | undefined> {
      const path = `/apis/k8s.cni.cncf.io/v1/namespaces/${namespace}/network-attachment-definitions/${name}`;
      const nad = await get(path, within);
      if (nad === undefined) return undefined;
      return { namespace, name, config: nad.spec.config ?? "", annotations: nad.metadata.annotations ?? {} };
    },
    claim: async () => [],
    published: async () => [],
    async annotate({ namespace, name, uid }, annotations) {
      const path = `/api/v1/namespaces/${namespace}/pods/${name}/status`;
      const answer = await send("PATCH", path, JSON.stringify({ metadata: { uid, annotations } }));
      if ("fault" in answer) throw answer.fault;
      if (answer.status === 200 && answer.body.toString().startsWith("{")) return true;
      const isJson = answer.body.toString().startsWith("{");
      if ((answer.status === 404 && isJson) || (answer.status === 409 && /UID/.test(answer.body.toString())))
        return false;
      throw refused(answer.status);
    },
    async tell({ namespace }, event) {
      await send("POST", `/api/v1/namespaces/${namespace}/events`, JSON.stringify(event), 5000).catch(
        () => undefined,
      );
    },
  };
}

function refused(status: number): Fault {
  const code = status === 429 || status >= 500 ? Code.tryAgainLater : Code.invalidNetworkConfig;
  return new Fault(code, `answered ${status}`);
}
