// The executor of hot-plug as a unit of systemd. In a pod it is a container instead: deploy/hotplug.
import { spawnSync } from "node:child_process";
import * as fs from "node:fs";
import { type Installation, onNode } from "./installation.ts";
import { place } from "./place.ts";

const NAME = "plexus-executor.service";
const UNIT = `/etc/systemd/system/${NAME}`;
/** There is systemd if this is there. Source: sd_booted(3) */
const SYSTEMD = "/run/systemd/system";

function unitOf({ binDir }: Installation): string {
  return `# Written by plexus install --hotplug: changes of yours belong into ${NAME}.d.
[Unit]
Description=Executor of Plexus: networks come and go while pods run
Documentation=man:plexus(8)
StartLimitIntervalSec=0

[Service]
ExecStart=${binDir}/plexus-shim --serve
Restart=always
RestartSec=1

[Install]
WantedBy=multi-user.target
`;
}

/**
 * Makes the executor a unit, which runs from then on and after each boot.
 *
 * @returns what was done, or what there is to do; undefined if hot-plug was not asked for, or is another's business
 */
export async function installExecutor(installation: Installation): Promise<string | undefined> {
  if (!installation.options.hotplug || installation.root !== "/") return undefined;
  if (!fs.existsSync(SYSTEMD))
    return `there is no systemd: start ${installation.binDir}/plexus-shim --serve as root, now and after each boot; until then no network comes or goes while a pod runs`;
  const isWritten = await place(UNIT, unitOf(installation), 0o644);
  // An installer may have been killed before it had systemd read what it wrote.
  const isNew = isWritten || systemctl("show", "--property=NeedDaemonReload", "--value", NAME) === "yes";
  if (isNew) systemctl("daemon-reload");
  systemctl("enable", NAME);
  systemctl(isNew ? "restart" : "start", NAME);
  return isNew ? `wrote ${UNIT}, and started it` : `kept ${UNIT}, which runs`;
}

/** Ends the executor and removes its unit. Returns what was done. */
export function removeExecutor(installation: Installation): string[] {
  const path = onNode(installation, UNIT);
  if (!fs.existsSync(path)) return [];
  const isOwn = installation.root === "/" && fs.existsSync(SYSTEMD);
  if (isOwn) systemctl("disable", "--now", NAME);
  fs.rmSync(path, { force: true });
  if (isOwn) systemctl("daemon-reload");
  return [`removed ${path}`];
}

/** Returns what it prints. */
function systemctl(...args: string[]): string {
  const { error, status, stderr, stdout } = spawnSync("systemctl", args, { encoding: "utf8" });
  const command = `systemctl ${args.join(" ")}`;
  if (error) throw new Error(`cannot execute ${command}: ${error.message}; see that it is in PATH`);
  if (status !== 0) throw new Error(`${command}: ${stderr.trim()}; see systemctl status ${NAME}`);
  return stdout.trim();
}
