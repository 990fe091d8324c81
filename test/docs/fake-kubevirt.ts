// Stands for KubeVirt: of a VirtualMachine it makes a VirtualMachineInstance, and of that the launcher's pod, whose annotation asks for
// the machine's networks; the status says which of them the pod has. No machine runs: the pod's container sleeps.
// Source: KubeVirt 1.6, pkg/network/multus/annotation.go, pkg/network/namescheme, pkg/network/controllers/vmi.go.
import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { KubernetesObject, V1CustomResourceDefinition, V1Pod } from "@kubernetes/client-node";
import { IMAGE } from "../runtime/image.ts";
import type { ApiServer } from "../support/apiserver.ts";
import { until } from "../support/until.ts";
import { Rounds } from "./rounds.ts";

const VERSION = "kubevirt.io/v1";
const [MACHINE, INSTANCE] = ["VirtualMachine", "VirtualMachineInstance"];
const SHORT_NAMES: Record<string, string> = { [MACHINE]: "vm", [INSTANCE]: "vmi" };
/** For a deletion to wait until what was made of the object is gone. */
const FINALIZERS: Record<string, string> = {
  [MACHINE]: "kubevirt.io/virtualMachineControllerFinalize",
  [INSTANCE]: "foregroundDeleteVirtualMachine",
};
const [NETWORKS, NETWORK_STATUS] = ["k8s.v1.cni.cncf.io/networks", "k8s.v1.cni.cncf.io/network-status"];
/** Of the characters of a hash that are in an interface's name. */
const HASH_LENGTH = 11;

interface Network {
  name: string;
  pod?: object;
  multus?: { networkName: string; default?: boolean };
}

interface InstanceSpec {
  domain: { devices: { interfaces?: { name: string; macAddress?: string }[] } };
  networks?: Network[];
}

interface Instance extends KubernetesObject {
  spec: InstanceSpec;
  status?: object;
}

interface Machine extends KubernetesObject {
  spec: { template: { spec: InstanceSpec } };
  status?: object;
}

export class FakeKubeVirt {
  private readonly api: ApiServer;
  private readonly rounds: Rounds;

  private constructor(api: ApiServer) {
    this.api = api;
    this.rounds = new Rounds(() => this.round());
  }

