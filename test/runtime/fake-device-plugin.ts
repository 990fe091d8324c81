// A device plugin for a real kubelet, with devices that are only names.
// Source: k8s.io/kubelet/pkg/apis/deviceplugin/v1beta1/api.proto.
import { Client, credentials, Server, ServerCredentials, type ServerWritableStream } from "@grpc/grpc-js";
import protobuf from "protobufjs";

const { root } = protobuf.parse(
  `syntax = "proto3";
  package v1beta1;
  message Empty {}
  message RegisterRequest { string version = 1; string endpoint = 2; string resource_name = 3; }
  message DevicePluginOptions { bool pre_start_required = 1; }
  message ListAndWatchResponse { repeated Device devices = 1; }
  message Device { string ID = 1; string health = 2; }
  message AllocateRequest { repeated ContainerAllocateRequest container_requests = 1; }
  message ContainerAllocateRequest { repeated string devicesIDs = 1; }
  message AllocateResponse { repeated ContainerAllocateResponse container_responses = 1; }
  message ContainerAllocateResponse {}`,
  { keepCase: true },
);

export interface FakeDevicePlugin {
  stop(): void;
}

/**
 * Registers a resource, all of whose devices are healthy, with the kubelet whose device-plugins directory is `dir`, and
 * serves it until it is stopped.
 */
export async function startDevicePlugin(
  dir: string,
  resource: string,
  devices: string[],
): Promise<FakeDevicePlugin> {
  const endpoint = "fake.sock";
  const server = new Server();
  server.addService(
    {
      GetDevicePluginOptions: method("GetDevicePluginOptions", "DevicePluginOptions"),
      ListAndWatch: { ...method("ListAndWatch", "ListAndWatchResponse"), responseStream: true },
      Allocate: method("Allocate", "AllocateResponse"),
    },
    {
      GetDevicePluginOptions: (_call: unknown, reply: (error: null, value: object) => void) =>
        reply(null, {}),
      ListAndWatch: (call: ServerWritableStream<Buffer, object>) =>
        call.write({ devices: devices.map((ID) => ({ ID, health: "Healthy" })) }),
      Allocate({ request }: { request: Buffer }, reply: (error: null, value: object) => void) {
        const { container_requests } = root.lookupType("v1beta1.AllocateRequest").decode(request).toJSON();
        reply(null, { container_responses: container_requests.map(() => ({})) });
      },
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.bindAsync(`unix://${dir}/${endpoint}`, ServerCredentials.createInsecure(), (error) =>
      error ? reject(error) : resolve(),
    );
  });
  const client = new Client(`unix://${dir}/kubelet.sock`, credentials.createInsecure());
  try {
    const request = { version: "v1beta1", endpoint, resource_name: resource };
    await new Promise<void>((resolve, reject) => {
      const path = "/v1beta1.Registration/Register";
      client.makeUnaryRequest(path, encode("RegisterRequest"), String, request, (error) =>
        error ? reject(error) : resolve(),
      );
    });
  } catch (error) {
    server.forceShutdown();
    throw error;
  } finally {
    client.close();
  }
  return { stop: () => server.forceShutdown() };
}

function method(name: string, response: string) {
  return {
    path: `/v1beta1.DevicePlugin/${name}`,
    requestStream: false,
    responseStream: false,
    requestSerialize: (value: Buffer) => value,
    requestDeserialize: (value: Buffer) => value,
    responseSerialize: encode(response),
    responseDeserialize: (value: Buffer) => value,
  };
}

function encode(type: string): (value: object) => Buffer {
  const message = root.lookupType(`v1beta1.${type}`);
  return (value) => Buffer.from(message.encode(message.fromObject(value)).finish());
}
