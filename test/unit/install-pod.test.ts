// What `plexus install` asks the API server for in a DaemonSet's pod.
import * as fs from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rootCertificates } from "node:tls";
import { afterEach, beforeEach, expect, test } from "vitest";
import { type PodApi, podApi } from "../../launcher/cli/install/api.ts";
import { DaemonSet } from "../../launcher/cli/install/daemonset.ts";
import { installationOf } from "../../launcher/cli/install/installation.ts";
import { installKubeconfig } from "../../launcher/cli/install/kubeconfig.ts";
import { parseOptions } from "../../launcher/cli/install/options.ts";

let dir: string;
beforeEach(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-install-pod-"));
});
afterEach(() => fs.rmSync(dir, { recursive: true }));

const part = (claims: object) => Buffer.from(JSON.stringify(claims)).toString("base64url");

/** A pod whose API server answers each question with the next of these statuses. */
function fakePod(...statuses: number[]): { api: PodApi; asked: string[] } {
  const asked: string[] = [];
  const api: PodApi = {
    server: "https://192.0.2.1:443",
    mounted: (name) => name,
    ask: async (_, path) => {
      asked.push(path);
      return { status: statuses.shift() ?? 500, body: {} };
    },
  };
  return { api, asked };
}

test("a token that is good costs the API server not even a connection", async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve()));
  try {
    const { port } = server.address() as { port: number };
    for (const [name, text] of Object.entries({
      namespace: "kube-system",
      token: "t",
      "ca.crt": `${rootCertificates[0]}`,
    }))
      fs.writeFileSync(join(dir, name), text);
    const env = { KUBERNETES_SERVICE_HOST: "127.0.0.1", KUBERNETES_SERVICE_PORT: `${port}` };
    const args = ["--root", dir, "--service-account", "plexus"];
    const installation = installationOf(parseOptions(args, "install"), env);
    const api = podApi(env, dir);
    const now = Date.now() / 1000;
    const claims = { sub: "system:serviceaccount:kube-system:plexus", iat: now, exp: now + 1000 };
    const ask: PodApi["ask"] = async () => ({
      status: 201,
      body: { status: { token: `h.${part(claims)}.s` } },
    });
    const taken = async () => true;
    expect(await installKubeconfig(installation, api && { ...api, ask }, taken)).toMatch(/^wrote /);
    expect(await installKubeconfig(installation, api, taken)).toMatch(/^kept .* is good$/);
    await new Promise((resolve) => setTimeout(resolve, 50)); // for one that nobody waits for
    expect(connections).toBe(0);
    await expect(api?.ask("GET", "/")).rejects.toThrow();
    expect(connections).toBeGreaterThan(0);
  } finally {
    server.close();
  }
});

test.each([
  ["has refused once, and shows it then", [403, 200], false],
  ["has refused twice, and is away then", [401, 403, 500], false],
  ["refuses for as long as it is asked", [401, 403, 403], true],
  ["says that there is none", [404], true],
  ["says that there is none, after a refusal", [403, 404], true],
  ["is away", [500], false],
])("a DaemonSet of a server that %s is deleted, or is not", async (_, statuses, isDeleted) => {
  const { api, asked } = fakePod(200, ...statuses);
  const daemonSet = new DaemonSet("plexus", api);
  expect(await daemonSet.look()).toBeUndefined();
  expect(await daemonSet.isDeleted()).toBe(isDeleted);
  expect(asked).toHaveLength(1 + statuses.length);
});
