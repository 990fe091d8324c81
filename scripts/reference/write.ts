// Writes the pages of docs/ that are made of the code: docs/messages/ and docs/conf.md. `npm run reference` does.
import * as fs from "node:fs";
import { join } from "node:path";
import { pages } from "../messages/print.ts";
import { confPage } from "./conf.ts";

const docs = join(import.meta.dirname, "../../docs");
const made = [...pages(), ["conf.md", confPage()] as const];
fs.rmSync(join(docs, "messages"), { recursive: true, force: true });
fs.mkdirSync(join(docs, "messages"));
for (const [path, page] of made) fs.writeFileSync(join(docs, path), page);
