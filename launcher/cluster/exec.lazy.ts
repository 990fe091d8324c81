// Credentials from a program that a kubeconfig names. Source: client.authentication.k8s.io/v1.
import { spawn } from "node:child_process";
import { resolve } from "node:path";

/** A user's `exec` in a kubeconfig. */
export interface Exec {
  apiVersion?: string;
  command?: string;
  args?: string[];
  env?: { name: string; value: string }[];
  provideClusterInfo?: boolean | string;
}

/** What the program prints. */
interface ExecCredential {
  status?: {
    token?: string;
    clientCertificateData?: string;
    clientKeyData?: string;
    expirationTimestamp?: string;
  };
}

/** Enough for a program that asks a cloud's identity service. */
const PROGRAM_LIMIT_MS = 30_000;

/**
 * Executes the program.
 *
 * @param cluster the kubeconfig's entry, which the program gets if it asks for it
 * @param dir that a relative path of the program begins in
 * @returns the Authorization header, PEM, and when these expire, in ms since 1970: Infinity if never
 * @throws Error with what the program has written to stderr
 */
export async function execute(exec: Exec, cluster: object, dir: string) {
  const { apiVersion, command = "", args = [], env = [], provideClusterInfo } = exec;
  const spec = { interactive: false, ...(`${provideClusterInfo}` === "true" ? { cluster } : {}) };
  const info = JSON.stringify({ apiVersion, kind: "ExecCredential", spec });
  const added = [...env, { name: "KUBERNETES_EXEC_INFO", value: info }];
  const file = command.includes("/") ? resolve(dir, command) : command;
  const said = await run(file, args, Object.fromEntries(added.map(({ name, value }) => [name, value])));
  const { status } = JSON.parse(said) as ExecCredential;
  if (!status) throw new Error("what it prints is not an ExecCredential with a status");
  const { token, clientCertificateData: cert, clientKeyData: key, expirationTimestamp } = status;
  const expires = Date.parse(expirationTimestamp ?? "");
  return {
    authorization: token ? `Bearer ${token}` : undefined,
    cert,
    key,
    expires: Number.isNaN(expires) ? Number.POSITIVE_INFINITY : expires,
  };
}

/** @returns what the program has written to stdout */
function run(file: string, args: string[], env: Record<string, string>): Promise<string> {
  return new Promise((resolve, reject) => {
    const program = spawn(file, args, {
      env: { ...process.env, ...env },
      stdio: ["ignore", "pipe", "pipe"],
      timeout: PROGRAM_LIMIT_MS,
    });
    let [stdout, stderr] = ["", ""];
    program.stdout.setEncoding("utf8").on("data", (text: string) => {
      stdout += text;
    });
    program.stderr.setEncoding("utf8").on("data", (text: string) => {
      stderr += text;
    });
    program.on("error", reject);
    program.on("close", (code) => (code === 0 ? resolve(stdout) : reject(new Error(stderr))));
  });
}
