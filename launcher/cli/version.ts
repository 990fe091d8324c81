// `plexus version`.
import { thisBuild } from "../version.ts";
import { command } from "./command.ts";

export const version = command({
  name: "version",
  summary: "says which build this is",
  description: "Version, commit, Node.js, and how the SHA-256 of core.wasm and of its plexus-shim begin.",
  options: { json: { help: "for programs: one object" } },
  run: ({ values }) => {
    const build = thisBuild();
    const lines = Object.entries(build).map(([name, value]) => `${name.padEnd(8)} ${value}`);
    console.log(values.json ? JSON.stringify(build) : lines.join("\n"));
    return undefined;
  },
});
