// A device plugin for a real kubelet, with devices that are only names.
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ensurePackages } from "../../scripts/provide/debian.ts";
import { Daemon } from "../support/daemon.ts";

const SCRIPT = fileURLToPath(new URL("fake-device-plugin.py", import.meta.url));

/**
 * Registers a resource, all of whose devices are healthy, with the kubelet whose directory is `root`, and serves it until
 * it is stopped.
 */
export function startDevicePlugin(root: string, resource: string, devices: string[], logs: string): Daemon {
  ensurePackages(["python3-grpcio"]);
  const command = ["/usr/bin/python3", SCRIPT, join(root, "device-plugins"), resource, ...devices];
  return new Daemon("fake-device-plugin", command, logs);
}
