// What an operator meets on the command line: help, hints, exit codes, the reference.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { everyCommand, flagsOf, shownOptions } from "../../launcher/cli/command.ts";
import { KUBECTL, PLEXUS } from "../../launcher/cli/commands.ts";
import { parse } from "../../launcher/cli/parser.ts";
import { RULES } from "../../launcher/cli/webhook.ts";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { binary } from "../support/binary.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const read = (path: string) => fs.readFileSync(`${root}${path}`, "utf8");
const programs = [PLEXUS, KUBECTL];

const call = (args: string[], argv0 = "plexus") => {
  const { status, stdout, stderr } = spawnSync(binary, args, { env: {}, argv0, encoding: "utf8" });
  return { status, stdout, stderr };
};

test.each(
  programs.flatMap((program) =>
    everyCommand(program).map(({ words, command }) => ({ program, words, command })),
  ),
)("$program.name $words --help is on stdout, with each of its options, and help says the same", (one) => {
  const { program, words, command } = one;
  const printed = call([...words, "--help"], program.executable);
  expect(printed).toMatchObject({ status: 0, stderr: "" });
  expect(printed.stdout).toContain(`Usage: ${program.name} ${words.join(" ")}`);
  for (const [name, option] of shownOptions(command))
    expect(printed.stdout).toContain(`  ${flagsOf(name, option)} `);
  for (const line of printed.stdout.split("\n")) expect(line.length).toBeLessThanOrEqual(120);
  expect(call(["help", ...words], program.executable)).toEqual(printed);
});

test("an empty word where a command wants a file or a directory is a wrong call: a variable was not set", () => {
  for (const { name, executable, commands } of programs)
    for (const { words, command } of everyCommand({ commands })) {
      const args = command.arguments ?? [];
      const options = shownOptions(command).filter(([, { value }]) =>
        ["PATH", "DIR", "FILE"].includes(value ?? ""),
      );
      for (const [option] of options) {
        const { status, stderr } = call([...words, ...args.map(() => "x"), `--${option}`, ""], executable);
        expect([status, stderr]).toEqual([
          2,
          `${name} ${words.join(" ")}: --${option}: it is empty; give a path, or leave it out\n`,
        ]);
      }
      if (!args.some(({ isFile }) => isFile)) continue;
      expect(call([...words, ...args.map(({ isFile }) => (isFile ? "" : "x"))], executable)).toMatchObject({
        status: 2,
      });
    }
});

test.each([
  [["--help"], "plexus", "  install "],
  [["-h"], "plexus", "  install "],
  [["help"], "plexus", "  install "],
  [["--help"], "kubectl-plexus", "  lint "],
  [["-h"], "/usr/local/bin/kubectl-plexus", "  lint "],
])("%j of %s lists the commands on stdout", (args, argv0, shown) => {
  expect(call(args, argv0)).toEqual({ status: 0, stdout: expect.stringContaining(shown), stderr: "" });
});

test.each([
  [["instal"], "plexus: unknown command 'instal'; did you mean install?"],
  [["sriov", "lst"], "plexus sriov: unknown command 'lst'; did you mean list?"],
  [["nonsense"], "plexus: unknown command 'nonsense'; `plexus --help` says what there is"],
  [["install", "--bin-dirr", "/"], "plexus install: unknown option '--bin-dirr'; did you mean --bin-dir?"],
  [
    ["install", "/"],
    "plexus install: there are too many arguments; `plexus install --help` says what there is",
  ],
  [["install", "--attach", "both"], "plexus install: --attach both: it is one of sequential, parallel"],
  [["lint"], "plexus lint: missing required argument 'FILE'; `plexus lint --help` says what there is"],
  [["lint", "--format", "xml", "-"], "plexus lint: --format xml: it is one of text, json, sarif, github"],
  [["attachments", "--cni-dir", "state"], "plexus attachments: --cni-dir state: an absolute path is needed"],
  [["completion", "tcsh"], "plexus completion: SHELL tcsh: it is one of bash, zsh, fish"],
  [["help", "nonsense"], "plexus help: there is no command nonsense; `plexus help` lists them"],
  [["sriov"], "plexus sriov: it needs a command; `plexus sriov --help` says what there is"],
])("%j is exit code 2, and stderr says what is meant", (args, why) => {
  const { status, stdout, stderr } = call(args);
  expect({ status, stdout, said: stderr.trimEnd().split("\n").at(-1) }).toEqual({
    status: 2,
    stdout: "",
    said: why,
  });
});

