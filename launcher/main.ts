// The packaged binary's entry: a CNI plugin, whatever its file is called.
// VERSION loads nothing; the other verbs load the rest when they need it.
import { writeSync } from "node:fs";

const SUPPORTED = ["0.1.0", "0.2.0", "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"];

declare const VERSION: string; // by the build

/** Writes all of `text`, also into a pipe that takes it bit by bit. Returns why that cannot be done. */
function print(descriptor: number, text: string): Error | undefined {
  let bytes = Buffer.from(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(descriptor, bytes));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") return error as Error;
    }
  }
  return undefined;
}

/** Ends with the answer of a call. One that cannot be written has not been given: launcher/shim/messages.c has the same words. */
function answer(exitCode: number, stdout: string): never {
  const error = print(1, stdout);
  if (!error) process.exit(exitCode);
  complain(
    `the answer cannot be written to stdout: ${error.message}; mend that, and call DEL for what was attached`,
  );
  process.exit(1);
}

function complain(why: string): void {
  print(2, `plexus: ${why}\n`); // if nobody reads that either, the exit code says it
}

/** Was it executed under the name of the built-in plugin? */
function isSriov(): boolean {
  return /(^|\/)(plexus-)?sriov$/.test(process.argv0);
}

const command = process.env.CNI_COMMAND ?? "";
if (command === "VERSION") {
  answer(0, `${JSON.stringify({ cniVersion: SUPPORTED.at(-1), supportedVersions: SUPPORTED })}\n`);
} else if (command === "" && (process.argv.length > 2 || process.argv0.endsWith("kubectl-plexus"))) {
  import("./lazy.ts").then(async ({ lazy }) => {
    const { runCommand } = lazy("cli");
    process.exit(await runCommand(process.argv0, process.argv.slice(2), VERSION));
  });
} else if (command === "") {
  print(
    2,
    `Plexus, a CNI meta-plugin. A container runtime executes it; it is configured in /etc/cni/net.d.\n`,
  );
  print(2, `CNI protocol versions supported: ${SUPPORTED.join(", ")}\nplexus help lists the commands.\n`);
} else {
  import("./lazy.ts").then(async ({ lazy }) => {
    const { runPlugin, runSriovPlugin } = lazy("plugin");
    const { exitCode, stdout } = await (isSriov() ? runSriovPlugin : runPlugin)(process.env);
    answer(exitCode, stdout);
  });
}
