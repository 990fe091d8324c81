// Kubeconfigs for tests, and what is in them.
import { writeFileSync } from "node:fs";
import { readKubeconfig } from "../../launcher/cluster/kubeconfig.ts";

export const CERT = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
export const KEY = "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n";
export const base64 = (text: string) => Buffer.from(text).toString("base64");

/** One context, with that cluster and user. */
export function kubeconfig(cluster: object, user: object = {}) {
  return {
    apiVersion: "v1",
    kind: "Config",
    "current-context": "x",
    contexts: [{ name: "x", context: { cluster: "c", user: "u" } }],
    clusters: [{ name: "c", cluster: { server: "https://10.96.0.1:443", ...cluster } }],
    users: [{ name: "u", user }],
  };
}

/** Writes a kubeconfig for its owner alone, and reads it. */
export function readNew(path: string, content: string | object, warn: (message: string) => void = () => {}) {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  writeFileSync(path, text, { mode: 0o600 });
  return readKubeconfig(path, warn);
}
