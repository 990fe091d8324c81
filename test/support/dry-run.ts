// What an API server would make of a manifest, to the last member: it is sent as it is, and not by a client that leaves out
// what it does not know.
import * as fs from "node:fs";
import type { IncomingMessage } from "node:http";
import { request } from "node:https";
import { text } from "node:stream/consumers";
import type { ApiServer } from "./apiserver.ts";
import type { Manifest } from "./kustomize.ts";

/** Applies an object, for the answer alone. Throws with the server's words if it refuses a member, or the object. */
export type DryRun = (manifest: Manifest) => Promise<Manifest>;

export function dryRunAt(api: ApiServer): DryRun {
  const { cert, key } = api.authority.issue({ name: "test-admin", groups: ["system:masters"] });
  const options = {
    method: "PATCH",
    headers: { "Content-Type": "application/apply-patch+yaml" },
    ca: fs.readFileSync(api.authority.cert),
    cert: fs.readFileSync(cert),
    key: fs.readFileSync(key),
  };
  return async (manifest) => {
    const url = `${api.url}${pathOf(manifest)}?fieldManager=test&force=true&dryRun=All`;
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request(url, options, resolve).on("error", reject).end(JSON.stringify(manifest));
    });
    const answer = JSON.parse(await text(response));
    if (response.statusCode === 200 || response.statusCode === 201) return answer;
    throw new Error(`${manifest.kind} ${manifest.metadata.name}: ${answer.message}`);
  };
}

/** Of kinds that do not follow the rule. */
const PLURALS: Record<string, string> = { NetworkAttachmentDefinition: "network-attachment-definitions" };

function pathOf({ apiVersion, kind, metadata }: Manifest): string {
  const root = apiVersion.includes("/") ? "apis" : "api";
  const within = metadata.namespace === undefined ? "" : `/namespaces/${metadata.namespace}`;
  const plural = PLURALS[kind] ?? (kind.endsWith("s") ? kind : `${kind}s`);
  return `/${root}/${apiVersion}${within}/${plural.toLowerCase()}/${metadata.name}`;
}
