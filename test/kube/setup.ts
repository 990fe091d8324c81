// Makes the parts of the tiers kube and resident.
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ensureKubernetes } from "../../scripts/provide/kubernetes.ts";
import { ensureLab } from "../../scripts/provide/lab.ts";
import { setUp } from "../support/parts.ts";

export default setUp(() => {
  ensureLab();
  ensurePackages(["openssl"]);
  for (const name of ["etcd", "kube-apiserver"] as const) ensureKubernetes(name);
});
