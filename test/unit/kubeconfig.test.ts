import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { parse } from "yaml";
import { readInstalled } from "../../launcher/cluster/installed.ts";
import { readKubeconfig } from "../../launcher/cluster/kubeconfig.ts";
import { kubeconfigOfGenerator, kubeconfigOfInstaller } from "../support/multus-kubeconfig.ts";
import { base64, CERT, KEY, kubeconfig, readNew } from "./fake-kubeconfig.ts";
import { faultOf } from "./fake-pod.ts";

let dir: string;
let path: string;
let warnings: string[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "plexus-kubeconfig-"));
  path = join(dir, "kubeconfig");
  warnings = [];
});
afterEach(() => rmSync(dir, { recursive: true }));

const read = (content: string | object) => readNew(path, content, (warning) => warnings.push(warning));

describe("what Multus's own programs write", () => {
  const installer = kubeconfigOfInstaller("https://[fd00::1]:443", base64(CERT), "eyJ.a_b-c.d");
  const generator = (dir: string) => {
    const file = `${dir}/multus-client-current.pem`;
    return kubeconfigOfGenerator("https://10.96.0.1:443", base64(CERT), file, file);
  };

  test("is recognised without a YAML parser, and means what one says", () => {
    for (const text of [installer, generator("/etc/cni/net.d/multus.d/certs")]) {
      const said = readInstalled(text) as ReturnType<typeof kubeconfig>;
      const meant = parse(text);
      expect(said.clusters[0]?.cluster).toEqual(meant.clusters[0].cluster);
      expect(said.users[0]?.user).toEqual(meant.users[0].user);
    }
  });

  test.each([
    ["a further line", (text: string) => `${text}extensions: []\n`],
    ["a comment", (text: string) => text.replace("kind: Config", "kind: Config # by hand")],
    ["another scheme", (text: string) => text.replace("https://", "http://")],
    ["a space in the server", (text: string) => text.replace(":443", ":443 # x")],
    ["an escape in the token", (text: string) => text.replace("eyJ", "\\x65yJ")],
    ["another indentation", (text: string) => text.replace("  cluster:", "   cluster:")],
  ])("with %s is left to the parser", (_, change) => {
    expect(readInstalled(change(installer))).toBeUndefined();
  });

  test("tells server, CA and token", async () => {
    const connection = await read(installer);
    expect(connection).toMatchObject({
      source: `kubeconfig ${path}`,
      ca: Buffer.from(CERT),
      insecure: false,
    });
    expect(connection.server.href).toBe("https://[fd00::1]/");
    expect(connection.authorization()).toBe("Bearer eyJ.a_b-c.d");
  });

  test.each([
    ["https://[10.96.0.1]:443", "https://10.96.0.1/"],
    ["https://[10.96.0.1]:6443", "https://10.96.0.1:6443/"],
    ["http://[api.example]:80", "http://api.example/"],
    ["https://[fd00::1]:6443", "https://[fd00::1]:6443/"],
  ])(
    "may have %s, as Multus up to 4.2.2 brackets whatever its API server is called",
    async (server, meant) => {
      expect((await read(installer.replace("https://[fd00::1]:443", server))).server.href).toBe(meant);
    },
  );

  test("tells a certificate and a key that are one file", async () => {
    writeFileSync(join(dir, "multus-client-current.pem"), CERT + KEY);
    const { clientCertificate, authorization } = await read(generator(dir));
    expect(clientCertificate).toEqual({ cert: Buffer.from(CERT + KEY), key: Buffer.from(CERT + KEY) });
    expect(authorization()).toBeUndefined();
  });

  test("is to be tried again where the certificate is not there yet", async () => {
    const { code, message } = await faultOf(read(generator(`${dir}/certs`)));
    expect(code).toBe(11);
    expect(message).toContain(`kubeconfig ${path}`);
    expect(message).toContain(`${dir}/certs/multus-client-current.pem`);
  });
});

