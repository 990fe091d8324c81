// `plexus lint` as it ships: the built binary, from the command line.
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { binary } from "../support/binary.ts";

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "plexus-lint-"));
});
afterAll(() => rmSync(dir, { recursive: true }));

function lint(args: string[], input = "") {
  const { status, stdout, stderr } = spawnSync(binary, ["lint", ...args], {
    cwd: dir,
    encoding: "utf8",
    input,
  });
  return { status, stdout, stderr };
}

const pod = (key: string) =>
  `kind: Pod\nmetadata:\n  annotations:\n    k8s.v1.cni.cncf.io/networks: '[{"name": "a", "${key}": ["10.0.0.5"]}]'\n`;
const nad = `kind: NetworkAttachmentDefinition\nmetadata: {name: a}\nspec:\n  config: '{"cniVersion": "1.0.0", "type": "macvlan", "master": "no-such-link"}'\n`;

test("an error is told with its file, line and column, and the exit code is 1", () => {
  writeFileSync(join(dir, "pod.yaml"), pod("ip"));
  expect(lint(["pod.yaml"])).toEqual({
    status: 1,
    stdout:
      "pod.yaml:4:50: error: `ip` is not a key of a network selection element; write `ips` [unknown-key]\n",
    stderr: "",
  });
});

test("what is right is not told of, from stdin too, and the exit code is 0", () => {
  expect(lint(["-"], pod("ips"))).toEqual({ status: 0, stdout: "", stderr: "" });
});

test("with --node the machine's interfaces are those that there are", () => {
  expect(lint(["-"], nad)).toEqual({ status: 0, stdout: "", stderr: "" });
  const { status, stdout } = lint(["--node", "--bin-dir", dir, "-"], nad);
  expect([status, stdout]).toEqual([1, expect.stringContaining("[unknown-interface]")]);
});

test("a file that is not there is named, and nothing else is done", () => {
  expect(lint(["none.yaml"])).toMatchObject({
    status: 1,
    stdout: "",
    stderr: expect.stringContaining("none.yaml"),
  });
});

test("a file that cannot be read is named, and what is wrong with the others is told", () => {
  writeFileSync(join(dir, "pod.yaml"), pod("ip"));
  const { status, stdout, stderr } = lint(["none.yaml", ".", "pod.yaml"]);
  expect({ status, stderr }).toEqual({
    status: 1,
    stderr: expect.stringMatching(
      /^plexus lint: none\.yaml cannot be read: .*\nplexus lint: \. cannot be read: .*\n$/,
    ),
  });
  expect(stdout).toContain("pod.yaml:4:50: error");
});

test("a disk that is full is a failure, and said", () => {
  writeFileSync(join(dir, "pod.yaml"), pod("ips"));
  for (const command of ["lint --format json pod.yaml", "help", "version", "completion bash"]) {
    const { status, stderr } = spawnSync("sh", ["-c", `"${binary}" ${command} > /dev/full`], {
      cwd: dir,
      encoding: "utf8",
    });
    expect([command, status, stderr]).toEqual([command, 1, expect.stringContaining("ENOSPC")]);
  }
});

test("a file that is too large is refused by its name before it is looked at", () => {
  writeFileSync(join(dir, "large.yaml"), Buffer.alloc((16 << 20) + 1, "a: b\n"));
  const said = /large\.yaml has 16777217 bytes, and at most 16777216 are read/;
  for (const command of ["lint", "nad", "explain"]) {
    const { status, stderr } = spawnSync(binary, [command, "large.yaml"], { cwd: dir, encoding: "utf8" });
    expect([command, status, stderr]).toEqual([command, 1, expect.stringMatching(said)]);
  }
});

test("a file in another encoding is named, and what to do", () => {
  writeFileSync(join(dir, "utf16.yaml"), Buffer.from(`\ufeff${nad}`, "utf16le"));
  expect(lint(["utf16.yaml"])).toEqual({
    status: 1,
    stdout: "",
    stderr: "plexus lint: utf16.yaml is not UTF-8; save it in that encoding\n",
  });
});

test("a namespace that can be none is a wrong call", () => {
  const { status, stderr } = lint(["--namespace", "BAD", "-"], nad);
  expect([status, stderr]).toEqual([
    2,
    expect.stringContaining("--namespace BAD: the name of a namespace is needed"),
  ]);
});

test("a directory is named that is given instead of a file", () => {
  for (const command of ["nad", "explain"]) {
    const { status, stderr } = spawnSync(binary, [command, "."], { cwd: dir, encoding: "utf8" });
    expect([command, status, stderr]).toEqual([command, 1, expect.stringContaining(". cannot be read: ")]);
  }
});

test("with --node a file that is not executable is not a plugin, to lint and to explain", () => {
  const bin = join(dir, "bin");
  mkdirSync(bin);
  writeFileSync(join(bin, "LICENSE"), "Apache", { mode: 0o644 });
  writeFileSync(join(bin, "macvlan"), "", { mode: 0o755 });
  const text = (type: string) =>
    `kind: NetworkAttachmentDefinition\nmetadata: {name: a}\nspec:\n  config: '{"cniVersion": "1.0.0", "type": "${type}"}'\n`;
  const { status, stdout } = lint(["--node", "--bin-dir", bin, "-"], text("LICENSE"));
  expect([status, stdout]).toEqual([1, expect.stringContaining('the node has no plugin "LICENSE"')]);
  expect(lint(["--node", "--bin-dir", bin, "-"], text("macvlan")).stdout).not.toContain("unknown-plugin");
  const annotated = "kind: Pod\nmetadata:\n  annotations: {k8s.v1.cni.cncf.io/networks: a}\n---\n";
  const explained = spawnSync(binary, ["explain", "--node", "--bin-dir", bin, "-"], {
    encoding: "utf8",
    input: annotated + text("LICENSE"),
  });
  expect([explained.status, explained.stdout]).toEqual([
    1,
    expect.stringContaining(
      'An ADD fails, code 7: ADD pod default/pod: network default/a: there is no plugin "LICENSE" in ',
    ),
  ]);
});
