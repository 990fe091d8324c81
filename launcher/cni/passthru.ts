// The plugin that begins an auxiliary chain. It changes nothing, so it needs no process, if none is installed.
import type { BuiltIn } from "./builtin.ts";

export const passthru: BuiltIn = {
  names: ["passthru"],

  replaces: async () => false,

  async run({ parameters, stdin, prevResult }) {
    if (parameters.verb !== "ADD") return undefined;
    if (prevResult !== undefined) return prevResult;
    const { cniVersion } = JSON.parse(stdin) as { cniVersion?: string };
    return JSON.stringify({ cniVersion: cniVersion || "0.1.0" });
  },
};
