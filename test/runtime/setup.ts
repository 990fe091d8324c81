// Makes the parts of tier runtime.
import { ensureContainerd } from "../../scripts/provide/containerd.ts";
import { ensurePackages, ensurePlugins } from "../../scripts/provide/debian.ts";
import { ensureFlannel } from "../../scripts/provide/flannel.ts";
import { ensureKubernetes, kubernetesMinor } from "../../scripts/provide/kubernetes.ts";
import { setUp } from "../support/parts.ts";

export default setUp(() => {
  if (process.getuid?.() !== 0) throw new Error("a node makes namespaces and mounts: run its tests as root");
  ensurePackages(["curl", "iproute2", "iptables", "iputils-ping", "openssl", "python3-grpcio"]);
  ensurePlugins();
  ensureFlannel();
  for (const name of ["etcd", "kube-apiserver", "kubelet"] as const) ensureKubernetes(name);
  ensureContainerd(kubernetesMinor("kubelet"));
});
