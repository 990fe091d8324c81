// Makes what the tests of this tier need before the first of them: a build of minutes does not fit into a test's time.
import { ensurePlugins } from "../../scripts/provide/debian.ts";
import { ensureKubernetes } from "../../scripts/provide/kubernetes.ts";

export default function setup(): void {
  ensurePlugins();
  for (const name of ["etcd", "kube-apiserver"] as const) ensureKubernetes(name);
}
