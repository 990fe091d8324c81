import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { readKubeconfig } from "../../launcher/cluster/kubeconfig.ts";
import { base64, CERT, KEY, kubeconfig, readNew } from "./fake-kubeconfig.ts";
import { faultOf } from "./fake-pod.ts";

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), "plexus-kubeconfig-"));
  path = join(dir, "kubeconfig");
});
afterEach(() => rmSync(dir, { recursive: true }));

const good = kubeconfig({});
const cases: [string, string | object, string][] = [
  ["is empty", "", "is empty"],
  ["has only spaces", " \n", "is empty"],
  ["is not YAML", "a: [b", "is neither JSON nor YAML"],
  ["is broken JSON", '{"a": ', "is neither JSON nor YAML"],
  ["is a text", "hello", "is not a kubeconfig"],
  ["is a list", "- a\n", "is not a kubeconfig"],
  ["has no contexts", { ...good, contexts: null }, "has no contexts"],
  [
    "has no current-context",
    { ...good, "current-context": "" },
    'has no current-context; set it to one of "x"',
  ],
  [
    "names a context that it does not have",
    { ...good, "current-context": "y" },
    'has no context "y", which its current-context names; it has "x"',
  ],
  [
    "names a cluster that it does not have",
    { ...good, clusters: [] },
    'has no cluster "c", which its context "x" names; it has none',
  ],
  [
    "names a user that it does not have",
    { ...good, users: [] },
    'has no user "u", which its context "x" names; it has none',
  ],
  ["has no server", kubeconfig({ server: "" }), 'has no server in its cluster "c"'],
  [
    "has a server that is not a URL",
    kubeconfig({ server: "https://a b" }),
    'the server "https://a b" is not a URL',
  ],
  ["has a server of another kind", kubeconfig({ server: "ftp://a" }), 'the server "ftp://a" is not a URL'],
  [
    "has a CA that is not PEM",
    kubeconfig({ "certificate-authority-data": base64("hello") }),
    "the certificate-authority-data of kubeconfig",
  ],
  [
    "has a certificate that is a key",
    kubeconfig({}, { "client-certificate-data": base64(KEY), "client-key-data": base64(KEY) }),
    "client-certificate-data of kubeconfig",
  ],
  [
    "has a key that is a certificate",
    kubeconfig({}, { "client-certificate-data": base64(CERT), "client-key-data": base64(CERT) }),
    "client-key-data of kubeconfig",
  ],
  [
    "has a certificate without key",
    kubeconfig({}, { "client-certificate-data": base64(CERT) }),
    "has a client-certificate, but no client-key",
  ],
  [
    "has a key without certificate",
    kubeconfig({}, { "client-key-data": base64(KEY) }),
    "has a client-key, but no client-certificate",
  ],
  [
    "has a CA and wants none",
    kubeconfig({ "certificate-authority-data": base64(CERT), "insecure-skip-tls-verify": true }),
    "remove one of the two",
  ],
  ["has a token that is a list", kubeconfig({}, { token: ["t"] }), "`users[0].user.token` is not a string"],
  ["has clusters that are an object", { ...good, clusters: {} }, "`clusters` is not a list of objects"],
  [
    "has a user that is a text",
    { ...good, users: [{ name: "u", user: "jane" }] },
    "`users[0].user` is not an object",
  ],
];
test.each(cases)("a kubeconfig is refused that %s", async (_, content, words) => {
  const { code, message } = await faultOf(readNew(path, content));
  expect([code, message]).toEqual([7, expect.stringContaining(words)]);
  expect(message).toContain(path);
});

test("a kubeconfig is refused that is missing, or a directory", async () => {
  for (const [place, words] of [
    [`${dir}/none`, "does not exist"],
    [dir, "cannot be read"],
  ] as const) {
    const fault = await readKubeconfig(place, () => {}).catch((error) => error);
    expect(fault).toMatchObject({
      code: 7,
      message: expect.stringContaining(`kubeconfig ${place} ${words}`),
    });
  }
});

test.each(["client-certificate", "client-key", "tokenFile"])(
  "a kubeconfig may name a %s that is not there yet: try again later",
  async (key) => {
    writeFileSync(join(dir, "there"), CERT + KEY);
    const user = { "client-certificate": "there", "client-key": "there", [key]: "missing" };
    const fault = await readNew(path, kubeconfig({}, key === "tokenFile" ? { tokenFile: "missing" } : user))
      .then(({ authorization }) => authorization())
      .catch((error) => error);
    expect(fault).toMatchObject({ code: 11, message: expect.stringContaining(`${dir}/missing`) });
  },
);
