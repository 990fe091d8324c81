// What a release is made by.
import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { ensureActionlint } from "../../scripts/provide/actionlint.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (name: string) => fs.readFileSync(join(root, name), "utf8");
const { version, scripts } = JSON.parse(read("package.json"));

test("the version has its entry in CHANGELOG.md", () => {
  expect(read("CHANGELOG.md")).toContain(`\n## ${version}\n`);
});

test("the manifests name the image of this version", () => {
  const names = fs.readdirSync(join(root, "deploy"), { recursive: true, encoding: "utf8" });
  const images = names
    .filter((name) => /^[^/]+\/[^/]+\.yaml$/.test(name) || name === "install.yaml")
    .flatMap((name) => [...read(join("deploy", name)).matchAll(/image: (localhost\/\S+)/g)])
    .map(([, image]) => image);
  expect([...new Set(images)]).toEqual([`localhost/plexus:${version}`]);
});

test("README's command gives each container of deploy/install.yaml the registry's image, of this version", () => {
  const [, command = ""] =
    /^(sed '[^']*' deploy\/install\.yaml) \| kubectl apply -f -$/m.exec(read("README.md")) ?? [];
  const made = execFileSync("sh", ["-c", command], { cwd: root, encoding: "utf8" });
  const images = [...made.matchAll(/^ *image: (\S+)$/gm)].map(([, image]) => image);
  expect([...new Set(images)]).toEqual([`registry.example/plexus:${version}`]);
  expect(read("README.md")).toContain(`docker://registry.example/plexus:${version}\n`);
});

test("the release workflow is of steps that there are, and names no registry: a variable does", () => {
  const text = read(".github/workflows/release.yml");
  const { steps, permissions } = parse(text).jobs.release;
  const called = steps.flatMap(({ run = "" }: { run?: string }) =>
    [...run.matchAll(/npm run (\w+)/g)].map(([, name]) => name),
  );
  expect(called).toEqual(["image", "release"]);
  for (const name of called) expect(Object.keys(scripts)).toContain(name);
  expect(Object.keys(permissions).sort()).toEqual(["attestations", "contents", "id-token"]);
  expect(text).not.toMatch(/ghcr\.io|docker\.io|quay\.io/);
});

test("nothing is released before all of CI has passed", () => {
  const { test: tested, release } = parse(read(".github/workflows/release.yml")).jobs;
  expect(tested.steps.at(-1)).toEqual({ run: ".ci/run" });
  expect(release.needs).toBe("test");
  expect(read(".ci/run")).toMatch(/^npm run check\n(.*\n)*npm test /m);
});

test("GitHub takes the workflows, as actionlint says", async () => {
  const lint = ensureActionlint();
  const dir = ".github/workflows";
  for (const name of fs.readdirSync(join(root, dir))) {
    const text = read(join(dir, name));
    expect(await lint(text, name)).toEqual([]);
    expect(await lint(text.replace("github.token", "github.tokn"), name)).not.toEqual([]);
  }
});
