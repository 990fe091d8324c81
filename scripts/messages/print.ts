// The pages of docs/messages/, one for each part, and docs/messages.md, which leads to them.
import { collect, type Message } from "./collect.ts";
import { MORE } from "./more.ts";
import { PARTS, type Part } from "./parts.ts";
import { collectFromShim } from "./shim.ts";

/** Returns path below docs/ -> page. */
export function pages(): Map<string, string> {
  const messages = [...collect(), ...collectFromShim()];
  const lost = messages.filter(({ file }) => !PARTS.some(({ files }) => files.test(file)));
  if (lost.length > 0)
    throw new Error(`no page has the messages of ${lost[0]?.file}; add it to scripts/messages/parts.ts`);
  const vain = MORE.filter((one) => !messages.some((message) => isOf(one, message)));
  if (vain.length > 0)
    throw new Error(
      `no message has the words of scripts/messages/more.ts: ${vain.map(([of]) => of).join("; ")}`,
    );
  const made = new Map<string, string>();
  for (const part of PARTS) made.set(`messages/${part.page}.md`, pageOf(part, messages));
  return made;
}

function pageOf({ title, files, intro }: Part, messages: Message[]): string {
  const own = messages.filter(({ file }) => files.test(file));
  const rows = new Map(
    own.map((message) => [
      message.text,
      `| ${code(message.text)} | ${[...message.codes].sort((a, b) => a - b).join(", ")} | ${moreOf(message)} |\n`,
    ]),
  );
  return `# ${title}

${intro}

\`npm run reference\` makes this table of the code. \`‹...›\` stands for what is known only then; [how a message is built](../messages.md).

| message | code | more |
|---|---|---|
${[...rows.values()].join("")}`;
}

function moreOf(message: Message): string {
  const more = MORE.filter((one) => isOf(one, message)).map(([, words]) => words);
  return [message.remedies.map(code).join(", or "), ...more].join(" ").trim();
}

function isOf([of]: (typeof MORE)[number], { file, text }: Message): boolean {
  return typeof of === "string" ? text.includes(of) : of.test(`${file}: ${text}`);
}

/** Returns a message as code in a cell of a table. */
function code(text: string): string {
  const cell = text.replaceAll("|", "\\|");
  return cell.includes("`") ? `\`\` ${cell} \`\`` : `\`${cell}\``;
}