  /** Makes its CRDs, and works until it is stopped. */
  static async start(api: ApiServer): Promise<FakeKubeVirt> {
    for (const kind of [MACHINE, INSTANCE]) await api.admin.create(crd(kind));
    for (const kind of [MACHINE, INSTANCE])
      await until(`${kind}s are served`, () => api.admin.list(VERSION, kind));
    return new FakeKubeVirt(api);
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async round(): Promise<void> {
    const { items: machines } = await this.api.admin.list<Machine>(VERSION, MACHINE);
    const { items: instances } = await this.api.admin.list<Instance>(VERSION, INSTANCE);
    const { items } = await this.api.core.listPodForAllNamespaces();
    const pods = items.map((pod): V1Pod => ({ ...pod, apiVersion: "v1", kind: "Pod" }));
    for (const machine of machines) await this.machine(machine, instances.find(isOf(machine)));
    for (const instance of instances) await this.instance(instance, pods.find(isOf(instance)));
  }

  private async machine(machine: Machine, instance: Instance | undefined): Promise<void> {
    if (await this.finalize(MACHINE, machine, instance)) return;
    if (instance === undefined) {
      const { name, namespace } = machine.metadata ?? {};
      const metadata = { name, namespace, ownerReferences: [owner(MACHINE, machine)] };
      await this.api.admin.create({
        apiVersion: VERSION,
        kind: INSTANCE,
        metadata: { ...metadata, finalizers: [FINALIZERS[INSTANCE] ?? ""] },
        spec: machine.spec.template.spec,
      } as Instance);
    }
    await this.setStatus(machine, { created: true, conditions: conditionsOf(instance) });
  }

  private async instance(instance: Instance, pod: V1Pod | undefined): Promise<void> {
    if (await this.finalize(INSTANCE, instance, pod)) return;
    if (pod === undefined) {
      const { namespace = "" } = instance.metadata ?? {};
      await this.api.core.createNamespacedPod({ namespace, body: launcherOf(instance) });
    }
    const ready = pod?.status?.conditions?.find(({ type }) => type === "Ready")?.status ?? "False";
    await this.setStatus(instance, {
      phase: ready === "True" ? "Running" : "Scheduling",
      conditions: [{ type: "Ready", status: ready }],
      interfaces: interfacesOf(instance, pod),
    });
  }

  /**
   * Holds an object until what it was made into is gone.
   *
   * @returns is it being deleted?
   */
  private async finalize(kind: string, object: KubernetesObject, made?: KubernetesObject): Promise<boolean> {
    const metadata = object.metadata ?? {};
    const finalizers = [FINALIZERS[kind] ?? ""];
    if (metadata.deletionTimestamp === undefined) {
      if (metadata.finalizers === undefined)
        await this.api.admin.replace({ ...object, metadata: { ...metadata, finalizers } });
      return false;
    }
    if (made === undefined)
      await this.api.admin.replace({ ...object, metadata: { ...metadata, finalizers: [] } });
    else if (made.metadata?.deletionTimestamp === undefined) await this.api.admin.delete(made);
    return true;
  }

  private async setStatus<T extends Machine | Instance>(object: T, status: object): Promise<void> {
    if (!isDeepStrictEqual(object.status, status)) await this.api.admin.replace({ ...object, status });
  }
}

/** The pod that a machine is in: `virt-launcher` of it, which runs QEMU in its container `compute`. */
function launcherOf(instance: Instance): V1Pod {
  const { name = "" } = instance.metadata ?? {};
  return {
    metadata: {
      generateName: `virt-launcher-${name}-`,
      labels: { "kubevirt.io": "virt-launcher", "vm.kubevirt.io/name": name },
      annotations: { "kubevirt.io/domain": name, [NETWORKS]: JSON.stringify(selectionsOf(instance)) },
      ownerReferences: [owner(INSTANCE, instance)],
    },
    spec: {
      restartPolicy: "Never",
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      containers: [{ name: "compute", image: IMAGE }],
    },
  };
}

/** What the pod asks for: an element for each network that is not the pod's own one. */
function selectionsOf({ metadata, spec }: Instance): object[] {
  return secondary(spec).map(({ name, multus }) => {
    const [network = "", namespace = metadata?.namespace] = (multus?.networkName ?? "").split("/").reverse();
    const { macAddress } = spec.domain.devices.interfaces?.find((one) => one.name === name) ?? {};
    return {
      name: network,
      namespace,
      ...(macAddress && { mac: macAddress }),
      interface: podInterface(name),
    };
  });
}

/** What network-status says of the machine's networks: those that the pod does not have are not in it. */
function interfacesOf({ spec }: Instance, pod: V1Pod | undefined): object[] {
  const status: { interface?: string; default?: boolean }[] = JSON.parse(
    pod?.metadata?.annotations?.[NETWORK_STATUS] ?? "[]",
  );
  const attached = status.filter((one) => one.default !== true).map((one) => one.interface);
  const primary = (spec.networks ?? []).filter((one) => !secondary(spec).includes(one));
  return [
    ...primary.map(({ name }) => ({ name, podInterfaceName: "eth0" })),
    ...secondary(spec)
      .filter(({ name }) => attached.includes(podInterface(name)))
      .map(({ name }) => ({ infoSource: "multus-status", name, podInterfaceName: podInterface(name) })),
  ];
}

function secondary({ networks = [] }: InstanceSpec): Network[] {
  return networks.filter(({ multus }) => multus !== undefined && multus.default !== true);
}

/** An interface's name in the pod, by the name that the network has in the machine. */
function podInterface(network: string): string {
  return `pod${createHash("sha256").update(network).digest("hex").slice(0, HASH_LENGTH)}`;
}

function conditionsOf(instance: Instance | undefined): object[] {
  const { conditions = [] } = (instance?.status ?? {}) as { conditions?: object[] };
  return conditions;
}

function owner(kind: string, { metadata }: KubernetesObject) {
  const { name = "", uid = "" } = metadata ?? {};
  return { apiVersion: VERSION, kind, name, uid, controller: true };
}

function isOf({ metadata }: KubernetesObject): (one: KubernetesObject) => boolean {
  return (one) => one.metadata?.ownerReferences?.some(({ uid }) => uid === metadata?.uid) ?? false;
}

function crd(kind: string): V1CustomResourceDefinition {
  const singular = kind.toLowerCase();
  const names = { kind, plural: `${singular}s`, singular, shortNames: [SHORT_NAMES[kind] ?? ""] };
  const schema = { openAPIV3Schema: { type: "object", x_kubernetes_preserve_unknown_fields: true } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${names.plural}.kubevirt.io` },
    spec: {
      group: "kubevirt.io",
      names,
      scope: "Namespaced",
      versions: [{ name: "v1", served: true, storage: true, schema }],
    },
  };
}
