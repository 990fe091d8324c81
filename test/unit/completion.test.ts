// The completion of shells, by the shells themselves.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { everyCommand, shownOptions } from "../../launcher/cli/command.ts";
import { KUBECTL, PLEXUS } from "../../launcher/cli/commands.ts";
import { bash } from "../../launcher/cli/completion/bash.ts";
import { fish } from "../../launcher/cli/completion/fish.ts";
import { zsh } from "../../launcher/cli/completion/zsh.ts";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { binary } from "../support/binary.ts";

const programs = [PLEXUS, KUBECTL];
let dir = "";

beforeAll(() => {
  ensurePackages(["zsh", "fish"]);
  dir = fs.mkdtempSync(join(tmpdir(), "plexus-completion-"));
  fs.mkdirSync(join(dir, "a dir"));
  fs.writeFileSync(join(dir, "a file"), "");
  for (const program of programs) {
    const { executable } = program;
    for (const [shell, script] of [
      [`${executable}.bash`, bash(program)],
      [`${executable}.fish`, fish(program)],
      [`_${executable}`, zsh(program)],
    ] as const)
      fs.writeFileSync(join(dir, shell), script);
  }
});

afterAll(() => fs.rmSync(dir, { recursive: true, force: true }));

const execute = (command: string, args: string[]) => {
  const env = { PATH: process.env.PATH, HOME: dir, TERM: "dumb", LC_ALL: "C.UTF-8" };
  const { stdout, stderr } = spawnSync(command, args, { cwd: dir, env, encoding: "utf8" });
  expect(stderr).toBe("");
  return stdout;
};

/** As bash splits a line into words, of which `=` is one. */
const bashWords = (line: string) => line.split(/ |(=)/).filter((word) => word !== undefined);

/** Each gives what the shell offers for the last word of a line. */
const SHELLS: Record<string, (line: string) => string[]> = {
  bash: (line) => {
    const words = bashWords(line);
    const script = `
      source ./${words[0]}.bash
      [[ $(complete -p ${words[0]}) == "complete -F _${words[0]?.replaceAll("-", "_")} ${words[0]}" ]] || exit 1
      COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"
      _${words[0]?.replaceAll("-", "_")}
      printf '%s\\n' "\${COMPREPLY[@]}"`;
    const env = ["--norc", "--noprofile", "-c", script, "bash", ...words];
    return execute("bash", env).split("\n");
  },
  fish: (line) =>
    execute("fish", [
      "--no-config",
      "-c",
      `source ./${line.split(" ")[0]}.fish; complete -C ${JSON.stringify(line)}`,
    ])
      .split("\n")
      .map((each) => each.split("\t")[0] ?? ""),
  // zsh completes at a prompt only: its own terminal is where one is, and what would be inserted is written to a file.
  zsh: (line) => {
    const script = `
      zmodload zsh/zpty
      zpty -b shell zsh -f -i
      # A line that is longer than the terminal takes is cut.
      zpty -w shell ${quoted(`source ${dir}/zsh.capture`)}
      zpty -w -n shell ${quoted(`${line}\t`)}
      for i in {1..600}; do [[ -e ${dir}/captured.done ]] && break; zpty -r -t shell >/dev/null 2>&1; sleep 0.1; done
      zpty -d shell
      cat ${dir}/captured`;
    fs.writeFileSync(
      join(dir, "zsh.capture"),
      `fpath=(${dir} $fpath)
      autoload -Uz compinit && compinit -u -d ${dir}/dump
      compadd() {
        local -a found
        builtin compadd -O found "$@"
        print -rl -- $found >> ${dir}/captured
        builtin compadd "$@"
      }
      captured() { _main_complete "$@"; : > ${dir}/captured.done }
      zle -C capture complete-word captured
      bindkey '^I' capture
      `,
    );
    fs.rmSync(join(dir, "captured.done"), { force: true });
    fs.writeFileSync(join(dir, "captured"), "");
    return execute("zsh", ["-f", "-c", script]).split("\n");
  },
};

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

