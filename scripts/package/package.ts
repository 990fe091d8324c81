// npm run package: build/plexus-core-VERSION.tgz, of what `npm run build` has made.
import { statSync } from "node:fs";
import { packCore } from "./pack.ts";

const file = await packCore();
console.log(`${file}  ${Math.round(statSync(file).size / 100) / 10} KB`);
