// `plexus nad`: a conf as a NetworkAttachmentDefinition, and back, to the byte.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseDocument } from "yaml";
import { lintSources } from "../../launcher/cli/findings.ts";
import { confIn, manifestOf } from "../../launcher/cli/nad.ts";
import { binary } from "../support/binary.ts";
import { loadLint } from "../support/core.ts";

const FLANNEL = `{
  "name": "cbr0",
  "cniVersion": "0.3.1",
  "plugins": [
    { "type": "flannel", "delegate": { "hairpinMode": true, "isDefaultGateway": true } },
    { "type": "portmap", "capabilities": { "portMappings": true } }
  ]
}
`;
const MANIFEST = `apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata:
  name: flannel
  namespace: default
spec:
  config: |
${FLANNEL.replaceAll(/^(?=.)/gm, "    ")}`;

let dir = "";
beforeAll(() => {
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-nad-"));
});
afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

const plexus = (input: string | Buffer, ...args: string[]) => {
  const { status, stdout, stderr } = spawnSync(binary, ["nad", ...args], {
    env: {},
    input,
    encoding: "utf8",
  });
  return { status, stdout, stderr };
};

test("a conf becomes a manifest that has its text as it is", () => {
  const file = join(dir, "10-flannel.conflist");
  fs.writeFileSync(file, FLANNEL);
  expect(plexus("", file, "--name", "flannel", "--namespace", "default")).toEqual({
    status: 0,
    stdout: MANIFEST,
    stderr: expect.stringContaining("flannel makes a default route"),
  });
  expect(plexus(MANIFEST, "-", "--conf")).toEqual({ status: 0, stdout: FLANNEL, stderr: "" });
});

test("the object has the conf's name unless another one is given, and no namespace unless one is", () => {
  const { stdout } = plexus('{"name":"a.b","type":"bridge"}', "-");
  expect(parseDocument(stdout).toJS().metadata).toEqual({ name: "a.b" });
});

test.each(["true", "null", "12", "1e3", "0x1f", "no", "y", "1.5"])("the name %s stays a name", (name) => {
  const text = manifestOf(FLANNEL, "-", name, name.replaceAll(".", "-")).text;
  for (const version of ["1.1", "1.2"] as const)
    expect(parseDocument(text, { version }).toJS().metadata).toEqual({
      name,
      namespace: name.replaceAll(".", "-"),
    });
});

/** What JSON may have between its tokens, and in strings. */
const conf = fc
  .tuple(
    fc.stringMatching(/^[ \t\r\n]{0,4}$/),
    fc.string({
      unit: fc.oneof(
        fc.constantFrom(..."\u0085\u2028\u2029\ufeff\u007f\u0080\ufffe:#'|>-%"),
        fc.string({ unit: "binary" }),
      ),
    }),
    fc.stringMatching(/^[ \t\r\n]{0,4}$/),
    fc.bigInt(),
  )
  .map(([before, text, after, big]) => {
    const value = JSON.stringify(text).replaceAll(/\\ufeff/g, "\ufeff");
    return `${before}{"name":"n",${after}"type":"x",${after}"text":\n${after}${value},"big":${big}${before}}${after}`;
  });

test("whatever JSON a conf is, every parser of YAML has it to the byte, and so has the way back", () => {
  fc.assert(
    fc.property(conf, (text) => {
      const manifest = manifestOf(text, "f", "n").text;
      for (const version of ["1.1", "1.2"] as const)
        expect(parseDocument(manifest, { version }).toJS().spec.config).toBe(text);
      expect(confIn(manifest, "f")).toMatchObject({ text });
    }),
    { numRuns: 2000 },
  );
});

test("what is made is as right as the conf: lint finds nothing", () => {
  const text = manifestOf(FLANNEL, "-", "flannel").text;
  const { located } = lintSources(loadLint(), [{ name: "flannel.yaml", text }], "default");
  expect(located).toEqual([]);
});

