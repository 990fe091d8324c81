// Credentials from a program that a kubeconfig names. Source: client.authentication.k8s.io/v1.
import { spawn } from "node:child_process";
import { resolve } from "node:path";
import { ExecAuth } from "@kubernetes/client-node/dist/exec_auth.js";

/** A user's `exec` in a kubeconfig. */
export interface Exec {
  apiVersion?: string;
  command?: string;
  args?: string[];
  env?: { name: string; value: string }[];
  provideClusterInfo?: boolean | string;
}

/** Enough for a program that asks a cloud's identity service. */
const PROGRAM_LIMIT_MS = 30_000;

/**
 * Executes the program.
 *
 * @param cluster the kubeconfig's entry, which the program gets if it asks for it
 * @param dir that a relative path of the program begins in
 * @returns the Authorization header, and PEM
 * @throws Error with what the program has written to stderr
 */
export async function execute(exec: Exec, cluster: object, dir: string) {
  const { apiVersion, command = "", args = [], env = [], provideClusterInfo } = exec;
  const spec = { interactive: false, ...(`${provideClusterInfo}` === "true" ? { cluster } : {}) };
  const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
  const user = {
    name: "user",
    exec: {
      command: command.includes("/") ? resolve(dir, command) : command,
      args,
      env: [...env, { name: "KUBERNETES_EXEC_INFO", value: info }],
    },
  };
  const auth = new ExecAuth();
  const execFn = (file: string, argv: readonly string[], options: object) =>
    spawn(file, argv, { ...options, stdio: ["ignore", "pipe", "pipe"], timeout: PROGRAM_LIMIT_MS });
  Object.assign(auth, { execFn }); // its own would wait for ever, and gives the program a stdin
  const credentials: { headers?: { Authorization?: string }; cert?: string; key?: string } = {};
  await auth.applyAuthentication(user, credentials);
  const { headers, cert, key } = credentials;
  return { authorization: headers?.Authorization, cert, key };
}
