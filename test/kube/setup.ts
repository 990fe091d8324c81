// Makes the parts of the tiers kube and resident.
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { ensureHelm } from "../../scripts/provide/helm.ts";
import { ensureKubernetes } from "../../scripts/provide/kubernetes.ts";
import { ensureLab } from "../../scripts/provide/lab.ts";
import { setUp } from "../support/parts.ts";
import { noteParts } from "../support/ran.ts";

export default setUp(() => {
  ensureLab();
  ensurePackages(["openssl"]);
  const [etcd, server] = [ensureKubernetes("etcd"), ensureKubernetes("kube-apiserver")];
  noteParts("kube", { "kube-apiserver": server, etcd, helm: [ensureHelm(), "version"] });
});
