// Credentials from a program that the kubeconfig names. Source: client.authentication.k8s.io/v1.
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

/** For programs that ask a cloud's identity service. */
const WITHIN = 30_000;

/**
 * @param cluster is told to the program where it wants to know
 * @param dir that the program's path counts from
 * @returns the Authorization header, and PEM texts
 * @throws Error with what the program said on stderr
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
  const execFn = (file: string, given: readonly string[], options: object) =>
    spawn(file, given, { ...options, stdio: ["ignore", "pipe", "pipe"], timeout: WITHIN });
  Object.assign(auth, { execFn }); // theirs would wait for ever, and gives it a stdin
  const got: { headers?: { Authorization?: string }; cert?: string; key?: string } = {};
  await auth.applyAuthentication(user, got);
  return { authorization: got.headers?.Authorization, cert: got.cert, key: got.key };
}
