// npm run package: build/plexus-core-VERSION.tgz, of what `npm run build` has made.
import { statSync } from "node:fs";
import { packCore } from "./pack.ts";

const file = await packCore();
console.log(`${file}  ${(statSync(file).size / 1024).toFixed(1)} KB`);
