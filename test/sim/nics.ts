// The NICs with VFs that a node in memory can have.
import type { FakeDevice } from "../support/fake-sysfs.ts";
import { IGB, IXGBE } from "../support/sriov-nics.ts";

interface NicSetup {
  devices: Record<string, FakeDevice>;
  /** The addresses of the VFs that containers get. */
  vfs: string[];
}

export const NICS: Record<"ixgbe" | "igb", NicSetup> = {
  ixgbe: { devices: IXGBE, vfs: ["0000:3b:10.0", "0000:3b:10.1", "0000:3b:10.2"] },
  igb: { devices: IGB, vfs: ["0000:01:10.0"] },
};
export type Nic = keyof typeof NICS;
