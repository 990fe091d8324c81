// Which API server kubectl asks, and so `kubectl plexus`: KUBECONFIG with several files, contexts, paths in them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { stringify } from "yaml";
import { chooseConnection } from "../../launcher/cluster/kubectl.ts";
import { CERT, KEY, kubeconfig } from "./fake-kubeconfig.ts";

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "plexus-kubectl-"));
});
afterEach(() => rmSync(dir, { recursive: true }));

const NOTHING = { kubeconfig: undefined, context: undefined };

function write(path: string, content: object | string): string {
  const file = join(dir, path);
  mkdirSync(join(file, ".."), { recursive: true });
  writeFileSync(file, typeof content === "string" ? content : stringify(content), { mode: 0o600 });
  return file;
}

const cluster = (name: string, server: string) => ({ name, cluster: { server } });
const context = (name: string, of: string, user: string, namespace?: string) => ({
  name,
  context: { cluster: of, user, ...(namespace === undefined ? {} : { namespace }) },
});
const token = (name: string, text: string) => ({ name, user: { token: text } });

test("several files are one: the first that has a name, or a current context, wins; what does not exist is left out", async () => {
  const first = write("a", {
    clusters: [cluster("c", "https://first:1")],
    contexts: [context("x", "c", "u", "team")],
  });
  const second = write("b", {
    "current-context": "x",
    clusters: [cluster("c", "https://second:2"), cluster("d", "https://d:3")],
    contexts: [context("x", "d", "u"), context("y", "d", "u")],
    users: [token("u", "secret")],
  });
  const env = { KUBECONFIG: `:${join(dir, "missing")}:${first}:${write("empty", "")}:${second}` };
  const chosen = await chooseConnection(NOTHING, env);
  expect(chosen).toMatchObject({
    namespace: "team",
    connection: { source: `kubeconfig ${first}:${second}` },
  });
  expect(chosen?.connection.server.href).toBe("https://first:1/");
  expect(chosen?.connection.authorization()).toBe("Bearer secret");
  const other = await chooseConnection({ ...NOTHING, context: "y" }, env);
  expect([other?.connection.server.href, other?.namespace]).toEqual(["https://d:3/", ""]);
});

test("paths in a file begin in its own directory", async () => {
  write("one/ca.crt", CERT);
  write("two/client.crt", CERT);
  write("two/client.key", KEY);
  const first = write("one/config", {
    "current-context": "x",
    clusters: [{ name: "c", cluster: { server: "https://c:1", "certificate-authority": "ca.crt" } }],
    contexts: [context("x", "c", "u")],
  });
  const second = write("two/config", {
    users: [{ name: "u", user: { "client-certificate": "client.crt", "client-key": "client.key" } }],
  });
  const chosen = await chooseConnection(NOTHING, { KUBECONFIG: `${first}:${second}` });
  expect(chosen?.connection.ca?.toString()).toBe(CERT);
  expect(chosen?.connection.clientCertificate?.key.toString()).toBe(KEY);
});

test("without KUBECONFIG it is ~/.kube/config; --kubeconfig comes before both, and has to be there", async () => {
  write(".kube/config", kubeconfig({ server: "https://home:1" }));
  const named = write("named", kubeconfig({ server: "https://named:1" }));
  const env = { HOME: dir };
  const of = async (asked: object, more: object = {}) =>
    (await chooseConnection({ ...NOTHING, ...asked }, { ...env, ...more }))?.connection.server.host;
  expect(await of({})).toBe("home:1");
  expect(await of({}, { KUBECONFIG: named })).toBe("named:1");
  expect(await of({ kubeconfig: named }, { KUBECONFIG: "/does/not/exist" })).toBe("named:1");
  await expect(of({ kubeconfig: "/does/not/exist" })).rejects.toThrow(
    /^kubeconfig \/does\/not\/exist cannot be read: ENOENT/,
  );
  await expect(of({}, { KUBECONFIG: "/does/not/exist" })).rejects.toThrow(
    /^there is no kubeconfig: \/does\/not\/exist does not exist/,
  );
  expect(await chooseConnection(NOTHING, { HOME: "/does/not/exist" })).toBeUndefined();
});

test("a context that there is not is named, with those that there are", async () => {
  const file = write("a", kubeconfig({}));
  await expect(chooseConnection({ kubeconfig: file, context: "z" }, {})).rejects.toThrow(
    `kubeconfig ${file} has no context "z"; it has x`,
  );
});

test("an auth-provider of another context than the file's own is not asked with the wrong user", async () => {
  const file = write("a", kubeconfig({}, { "auth-provider": { name: "oidc" } }));
  await expect(chooseConnection({ kubeconfig: file, context: "x" }, {})).rejects.toThrow(
    /kubectl config view --flatten/,
  );
});