describe.each(Object.entries(SHELLS))("%s", (_, offered) => {
  test.each([
    ["plexus ins", ["install"], ["uninstall", "a file"]],
    ["plexus ", PLEXUS.commands.map(({ name }) => name), ["list", "a file"]],
    ["plexus sriov ", ["list"], ["install"]],
    ["plexus sriov list --", ["--json", "--cni-dir"], ["--bin-dir"]],
    ["plexus install --attach ", ["sequential", "parallel"], ["--attach", "install"]],
    ["plexus install --attach=par", ["parallel"], ["sequential"]],
    ["plexus install --watch --log-le", ["--log-level"], ["--log-file"]],
    ["plexus completion ", ["bash", "zsh", "fish"], ["install"]],
    ["kubectl-plexus ", KUBECTL.commands.map(({ name }) => name), ["install"]],
  ])("offers what there is for `%s`", (line, all, none) => {
    const words = offered(line).map((word) => word.replace(/=$/, "").replace(/^--attach=/, ""));
    expect(words).toEqual(expect.arrayContaining(all));
    for (const other of none) expect(words).not.toContain(other);
  });

  test.each([
    ["plexus lint ", true, true],
    ["plexus install --bin-dir ", false, true],
    ["plexus install --log-file ", true, true],
    ["plexus install --name ", false, false],
    ["plexus sriov ", false, false],
  ])("completes paths for `%s` if it takes one", (line, files, directories) => {
    const words = offered(line).map((word) => word.replaceAll("\\", "").replace(/\/$/, ""));
    expect([words.includes("a file"), words.includes("a dir")]).toEqual([files, directories]);
  });

  test("knows each option of each command, and none of another", () => {
    const commands = everyCommand(PLEXUS).filter(({ command }) => !command.commands);
    for (const { words, command } of commands) {
      const shown = offered(`plexus ${words.join(" ")} --`)
        .map((word) => word.replace(/=$/, ""))
        .filter((word) => word.startsWith("--") && word !== "--help");
      expect(new Set(shown)).toEqual(new Set(shownOptions(command).map(([name]) => `--${name}`)));
    }
  });
});

describe("as kubectl_complete-plexus, kubectl is given", () => {
  const completed = (...args: string[]) => {
    const { status, stdout, stderr } = spawnSync(binary, args, {
      argv0: "/usr/local/bin/kubectl_complete-plexus",
      env: {},
      encoding: "utf8",
    });
    expect([status, stderr]).toEqual([0, ""]);
    const lines = stdout.trimEnd().split("\n");
    return [...lines.slice(0, -1).map((line) => line.split("\t")[0]), lines.at(-1)];
  };

  test.each([
    ["commands", ["m"], ["map", ":4"]],
    ["all of them", [""], [...KUBECTL.commands.map(({ name }) => name), ":4"]],
    ["options of the command that is meant if none is named", ["--all"], ["--all-namespaces", ":4"]],
    ["options of a command", ["map", "--no"], ["--node", ":4"]],
    ["an option's words", ["map", "-o", ""], ["svg", "html", ":4"]],
    ["and those behind =", ["map", "--output=s"], ["--output=svg", ":4"]],
    ["nothing where nobody knows", ["map", "--node", ""], [":4"]],
    ["commands, as a namespace is not one", ["-n", "map", "ex"], ["explain", ":4"]],
    [
      "a command's words behind a value that is named as another",
      ["map", "-n", "lint", "-o", "s"],
      ["svg", ":4"],
    ],
    ["files", ["lint", "a"], [":0"]],
    ["files for an option", ["lint", "--kubeconfig", ""], [":0"]],
    ["directories for an option", ["lint", "--bin-dir", ""], [":16"]],
    ["nothing of what is typed", ["map", "$(touch x)", ""], [":4"]],
  ])("%s", (_, args, expected) => {
    expect(completed(...args)).toEqual(expected);
  });
});

test("a script executes nothing that is typed, nor the binary", () => {
  const ran = join(dir, "ran");
  fs.writeFileSync(join(dir, "plexus"), `#!/bin/sh\ntouch ${ran}\n`, { mode: 0o755 });
  const completed = (shell: string, args: string[]) => {
    const env = { ...process.env, PATH: `${dir}:${process.env.PATH}` };
    return spawnSync(shell, args, { cwd: dir, env, encoding: "utf8" }).stdout.trim();
  };
  const typed = ["plexus", "lint", `$(touch ${ran})`, "`plexus`", "--fo"];
  const asked = `source ./plexus.bash; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _plexus; echo "\${COMPREPLY[@]}"`;
  expect(completed("bash", ["--norc", "-c", asked, "bash", ...typed])).toBe("--format");
  const line = quoted(`plexus lint $(touch ${ran}) --fo`);
  expect(completed("fish", ["--no-config", "-c", `source ./plexus.fish; complete -C ${line}`])).toMatch(
    /^--format/,
  );
  expect(fs.existsSync(ran)).toBe(false);
});

test("a script that is read twice is no worse", () => {
  expect(execute("bash", ["-c", "source ./plexus.bash; source ./plexus.bash"])).toBe("");
});
