// Writes examples/cases.txt anew: `npm run examples`.
import { writeFileSync } from "node:fs";
import { cases } from "./cases.ts";

writeFileSync(new URL("../../examples/cases.txt", import.meta.url), cases());
