// Makes the parts of tier runtime.
import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensureContainerd } from "../../scripts/provide/containerd.ts";
import { ensurePackages, ensurePlugins } from "../../scripts/provide/debian.ts";
import { ensureFlannel } from "../../scripts/provide/flannel.ts";
import { ensureHelm } from "../../scripts/provide/helm.ts";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";
import { ensureKubernetes, kubernetesMinor } from "../../scripts/provide/kubernetes.ts";
import { setUp } from "../support/parts.ts";
import { noteParts } from "../support/ran.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export default setUp(() => {
  if (process.getuid?.() !== 0) throw new Error("a node makes namespaces and mounts: run its tests as root");
  ensurePackages([
    "curl",
    "iproute2",
    "iptables",
    "iputils-ping",
    "openssl",
    "python3-grpcio",
    "skopeo",
    "podman",
  ]);
  ensurePlugins();
  ensureFlannel();
  ensureKubectl();
  const tools = ensureContainerd(kubernetesMinor("kubelet"));
  noteParts("runtime", {
    "kube-apiserver": ensureKubernetes("kube-apiserver"),
    etcd: ensureKubernetes("etcd"),
    kubelet: ensureKubernetes("kubelet"),
    containerd: join(tools, "containerd"),
    runc: join(tools, "runc"),
    skopeo: "skopeo",
    podman: "podman",
    helm: [ensureHelm(), "version"],
  });
  makeImage();
});

/** The image, of what has been built and of the other architecture's. */
function makeImage(): void {
  const other = process.arch === "x64" ? "arm64" : "x64";
  for (const [script, ...args] of [["scripts/build/build.ts", other], ["scripts/image/build.ts"]] as const)
    execFileSync(process.execPath, [script, ...args], { cwd: root, stdio: "inherit" });
}
