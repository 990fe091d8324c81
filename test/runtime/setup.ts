// Makes what the tests of this tier need before the first of them: a build of minutes does not fit into a test's time.
import { ensureContainerd } from "../../scripts/provide/containerd.ts";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ensureFlannel } from "../../scripts/provide/flannel.ts";
import { ensureKubernetes } from "../../scripts/provide/kubernetes.ts";
import setupKube from "../kube/setup.ts";

export default function setup(): void {
  setupKube();
  ensureContainerd();
  ensurePackages(["curl", "iputils-ping", "python3-grpcio"]);
  ensureFlannel();
  ensureKubernetes("kubelet");
}
