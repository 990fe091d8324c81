// Makes the parts of the tiers kube and resident.
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ensureKubernetes } from "../../scripts/provide/kubernetes.ts";
import { provideLab } from "../support/lab.ts";
import { setUp } from "../support/parts.ts";

export default setUp(() => {
  provideLab();
  ensurePackages(["openssl"]);
  for (const name of ["etcd", "kube-apiserver"] as const) ensureKubernetes(name);
});
