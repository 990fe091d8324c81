// What `kubectl kustomize` makes of a directory.
import { execFileSync } from "node:child_process";
import { parseAllDocuments } from "yaml";
import { ensureKubectl } from "../../scripts/provide/kubectl.ts";

/** An object of Kubernetes. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: whatever kind it is
  [member: string]: any;
}

/** All objects of a directory with a kustomization. */
export function kustomized(dir: string): Manifest[] {
  return objectsIn(execFileSync(ensureKubectl(), ["kustomize", dir], { encoding: "utf8" }));
}

/** All objects in a YAML text. */
export function objectsIn(yaml: string): Manifest[] {
  return parseAllDocuments(yaml).map((document) => document.toJS() as Manifest);
}
