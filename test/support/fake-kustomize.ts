// What `kubectl kustomize` makes of a directory, as far as deploy/ goes: resources, and JSON patches (RFC 6902) of
// `replace`, `add` and `test`. Anything else is refused.
import { deepStrictEqual } from "node:assert/strict";
import * as fs from "node:fs";
import { join } from "node:path";
import { parse, parseAllDocuments } from "yaml";

/** An object of Kubernetes. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: { name: string; namespace?: string };
  // biome-ignore lint/suspicious/noExplicitAny: whatever kind it is
  [member: string]: any;
}

interface Patch {
  target: { kind: string; name: string };
  patch?: string;
  path?: string;
}

interface Operation {
  op: string;
  path: string;
  value: unknown;
}

/** Reads all objects of a directory with a kustomization. */
export function kustomized(dir: string): Manifest[] {
  const { apiVersion, kind, resources, patches = [], ...unknown } = parse(read(dir, "kustomization.yaml"));
  if (kind !== "Kustomization" || Object.keys(unknown).length > 0)
    throw new Error(`${dir}: ${kind} of ${apiVersion} with ${Object.keys(unknown)}`);
  const objects = (resources as string[]).flatMap((name) =>
    fs.statSync(join(dir, name)).isDirectory() ? kustomized(join(dir, name)) : objectsIn(read(dir, name)),
  );
  for (const { target, patch, path } of patches as Patch[]) {
    const found = objects.filter(
      ({ kind, metadata }) => kind === target.kind && metadata.name === target.name,
    );
    if (found.length !== 1) throw new Error(`${dir}: ${found.length} objects are ${JSON.stringify(target)}`);
    const operations = parse(patch ?? read(dir, path ?? "")) as Operation[];
    for (const operation of operations) change(found[0] as Manifest, operation);
  }
  return objects;
}

function objectsIn(yaml: string): Manifest[] {
  return parseAllDocuments(yaml).map((document) => document.toJS() as Manifest);
}

function change(object: Manifest, { op, path, value }: Operation): void {
  const names = path.split("/").slice(1);
  const keys = names.map((name) => name.replaceAll("~1", "/").replaceAll("~0", "~"));
  const last = keys.pop() ?? "";
  // biome-ignore lint/suspicious/noExplicitAny: any member of any object
  const parent = keys.reduce<any>((inner, key) => inner[key], object);
  if (op === "test") {
    deepStrictEqual(parent[last], value);
    return;
  }
  if (op === "add" && last === "-") {
    parent.push(value);
    return;
  }
  if (op !== "add" && !(op === "replace" && last in parent))
    throw new Error(`${op} of ${path} cannot be done`);
  parent[last] = value;
}

function read(dir: string, name: string): string {
  return fs.readFileSync(join(dir, name), "utf8");
}
