// The fenced blocks of a page in docs/, and what is in them: commands with the output that the page shows, and files.

/** A fenced block, in the order of the page. */
export interface Block {
  /** From 1. */
  number: number;
  /** Of its first fence, from 1. */
  line: number;
  /** The first word behind the fence, as in `console`. */
  language: string;
  /** The other words, as in `node`; they are not rendered. */
  words: string[];
  /** Without the indentation of the list that it is in; ends with a newline. */
  text: string;
}

/** A command of a block, as a reader would type it. */
export interface Command {
  text: string;
  /** The output below it; undefined if the page shows none. */
  shown: string | undefined;
}

/** A file that a page asks its reader to write. */
interface PageFile {
  path: string;
  text: string;
}

/** Reads the blocks of a page. Throws if the last one does not end. */
export function blocksOf(markdown: string): Block[] {
  const blocks: Block[] = [];
  let open: (Block & { indent: number }) | undefined;
  for (const [index, line] of markdown.split("\n").entries()) {
    const fence = /^( *)```(.*)$/.exec(line);
    if (!open && fence) {
      const [language = "", ...words] = (fence[2] ?? "").trim().split(/\s+/);
      const place = { number: blocks.length + 1, line: index + 1, indent: fence[1]?.length ?? 0 };
      open = { ...place, language, words, text: "" };
    } else if (open && fence) {
      const { indent: _, ...block } = open;
      blocks.push(block);
      open = undefined;
    } else if (open) {
      open.text += `${line.slice(Math.min(open.indent, line.search(/\S|$/)))}\n`;
    }
  }
  if (open) throw new Error(`the block of line ${open.line} does not end`);
  return blocks;
}

/**
 * Reads the commands of a block in `console`: a line that begins with `$ ` is one, with the lines that continue it, up to the end of
 * its here-document. What follows is its output. A block in `sh` is one command.
 */
export function commandsOf({ language, text }: Block): Command[] {
  if (language === "sh") return [{ text: `set -e\n${text}`, shown: undefined }];
  const commands: { lines: string[]; shown: string[] }[] = [];
  let isContinued = false;
  for (const line of text.trimEnd().split("\n")) {
    const last = commands.at(-1);
    if (isContinued && last) last.lines.push(line);
    else if (line.startsWith("$ ")) commands.push({ lines: [line.slice(2)], shown: [] });
    else if (last) last.shown.push(line);
    else throw new Error(`a block in console begins with a command, not with: ${line}`);
    isContinued = continues(commands.at(-1)?.lines ?? []);
  }
  return commands.map(({ lines, shown }) => ({
    text: lines.join("\n"),
    shown: shown.length === 0 ? undefined : `${shown.join("\n").trimEnd()}\n`,
  }));
}

function continues(lines: string[]): boolean {
  const end = /<<-?\s*'?(\w+)'?/.exec(lines[0] ?? "")?.[1];
  if (end !== undefined) return lines.length === 1 || lines.at(-1) !== end;
  return /[\\|]$/.test(lines.at(-1) ?? "");
}

/** The file that a block is, if its first line is `# file: PATH`. */
export function fileOf({ text }: Block): PageFile | undefined {
  const path = /^# file: (\S+)\n/.exec(text)?.[1];
  return path === undefined ? undefined : { path, text };
}
