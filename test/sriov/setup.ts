// Makes the parts of tier sriov.
import { ensureContainerd } from "../../scripts/provide/containerd.ts";
import { ensurePackages, ensurePlugins } from "../../scripts/provide/debian.ts";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";
import { kubernetesMinor } from "../../scripts/provide/kubernetes.ts";
import { ensureVm } from "../../scripts/provide/vm.ts";
import { setUp } from "../support/parts.ts";

export default setUp(() => {
  ensurePackages(["python3-grpcio"]);
  ensurePlugins();
  ensureVm();
  ensureKubectl();
  ensureContainerd(kubernetesMinor("kubelet"));
});
