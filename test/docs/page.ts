// Tries a page: writes its files, executes its commands as they stand there, and compares what they print with what it shows.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { type Block, blocksOf, type Command, commandsOf, fileOf } from "./blocks.ts";
import { isAsShown } from "./shown.ts";
import type { Ended } from "./terminal.ts";

export const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Where a command is typed. */
export type Place = "workstation" | "node";

/** What a page is tried on. */
export interface Ground {
  /** Makes a directory for the page to be tried in. */
  directory(page: string): string;
  /** Executes a command there, as its reader would. */
  run(place: Place, dir: string, command: string): Promise<Ended>;
}

/** What has become of a block. */
export interface Result {
  page: string;
  block: number;
  line: number;
  /** Its first line. */
  what: string;
  result: string;
}

const UNEXECUTED = /^unexecuted=(.+)$/;

/** Reads a page's blocks. */
export function readPage(page: string): Block[] {
  return blocksOf(fs.readFileSync(join(ROOT, "docs", page), "utf8"));
}

export class Trial {
  private readonly ground: Ground;
  private readonly page: string;
  private readonly dir: string;
  private readonly reasons: Record<string, string>;

  /** @param reasons why blocks are not executed, by the words that they have for it */
  constructor(ground: Ground, page: string, reasons: Record<string, string>) {
    this.ground = ground;
    this.page = page;
    this.dir = ground.directory(page);
    this.reasons = reasons;
  }

  /**
   * Tries all blocks, in their order. Throws at the first that does not do what the page says.
   *
   * @param without why none is executed, a key of the reasons; if they are
   */
  async run(without?: string): Promise<Result[]> {
    const results: Result[] = [];
    for (const block of readPage(this.page)) {
      const { number, line, text } = block;
      const what = text.split("\n", 1)[0]?.replace(/^\$ /, "") ?? "";
      const word = without ?? block.words.map((one) => UNEXECUTED.exec(one)?.[1]).find(Boolean);
      try {
        const result = word === undefined ? await this.execute(block) : await this.check(block, word);
        results.push({ page: this.page, block: number, line, what, result });
      } catch (error) {
        throw new Error(`docs/${this.page}:${line}: ${(error as Error).message}`, { cause: error });
      }
    }
    return results;
  }

  private async execute(block: Block): Promise<string> {
    if (this.write(block)) return "written";
    if (block.language === "text") return "shown";
    let compared = 0;
    for (const command of this.commands(block)) {
      const place: Place = block.words.includes("node") ? "node" : "workstation";
      const { exitCode, output } = await this.ground.run(place, this.dir, command.text);
      const { shown } = command;
      const mayFail = block.words.includes("fails");
      if (exitCode !== 0 && !mayFail) throw new Error(`$ ${command.text}\nends with ${exitCode}:\n${output}`);
      if (exitCode === 0 && mayFail) throw new Error(`$ ${command.text}\nsucceeds:\n${output}`);
      if (shown === undefined) continue;
      if (!isAsShown(shown, output))
        throw new Error(`$ ${command.text}\nprints\n${output}\nand the page shows\n${shown}`);
      compared++;
    }
    return compared === 0 ? "executed" : "executed, output as shown";
  }

  /** What can be said of a block that cannot be executed here. */
  private async check(block: Block, word: string): Promise<string> {
    const reason = this.reasons[word];
    if (reason === undefined) throw new Error(`"${word}" is not one of the reasons of test/docs/pages.ts`);
    const how = this.write(block) ? await this.dryRun(block) : this.parse(block);
    return `${how}, not executed: ${reason}`;
  }

  private parse(block: Block): string {
    if (block.language === "text") return "shown";
    for (const { text } of this.commands(block)) checkSyntax(text);
    return "its commands parsed";
  }

  /** All files of the page so far are linted, as pods and their networks may be in different ones. */
  private async dryRun(block: Block): Promise<string> {
    const { path = "" } = fileOf(block) ?? {};
    const files = fs.readdirSync(this.dir).filter((name) => name.endsWith(".yaml"));
    const linted = await this.ground.run("workstation", this.dir, `plexus lint ${files.join(" ")}`);
    if (linted.exitCode !== 0) throw new Error(`plexus lint: ${linted.output}`);
    const applied = await this.ground.run(
      "workstation",
      this.dir,
      `kubectl apply --dry-run=server -f ${path}`,
    );
    if (/no matches for kind/.test(applied.output)) return "linted";
    if (applied.exitCode !== 0) throw new Error(`kubectl apply --dry-run=server: ${applied.output}`);
    return "linted, applied as a dry run";
  }

  private write(block: Block): boolean {
    const file = fileOf(block);
    if (file === undefined) return false;
    if (/\.ya?ml$/.test(file.path))
      for (const { errors } of parseAllDocuments(file.text)) if (errors[0]) throw errors[0];
    const path = join(this.dir, file.path);
    fs.mkdirSync(dirname(path), { recursive: true });
    fs.writeFileSync(path, file.text);
    return true;
  }

  private commands(block: Block): Command[] {
    if (block.language === "console" || block.language === "sh") return commandsOf(block);
    const what = block.language === "" ? "without a language" : `in ${block.language}`;
    throw new Error(`a block ${what} is neither commands (console, sh), nor a file (# file: PATH), nor text`);
  }
}

/** Does a shell take this as commands? Throws with its words if it does not. */
function checkSyntax(command: string): void {
  const { status, stderr } = spawnSync("bash", ["-n"], { input: command, encoding: "utf8" });
  if (status !== 0) throw new Error(`bash does not take it: ${stderr}`);
}
