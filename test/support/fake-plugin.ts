// A CNI plugin of a test's own: a shell script that notes each call before it does what the test says.
import * as fs from "node:fs";
import { basename, join } from "node:path";

/** One call that a fake plugin was executed for. */
export interface FakeCall {
  /** CNI_COMMAND */
  verb: string;
  containerId: string;
  ifname: string;
  conf: Record<string, unknown>;
}

/**
 * Writes a fake plugin.
 *
 * @param path of the plugin
 * @param dir where it notes its calls; `$dir` in what it does
 * @param verbs what it does for a verb: shell, or else succeed. ADD without a text of its own prints an empty result
 */
export function writeFakePlugin(path: string, dir: string, verbs: Record<string, string>): void {
  const calls = `$dir/calls-${basename(path)}`;
  const cases = Object.entries({ ADD: `echo '{"cniVersion":"1.1.0"}'`, ...verbs });
  fs.writeFileSync(
    path,
    `#!/bin/sh\ndir='${dir}'\nconf=$(tr '\\n' ' ')\n` +
      `printf '%s %s %s %s\\n' "$CNI_COMMAND" "$CNI_CONTAINERID" "$CNI_IFNAME" "$conf" >> "${calls}"\n` +
      `case $CNI_COMMAND in\n${cases.map(([verb, body]) => `${verb}) ${body} ;;\n`).join("")}esac\n`,
    { mode: 0o755 },
  );
}

/** The calls that the fake plugin `name` has noted in `dir`, in their order. */
export function fakeCalls(dir: string, name: string): FakeCall[] {
  const path = join(dir, `calls-${name}`);
  if (!fs.existsSync(path)) return [];
  const lines = fs.readFileSync(path, "utf8").split("\n").slice(0, -1); // the last one may be on its way
  return lines.map((line) => {
    const [, verb = "", containerId = "", ifname = "", conf = ""] =
      /^(\S*) (\S*) (\S*) (.*)$/.exec(line) ?? [];
    return { verb, containerId, ifname, conf: JSON.parse(conf) as FakeCall["conf"] };
  });
}
