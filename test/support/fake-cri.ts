// A container runtime's CRI, as far as the dynamic networks controller asks it: which sandbox a pod has, and the path of its network
// namespace. Messages are encoded from Kubernetes' own definition (cri-api, runtime/v1).
import { Server, ServerCredentials, type UntypedServiceImplementation } from "@grpc/grpc-js";
import protobuf from "protobufjs";

const { root } = protobuf.parse(
  `syntax = "proto3";
  package v1;
  message ListPodSandboxRequest { PodSandboxFilter filter = 1; }
  message PodSandboxFilter { string id = 1; map<string, string> label_selector = 3; }
  message ListPodSandboxResponse { repeated PodSandbox items = 1; }
  message PodSandbox { string id = 1; }
  message PodSandboxStatusRequest { string pod_sandbox_id = 1; }
  message PodSandboxStatusResponse { map<string, string> info = 2; }`,
  { keepCase: true },
);
const UID_LABEL = "io.kubernetes.pod.uid";

export interface FakeSandbox {
  uid: string;
  container: { id: string; netns: string };
}

/** Serves at a socket; returns what closes it. */
export async function serveCri(socket: string, sandboxes: readonly FakeSandbox[]): Promise<() => void> {
  const method = (name: string, answer: (request: Record<string, never>) => object) => {
    const [asked, answered] = [root.lookupType(`v1.${name}Request`), root.lookupType(`v1.${name}Response`)];
    const definition = {
      path: `/runtime.v1.RuntimeService/${name}`,
      requestStream: false,
      responseStream: false,
      requestSerialize: (value: object) => Buffer.from(asked.encode(asked.fromObject(value)).finish()),
      requestDeserialize: (bytes: Buffer) => asked.toObject(asked.decode(bytes)),
      responseSerialize: (value: object) => Buffer.from(answered.encode(answered.fromObject(value)).finish()),
      responseDeserialize: (bytes: Buffer) => answered.toObject(answered.decode(bytes)),
    };
    return { definition, answer };
  };
  const methods = {
    list: method("ListPodSandbox", ({ filter }) => {
      const { label_selector: labels = {} } = (filter ?? {}) as { label_selector?: Record<string, string> };
      const own = sandboxes.filter(({ uid }) => uid === labels[UID_LABEL]);
      return { items: own.map(({ container }) => ({ id: container.id })) };
    }),
    status: method("PodSandboxStatus", ({ pod_sandbox_id: id }) => {
      const sandbox = sandboxes.find(({ container }) => container.id === id);
      const namespaces = [{ type: "network", path: sandbox?.container.netns }];
      return { info: { info: JSON.stringify({ runtimeSpec: { linux: { namespaces } } }) } };
    }),
  };
  const server = new Server();
  const handlers: UntypedServiceImplementation = {};
  for (const [name, { answer }] of Object.entries(methods))
    handlers[name] = (call: { request: Record<string, never> }, done: (error: null, value: object) => void) =>
      done(null, answer(call.request));
  server.addService(
    Object.fromEntries(Object.entries(methods).map(([name, { definition }]) => [name, definition])),
    handlers,
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return () => server.forceShutdown();
}