describe("any kubeconfig", () => {
  test("is JSON or YAML", async () => {
    const json = kubeconfig({ "certificate-authority-data": base64(CERT) }, { token: "t" });
    const yaml = `# by hand
current-context: x
clusters: [{name: c, cluster: {server: 'https://10.96.0.1:443', certificate-authority-data: ${base64(CERT)}}}]
contexts:
  - {context: {cluster: c, user: u}, name: x}
users:
  - name: u
    user:
      token: >-
        t
`;
    for (const content of [json, JSON.stringify(json, null, 2), yaml]) {
      const connection = await read(content);
      expect(connection.server.origin).toBe("https://10.96.0.1");
      expect(connection.ca).toEqual(Buffer.from(CERT));
      expect(connection.authorization()).toBe("Bearer t");
    }
  });

  test("keeps a token that looks like a number, and knows booleans, in both", async () => {
    const yaml = `current-context: x
clusters: [{name: c, cluster: {server: "https://h", insecure-skip-tls-verify: true}}]
contexts: [{name: x, context: {cluster: c, user: u}}]
users: [{name: u, user: {token: 0123e4, tokenFile: null}}]
`;
    const connection = await read(yaml);
    expect(connection.authorization()).toBe("Bearer 0123e4");
    expect(connection.insecure).toBe(true);
    expect((await read(kubeconfig({ "insecure-skip-tls-verify": true }))).insecure).toBe(true);
    expect((await read(kubeconfig({ "insecure-skip-tls-verify": false }))).insecure).toBe(false);
  });

  test("names files from its own directory", async () => {
    mkdirSync(join(dir, "pki"));
    writeFileSync(join(dir, "pki/ca.crt"), CERT);
    writeFileSync(join(dir, "client.pem"), CERT + KEY);
    const user = { "client-certificate": "client.pem", "client-key": join(dir, "client.pem") };
    const connection = await read(kubeconfig({ "certificate-authority": "pki/ca.crt" }, user));
    expect(connection.ca).toEqual(Buffer.from(CERT));
    expect(connection.clientCertificate?.key).toEqual(Buffer.from(CERT + KEY));
  });

  test("prefers what is inline to what is in a file", async () => {
    const cluster = { "certificate-authority": "/nowhere", "certificate-authority-data": base64(CERT) };
    expect((await read(kubeconfig(cluster))).ca).toEqual(Buffer.from(CERT));
  });

  test("may have a token file, which is read each time and comes before a token", async () => {
    const file = join(dir, "token");
    writeFileSync(file, "one\n");
    const { authorization } = await read(kubeconfig({}, { tokenFile: "token", token: "old" }));
    expect(authorization()).toBe("Bearer one");
    writeFileSync(file, "two");
    expect(authorization()).toBe("Bearer two");
    writeFileSync(file, "");
    expect(authorization).toThrow(/token file .*token is empty/);
  });

  test("may have a user's name and password", async () => {
    const { authorization } = await read(kubeconfig({}, { username: "ü", password: "p:w" }));
    expect(authorization()).toBe(`Basic ${base64("ü:p:w")}`);
  });

  test("may have neither", async () => {
    const { users: _, ...anonymous } = kubeconfig({});
    const contexts = [{ name: "x", context: { cluster: "c" } }];
    expect((await read({ ...anonymous, contexts })).authorization()).toBeUndefined();
  });

  test("may impersonate", async () => {
    const as = { as: "jane", "as-uid": "7", "as-groups": ["a", "b"], "as-user-extra": { "x/y": ["1", "2"] } };
    expect((await read(kubeconfig({}, as))).headers).toEqual({
      "Impersonate-User": "jane",
      "Impersonate-Uid": "7",
      "Impersonate-Group": ["a", "b"],
      "Impersonate-Extra-x%2Fy": ["1", "2"],
    });
  });

  test("may name a server name and a proxy", async () => {
    const more = { "tls-server-name": "kubernetes", "proxy-url": "http://proxy:3128" };
    expect(await read(kubeconfig(more))).toMatchObject({
      serverName: "kubernetes",
      proxy: "http://proxy:3128",
    });
  });

  test.each([
    ["10.0.0.1:6443", {}, "http://10.0.0.1:6443"],
    ["api.example", { "certificate-authority-data": base64(CERT) }, "https://api.example"],
    ["api.example:6443", { "insecure-skip-tls-verify": true }, "https://api.example:6443"],
  ])("may leave the scheme out: %s", async (server, more, origin) => {
    expect((await read(kubeconfig({ server, ...more }))).server.origin).toBe(origin);
  });

  test("that others can read is warned of, once, and works", async () => {
    await read(kubeconfig({}));
    expect(warnings).toEqual([]);
    chmodSync(path, 0o644);
    await readKubeconfig(path, (warning) => warnings.push(warning));
    await readKubeconfig(path, (warning) => warnings.push(warning)); // a token is renewed
    expect(warnings).toEqual([expect.stringContaining(`chmod 600 ${path}`)]);
    chmodSync(path, 0o640);
    await readKubeconfig(path, (warning) => warnings.push(warning));
    expect(warnings).toHaveLength(1);
  });
});