test("one of many is taken by its name, also of a list as kubectl prints it", () => {
  const item = (namespace: string, name: string, config?: string) => ({
    apiVersion: "k8s.cni.cncf.io/v1",
    kind: "NetworkAttachmentDefinition",
    metadata: { name, namespace },
    spec: { config },
  });
  const text = JSON.stringify({
    apiVersion: "v1",
    kind: "List",
    items: [
      item("a", "x", '{"type":"one","name":"x"}'),
      item("b", "x", '{"type":"two"}'),
      item("b", "y"),
      item("b", "z", "{"),
    ],
  });
  expect(plexus(text, "--conf", "-", "--name", "x", "--namespace", "a").stdout).toBe(
    '{"type":"one","name":"x"}',
  );
  expect(plexus(text, "--conf", "-", "--name", "x", "--namespace", "b")).toEqual({
    status: 0,
    stdout: '{"type":"two"}',
    stderr: "plexus nad: it has no `name`, which a file needs: add one, such as b/x\n",
  });
  expect(plexus(text, "--conf", "-")).toMatchObject({
    status: 2,
    stdout: "",
    stderr: expect.stringContaining("a/x, b/x, b/y, b/z; name one"),
  });
  expect(plexus(text, "--conf", "-", "--name", "y").stderr).toContain("b/y has no config");
  expect(plexus(text, "--conf", "-", "--name", "z").stderr).toContain("`plexus lint` says");
  expect(plexus(text, "--conf", "-", "--name", "q").stderr).toContain(
    "none of that name: it has a/x, b/x, b/y, b/z",
  );
  expect(plexus("a: b\n---\nc: d\n", "--conf", "-").stderr).toContain("- has no NetworkAttachmentDefinition");
});

test.each([
  ['{"name":"Cbr_0","type":"flannel"}', [], 1, "-: Cbr_0 is not a name that Kubernetes takes"],
  ['{"type":"flannel"}', [], 1, "- has no name; give one with --name"],
  ['{"type":"flannel"}', ["--name", "A"], 2, "--name A is not a name"],
  ['{"type":"flannel"}', ["--name", `a.${"b".repeat(253)}`], 2, "is not a name"],
  [
    '{"type":"flannel"}',
    ["--name", "a", "--namespace", "a.b"],
    2,
    "--namespace a.b: the name of a namespace is needed",
  ],
  ['{"name":"a"}', [], 1, "- is not a conf: it has neither `type` nor `plugins`"],
  ["[]", [], 1, "- is not a conf"],
  ['{"name":"a",}', [], 1, "`plexus lint -` says what to write instead"],
  [MANIFEST, [], 1, "give --conf for the way back"],
  ['{"apiVersion":"v1","kind":"List"}', [], 1, "give --conf for the way back"],
  ["a: [", ["--conf"], 1, "plexus nad: "],
  [Buffer.from([0x7b, 0xff]), [], 1, "- is not UTF-8"],
])("%s with %j is refused with what to do", (text, args, status, why) => {
  expect(plexus(text, "-", ...args)).toEqual({ status, stdout: "", stderr: expect.stringContaining(why) });
});

test.each([
  [{ type: "bridge", isDefaultGateway: true }, true],
  [{ type: "bridge", isDefaultGateway: false, ipam: { routes: [{ dst: "10.0.0.0/8" }] } }, false],
  [{ type: "macvlan", ipam: { type: "host-local", routes: [{ dst: "0.0.0.0/0" }] } }, true],
  [{ type: "macvlan", ipam: { type: "static", routes: [{ dst: "::/0" }] } }, true],
  [{ plugins: [{ type: "tuning" }, { type: "flannel", delegate: { isDefaultGateway: true } }] }, true],
  [{ plugins: [{ type: "flannel" }, 1, null] }, false],
])("%j is said to take the pods' default route: %s", (conf, isSaid) => {
  const { remark } = manifestOf(JSON.stringify(conf), "-", "n");
  expect(remark?.includes("makes a default route") ?? false).toBe(isSaid);
});
