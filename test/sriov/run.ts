// What runs in the VM: `run.ts PLEXUS PLUGINS TESTPMD [NAME]`, with the directory of the reference plugins. One line a case.
import { cases } from "./cases.ts";
import { cleanUp, Guest } from "./guest.ts";

const [plexus = "", plugins = "", testpmd = "", only = ""] = process.argv.slice(2);
const guest = new Guest(plexus, plugins, testpmd);
for (const [name, run] of Object.entries(cases)) {
  if (!name.includes(only.replaceAll("_", " "))) continue;
  const began = performance.now();
  const before = guest.snapshot();
  let error = "";
  try {
    await run(guest);
    const after = guest.snapshot();
    if (after !== before) error = `the node is not as it was. Before: ${before} After: ${after}`;
  } catch (thrown) {
    error = (thrown as Error).stack ?? String(thrown);
    cleanUp(guest);
  }
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  console.log(`case ${JSON.stringify({ name, error, seconds })}`);
}
