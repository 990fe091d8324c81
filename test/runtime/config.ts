// What containerd and kubelet of a node are told: where plugins and confs are, and what differs from a distribution's.
import { join } from "node:path";
import { stringify } from "yaml";
import { IMAGE } from "./image.ts";

export const BIN_DIR = "/opt/cni/bin";
export const CONF_DIR = "/etc/cni/net.d";
export const STATIC_PODS = "/etc/kubernetes/manifests";
/** containerd's. */
export const SOCKET = "/run/containerd/containerd.sock";

/** containerd as a distribution sets it up, but for the image, and for what it may not do without CAP_SYS_RESOURCE. */
export function containerdConfig(tools: string): string {
  return `version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "${IMAGE}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${BIN_DIR}"
  conf_dir = "${CONF_DIR}"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
  BinaryName = "${join(tools, "runc")}"
  SystemdCgroup = false
`;
}

/** A kubelet's flags that say which container runtime there is: since 1.27 its configuration does. */
export function runtimeFlags(minor: number): string[] {
  if (minor >= 27) return [];
  // Since 1.24 there is no other than a remote one.
  return [
    `--container-runtime-endpoint=unix://${SOCKET}`,
    ...(minor < 24 ? ["--container-runtime=remote"] : []),
  ];
}

/** A KubeletConfiguration in YAML, for the node of that name and a kubelet of that minor version. */
export function kubeletConfig(name: string, minor: number): string {
  return stringify({
    apiVersion: "kubelet.config.k8s.io/v1beta1",
    kind: "KubeletConfiguration",
    authentication: {
      anonymous: { enabled: false },
      webhook: { enabled: false },
      x509: { clientCAFile: "/etc/kubernetes/ca.crt" },
    },
    authorization: { mode: "AlwaysAllow" },
    staticPodPath: STATIC_PODS,
    cgroupDriver: "cgroupfs",
    cgroupRoot: `/${name}`,
    ...(minor >= 27 && { containerRuntimeEndpoint: `unix://${SOCKET}` }),
    ...(minor >= 31 && { failCgroupV1: false }), // this machine's control groups are as they are
    enforceNodeAllocatable: ["pods"],
    clusterDNS: ["10.96.0.10"],
    clusterDomain: "cluster.local",
    failSwapOn: false,
    maxPods: 250,
    serializeImagePulls: false,
    // A test disk that is nearly full is not a reason to evict anything.
    evictionHard: {
      "memory.available": "0%",
      "nodefs.available": "0%",
      "nodefs.inodesFree": "0%",
      "imagefs.available": "0%",
    },
    imageGCHighThresholdPercent: 100,
    nodeStatusUpdateFrequency: "1s", // or it is minutes until the node says that it is ready
    // 100 pods at once are not to wait for the client's own limits.
    kubeAPIQPS: 500,
    kubeAPIBurst: 1000,
    eventRecordQPS: 0,
    configMapAndSecretChangeDetectionStrategy: "Watch",
    volumePluginDir: "/var/lib/kubelet/volume-plugins",
  });
}
