// Text of tenants as people are shown it: nothing of it moves a cursor, turns the direction of writing, or hides.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { FORMATS } from "../../launcher/cli/formats.ts";
import { dotOf } from "../../launcher/explain/dot.ts";
import { escaped } from "../../launcher/explain/svg.ts";
import { plain, plainJson, visible } from "../../launcher/log/visible.ts";
import { sentenceOf } from "../../launcher/webhook/words.ts";
import { binary } from "../support/binary.ts";

/** What a terminal, a viewer or an editor obeys, or shows as nothing. */
const OBEYED = {
  escape: "\u001b[31m",
  bell: "\u0007",
  delete: "\u007f",
  "control sequence introducer": "\u009b2J",
  "carriage return": "\r",
  "next line": "\u0085",
  "soft hyphen": "\u00ad",
  "Arabic letter mark": "\u061c",
  "zero width space": "\u200b",
  "zero width joiner": "\u200d",
  "right-to-left mark": "\u200f",
  "line separator": "\u2028",
  "paragraph separator": "\u2029",
  "right-to-left override": "\u202e",
  "word joiner": "\u2060",
  "right-to-left isolate": "\u2067",
  "byte order mark": "\ufeff",
  "interlinear annotation": "\ufff9",
  "combining grapheme joiner": "\u034f",
  "Hangul filler": "\u3164",
  "halfwidth Hangul filler": "\uffa0",
  "braille blank": "\u2800",
  "variation selector": "\ufe0f",
  "supplementary variation selector": "\u{e0100}",
  tag: "\u{e0041}",
  "half of a pair": "\ud800",
};
const ALL = Object.values(OBEYED).join("");
const UNSEEN = new RegExp(
  `[${Object.values(OBEYED)
    .map((text) => String.fromCodePoint(text.codePointAt(0) ?? 0))
    .join("")}]`,
  "u",
);

describe.each(Object.entries(OBEYED))("%s", (_, text) => {
  test("is shown by an escape, and by one that JSON reads as the same", () => {
    for (const shown of [plain(`a${text}b`), visible(`a${text}b`)])
      expect(shown).toMatch(/^a\\[xu][\x21-\x7e]+b$/);
    const json = plainJson({ [text]: text });
    expect(json).toMatch(/^[\x20-\x7e\n]+$/);
    expect(JSON.parse(json)).toEqual({ [text]: text });
  });

  test("is a sign of its own in pictures", () => {
    expect(escaped(`a${text}b`)).not.toMatch(UNSEEN);
    const picture = dotOf({ kind: "pod", name: text, rows: [], failure: text });
    expect(picture).not.toMatch(UNSEEN);
  });
});

test("letters of all languages stay as they are", () => {
  const text = "Größe Ελλάδα שלום 日本語 😀 ±";
  expect([plain(text), visible(text), JSON.parse(plainJson(text))]).toEqual([text, text, text]);
  expect(visible("a\tb\nc")).toBe("a\tb c");
});

const finding = {
  ...{ file: `f${ALL}.yaml`, line: 1, column: 2, endLine: 1, endColumn: 3, rule: "unknown-key" },
  ...{ severity: "error" as const, path: `/${ALL}`, within: `/${ALL}`, found: ALL, remedy: ALL },
};

test.each(Object.keys(FORMATS))("lint --format %s shows everything", (name) => {
  const text = FORMATS[name as keyof typeof FORMATS]([finding], "1.0.0");
  expect(text).not.toMatch(UNSEEN);
  if (name === "text" || name === "github") expect(text.trimEnd()).not.toContain("\n");
});

test("a message of the webhook shows everything", () => {
  expect(sentenceOf({ ...finding, document: 0, offset: 0, length: 1 })).not.toMatch(UNSEEN);
});

describe("the binary", () => {
  let dir: string;
  beforeAll(() => {
    dir = fs.mkdtempSync(join(tmpdir(), "plexus-visible-"));
  });
  afterAll(() => fs.rmSync(dir, { recursive: true }));

  function run(args: string[], file: string, text: string) {
    fs.writeFileSync(join(dir, file), text);
    const { status, stdout, stderr } = spawnSync(binary, [...args, file], {
      cwd: dir,
      env: {},
      encoding: "utf8",
    });
    return { status, stdout, all: stdout + stderr };
  }

  const bad = ALL.replace("\ud800", "");
  const pod = JSON.stringify({
    kind: "Pod",
    metadata: {
      name: "web",
      annotations: {
        "k8s.v1.cni.cncf.io/networks": JSON.stringify([{ name: "a", [bad]: bad }, { name: bad }]),
      },
    },
  });

  test.each([
    ["lint"],
    ["lint", "--format", "github"],
    ["lint", "--format", "sarif"],
    ["lint", "--format", "json"],
    ["explain"],
    ["explain", "--json"],
    ["explain", "--dot"],
    ["explain", "--svg"],
  ])("%s %s shows everything of a pod", (...args) => {
    const { status, all } = run(args, "pod.json", pod);
    expect(all).not.toMatch(UNSEEN);
    expect([status, all.length > 0]).toEqual([1, true]);
  });

  test("nad writes in escapes what is not seen, and the conf stays the same", () => {
    const conf = JSON.stringify({
      cniVersion: "1.0.0",
      name: "a",
      type: "bridge",
      note: "\u202e\u200d\u{e0041}\u0085",
    });
    const manifest = run(["nad"], "a.conf", conf);
    expect(manifest.stdout).not.toMatch(UNSEEN);
    expect(run(["nad", "--conf"], "a.yaml", manifest.stdout).stdout).toBe(conf);
    const refused = run(["nad"], "b.conf", `{"type": "x", "name": "${"\u202e"}"}`);
    expect([refused.status, refused.all]).toEqual([1, expect.not.stringMatching(UNSEEN)]);
  });

  test("an error names a file by a name that is seen", () => {
    for (const command of ["lint", "nad", "explain"]) {
      const { stderr } = spawnSync(binary, [command, `no${bad}`], { cwd: dir, env: {}, encoding: "utf8" });
      expect(stderr).toContain("no\\x1b[31m");
      expect(stderr).not.toMatch(UNSEEN);
    }
  });
});