describe("credentials of a program", () => {
  const program = (script: string) => {
    const file = join(dir, "plugin");
    writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
    return {
      exec: {
        apiVersion: "client.authentication.k8s.io/v1",
        command: "./plugin",
        args: ["one", "two"],
        env: [{ name: "WHO", value: "me" }],
        provideClusterInfo: true,
      },
    };
  };

  test("are asked for with its arguments and environment", async () => {
    const user = program(`printf '%s' "$KUBERNETES_EXEC_INFO" > "${dir}/info"
      cat >/dev/null # has an end
      echo '{"kind":"ExecCredential","status":{"token":"'$1-$2-$WHO'"}}'`);
    const { authorization } = await read(kubeconfig({ "tls-server-name": "k" }, user));
    expect(authorization()).toBe("Bearer one-two-me");
    const { readFileSync } = await import("node:fs");
    expect(JSON.parse(readFileSync(join(dir, "info"), "utf8"))).toEqual({
      apiVersion: "client.authentication.k8s.io/v1",
      kind: "ExecCredential",
      spec: { interactive: false, cluster: { server: "https://10.96.0.1:443", "tls-server-name": "k" } },
    });
  });

  test("may be a certificate", async () => {
    const status = { clientCertificateData: CERT, clientKeyData: KEY };
    writeFileSync(join(dir, "answer"), JSON.stringify({ kind: "ExecCredential", status }));
    const { clientCertificate } = await read(kubeconfig({}, program(`cat "${dir}/answer"`)));
    expect(clientCertificate).toEqual({ cert: Buffer.from(CERT), key: Buffer.from(KEY) });
  });

  test("that cannot be had are a fault with what the program said", async () => {
    const failing = await faultOf(read(kubeconfig({}, program("echo no network >&2; exit 1"))));
    expect(failing).toMatchObject({
      code: 11,
      message: expect.stringContaining("./plugin, which failed: no network"),
    });
    const silent = await faultOf(read(kubeconfig({}, program("echo hello"))));
    expect(silent).toMatchObject({ code: 11, message: expect.stringContaining("./plugin, which failed") });
    const missing = await faultOf(read(kubeconfig({}, { exec: { command: "no-such-program" } })));
    expect(missing).toMatchObject({
      code: 7,
      message: expect.stringContaining("no-such-program, which is not on this node"),
    });
  });

  test("are not asked for where a token is there", async () => {
    const { authorization } = await read(
      kubeconfig({}, { token: "t", exec: { command: "no-such-program" } }),
    );
    expect(authorization()).toBe("Bearer t");
  });

  test("come from an auth-provider too", async () => {
    const claims = base64(JSON.stringify({ exp: Date.now() / 1000 + 3600 })).replaceAll("=", "");
    const provider = { name: "oidc", config: { "id-token": `e30.${claims}.e30`, "client-id": "plexus" } };
    const { authorization } = await read(kubeconfig({}, { "auth-provider": provider }));
    expect(authorization()).toBe(`Bearer e30.${claims}.e30`);
  });
});

test("libraries are loaded for nothing but what needs them", async () => {
  const loaded: string[] = [];
  vi.resetModules();
  vi.doMock("../../launcher/lazy.ts", () => ({ lazy: (name: string) => void loaded.push(name) }));
  const { readKubeconfig } = await import("../../launcher/cluster/kubeconfig.ts");
  writeFileSync(path, JSON.stringify(kubeconfig({}, { token: "t" })));
  await readKubeconfig(path, () => {});
  expect(loaded).toEqual([]);
  writeFileSync(path, "a: b");
  await readKubeconfig(path, () => {}).catch(() => {});
  expect(loaded).toEqual(["yaml"]);
  vi.doUnmock("../../launcher/lazy.ts");
});
