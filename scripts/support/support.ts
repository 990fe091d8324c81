// npm run support: what the tiers of tests have worked with (build/ran/) -> docs/support.md. CI does so when all have passed.
import * as fs from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** Makes docs/support.md: tier -> program -> version. */
export function supportOf(ran: Record<string, Record<string, string>>): string {
  const tiers = Object.keys(ran).sort();
  const names = [...new Set(tiers.flatMap((tier) => Object.keys(ran[tier] ?? {})))];
  const row = (cells: string[]) => `| ${cells.join(" | ")} |\n`;
  const versions = names.map((name) => row([name, ...tiers.map((tier) => ran[tier]?.[name] ?? "")]));
  return `# What Plexus was tested with

Made by \`npm run support\` of the last run of CI in which all tests passed: each column is a tier of tests
([testing.md](testing.md)), each row a program of others that it worked with, with its version. Others may do as well.

${row(["", ...tiers])}${row(["---", ...tiers.map(() => "---")])}${versions.join("")}`;
}

if (import.meta.main) {
  const dir = join(root, "build/ran");
  const names = fs.existsSync(dir) ? fs.readdirSync(dir) : [];
  if (names.length === 0) throw new Error("build/ran has nothing: run the tests first");
  const ran = names.map((name) => [
    name.replace(/\.json$/, ""),
    JSON.parse(fs.readFileSync(join(dir, name), "utf8")) as Record<string, string>,
  ]);
  fs.writeFileSync(join(root, "docs/support.md"), supportOf(Object.fromEntries(ran)));
}
