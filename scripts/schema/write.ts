// npm run schemas: writes docs/schema.
import * as fs from "node:fs";
import { dirname, join } from "node:path";
import { schemaFiles } from "./schemas.ts";

const dir = join(import.meta.dirname, "../../docs/schema");
fs.rmSync(dir, { recursive: true, force: true });
for (const [name, text] of schemaFiles()) {
  fs.mkdirSync(dirname(join(dir, name)), { recursive: true });
  fs.writeFileSync(join(dir, name), text);
}
