// Which files the documentation's site shows of a directory.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { keptFiles } from "../../scripts/site/published.ts";

function directory(): string {
  const dir = fs.mkdtempSync(join(tmpdir(), "plexus-published-"));
  onTestFinished(() => fs.rmSync(dir, { recursive: true, force: true }));
  return dir;
}

function checkout(dir: string): void {
  fs.mkdirSync(join(dir, "deploy"));
  fs.writeFileSync(join(dir, "deploy/kept.yaml"), "a: 1\n");
  execFileSync("git", ["init", "--quiet"], { cwd: dir });
  execFileSync("git", ["add", "."], { cwd: dir });
  fs.writeFileSync(join(dir, "deploy/secret.yaml"), "token: 1\n");
}

test("a file that git does not keep is not shown, ignored or not", () => {
  const dir = directory();
  checkout(dir);
  expect([...(keptFiles(dir) ?? [])]).toEqual(["deploy/kept.yaml"]);
});

test("of a directory without git, or of one in somebody else's checkout, no file is known", () => {
  const dir = directory();
  expect(keptFiles(dir)).toBeUndefined();
  checkout(dir);
  expect(keptFiles(join(dir, "deploy"))).toBeUndefined();
});

test("a checkout that git does not read is an error, not one without secrets", () => {
  const dir = directory();
  fs.writeFileSync(join(dir, ".git"), "gitdir: /does/not/exist\n");
  expect(() => keptFiles(dir)).toThrow("git ls-files: ");
});
