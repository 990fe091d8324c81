// A kubelet's pod-resources API: a gRPC server on a socket, with messages encoded from Kubernetes' own definition.
import { rmSync } from "node:fs";
import { Server, ServerCredentials, status } from "@grpc/grpc-js";
import protobuf from "protobufjs";

const { root } = protobuf.parse(
  `syntax = "proto3";
  package v1;
  message ListPodResourcesResponse { repeated PodResources pod_resources = 1; }
  message PodResources { string name = 1; string namespace = 2; repeated ContainerResources containers = 3; }
  message ContainerResources {
    string name = 1;
    repeated ContainerDevices devices = 2;
    repeated int64 cpu_ids = 3;
    repeated DynamicResource dynamic_resources = 5;
  }
  message ContainerDevices { string resource_name = 1; repeated string device_ids = 2; TopologyInfo topology = 3; }
  message TopologyInfo { repeated NUMANode nodes = 1; }
  message NUMANode { int64 ID = 1; }
  message DynamicResource {
    string claim_name = 2;
    string claim_namespace = 3;
    repeated ClaimResource claim_resources = 4;
  }
  message ClaimResource {
    repeated CDIDevice cdi_devices = 1;
    string driver_name = 2;
    string pool_name = 3;
    string device_name = 4;
  }
  message CDIDevice { string name = 1; }`,
  { keepCase: true },
);
const Response = root.lookupType("v1.ListPodResourcesResponse");

/** A pod as the API has it, without what the test does not need. */
export interface ListedPod {
  name: string;
  namespace: string;
  containers: {
    name: string;
    cpu_ids?: number[];
    devices?: { resource_name: string; device_ids: string[]; topology?: { nodes: { ID: number }[] } }[];
    dynamic_resources?: {
      claim_name: string;
      claim_namespace: string;
      claim_resources: {
        driver_name: string;
        pool_name: string;
        device_name: string;
        cdi_devices?: { name: string }[];
      }[];
    }[];
  }[];
}

export interface FakeKubelet {
  /** How often it was asked. */
  calls(): number;
  close(): void;
}

/** Answers with `pods`: the first `refusals` calls with its rate limit's error, or with `mute` none at all. */
export async function startKubelet(
  socket: string,
  pods: ListedPod[],
  { refusals = 0, mute = false } = {},
): Promise<FakeKubelet> {
  const answer = Buffer.from(Response.encode(Response.fromObject({ pod_resources: pods })).finish());
  const bytes = (value: Buffer) => value;
  let calls = 0;
  const server = new Server();
  server.addService(
    {
      List: {
        path: "/v1.PodResourcesLister/List",
        requestStream: false,
        responseStream: false,
        requestSerialize: bytes,
        requestDeserialize: bytes,
        responseSerialize: bytes,
        responseDeserialize: bytes,
      },
    },
    {
      List(_call: unknown, reply: (error: object | null, value?: Buffer) => void) {
        calls++;
        if (mute) return;
        if (calls <= refusals) reply({ code: status.RESOURCE_EXHAUSTED, details: "rejected by rate limit" });
        else reply(null, answer);
      },
    },
  );
  rmSync(socket, { force: true }); // as the kubelet does when it starts
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${socket}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  return { calls: () => calls, close: () => server.forceShutdown() };
}
