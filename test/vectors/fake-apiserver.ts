// A stand-in for kube-apiserver that serves what a recorded case has: pods and NetworkAttachmentDefinitions. What a real
// one does is tested in test/kube.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface KubeObject {
  metadata: { namespace: string; name: string; annotations?: Record<string, string> };
}

const PATHS = {
  pods: /^\/api\/v1\/namespaces\/([^/]+)\/pods\/([^/]+)(\/status)?$/,
  nads: /^\/apis\/k8s\.cni\.cncf\.io\/v1\/namespaces\/([^/]+)\/network-attachment-definitions\/([^/]+)$/,
};

export interface FakeApiserver {
  url: string;
  /** The objects as they are now. */
  pods: KubeObject[];
  close(): Promise<void>;
}

export async function startApiserver(given: {
  pods: KubeObject[];
  nads: KubeObject[];
}): Promise<FakeApiserver> {
  const objects = structuredClone(given);
  const server = createServer(async (request, response) => {
    const body = await bodyOf(request);
    const found = find(objects, request.url ?? "");
    if (request.method === "POST") {
      response.writeHead(201).end(body);
    } else if (!found) {
      response.writeHead(404).end(JSON.stringify({ kind: "Status", reason: "NotFound", code: 404 }));
    } else {
      if (request.method === "PATCH") merge(found, JSON.parse(body));
      response.end(JSON.stringify(found));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    pods: objects.pods,
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function find(objects: Record<"pods" | "nads", KubeObject[]>, url: string): KubeObject | undefined {
  for (const kind of ["pods", "nads"] as const) {
    const [, namespace, name] = PATHS[kind].exec(url) ?? [];
    const found = objects[kind].find(
      ({ metadata }) => metadata.namespace === namespace && metadata.name === name,
    );
    if (found) return found;
  }
  return undefined;
}

/** RFC 7396. */
function merge(target: object, patch: object): void {
  const members = target as Record<string, unknown>;
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete members[key];
    else if (typeof value === "object" && typeof members[key] === "object") merge(members[key] ?? {}, value);
    else members[key] = value;
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  let body = "";
  for await (const chunk of request.setEncoding("utf8")) body += chunk;
  return body;
}