test("what has failed is exit code 1", () => {
  expect(call(["lint", "/does/not/exist"])).toMatchObject({ status: 1, stdout: "" });
});

test("a file is not taken for a directory without attachments", () => {
  const file = `${root}package.json`;
  for (const args of [["attachments"], ["forget", "c1"]]) {
    expect(call([...args, "--cni-dir", file])).toEqual({
      status: 1,
      stdout: "",
      stderr: expect.stringContaining(`--cni-dir ${file}: it is not a directory`),
    });
  }
});

test.each([
  ["cli.md", "plexus"],
  ["kubectl.md", "kubectl-plexus"],
])("docs/%s is what the tables say: npm run reference makes it", (page, argv0) => {
  expect(call(["help", "--format", "markdown"], argv0).stdout).toBe(read(`docs/${page}`));
});

test.each(["plexus.8", "kubectl-plexus.1"])(
  "mandoc and groff read the manual page %s, and man shows it",
  (page) => {
    ensurePackages(["groff-base", "man-db", "mandoc"]);
    const path = `${root}build/${page}`;
    for (const [command, ...args] of [
      ["groff", "-mandoc", "-Tutf8", "-ww", "-z"],
      ["mandoc", "-T", "lint", "-W", "style"],
    ] as const) {
      const { status, stdout, stderr } = spawnSync(command, [...args, path], { encoding: "utf8" });
      expect([command, status, stdout + stderr]).toEqual([command, 0, ""]);
    }
    const { stdout } = spawnSync("man", ["-l", path], {
      env: { ...process.env, MANWIDTH: "100", LC_ALL: "C.UTF-8" },
      encoding: "utf8",
    });
    const program = page === "plexus.8" ? PLEXUS : KUBECTL;
    for (const { words, command } of everyCommand(program)) {
      if (command.commands) continue;
      expect(stdout).toMatch(new RegExp(`^   ${words.join(" ")}$`, "m"));
      for (const [name] of shownOptions(command)) expect(stdout).toContain(`--${name}`);
    }
  },
);

test("commands that README and docs name are there, with the options that they give", () => {
  const options = new Map(
    programs.flatMap((program) =>
      everyCommand(program).map(({ words, command }) => [
        [program.name, ...words].join(" "),
        new Set(["help", "version", ...Object.keys(command.options)]),
      ]),
    ),
  );
  const pages = [
    "README.md",
    ...fs
      .readdirSync(`${root}docs`)
      .filter((name) => name.endsWith(".md"))
      .map((name) => `docs/${name}`),
  ];
  const unknown = pages.flatMap((page) =>
    [...read(page).matchAll(/(?<=`|^build\/|^)plexus ([a-z][^`\n|#]*)/gm)].flatMap(([all, rest = ""]) => {
      const words = rest.split(/\s+/);
      const name = [`plexus ${words[0]} ${words[1]}`, `plexus ${words[0]}`].find((each) => options.has(each));
      if (name === undefined) return [`${page}: ${all}`];
      const given = words
        .filter((word) => word.startsWith("--"))
        .map((word) => word.slice(2).replace(/[=\].,].*$/, ""));
      return given
        .filter((option) => !options.get(name)?.has(option))
        .map((option) => `${page}: ${name} --${option}`);
    }),
  );
  expect(unknown).toEqual([]);
});

test("the hints are of commands and options that are shown", () => {
  expect(() => parse("x", { secret: { isHidden: true, help: "" }, open: { help: "" } }, ["--secrt"])).toThrow(
    /did you|says what there is/,
  );
  expect(call(["resident", "--started-by-shm"]).stderr).not.toContain("did you mean");
});

test("webhook --warn takes the rules that there are", () => {
  const pages = fs.readdirSync(new URL("../../docs/rules", import.meta.url)).sort();
  const ofLint = pages.filter((page) => !read(`docs/rules/${page}`).includes("Only an ADD finds it"));
  expect(RULES.map((rule) => `${rule}.md`)).toEqual(ofLint);
});
