// `npm run sim:scale -- NODES`: prints the table of docs/scale.md, from so many nodes of the cluster; by default 50.
import { bundle } from "./bundle.ts";

const { table } = (await import(await bundle("scaling", [], "scaling.ts"))) as typeof import("./scaling.ts");
console.log(await table(Number(process.argv[2] ?? 50)));
