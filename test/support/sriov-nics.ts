// NICs with VFs, as FakeSysfs takes them: by PCI address.
import type { FakeDevice } from "./fake-sysfs.ts";

/** Drivers that are loaded besides those that the devices have. */
export const DRIVERS = { drivers: ["iavf", "vfio-pci"] };

/** Two ports of one card, whose VFs' functions alternate. */
export const IXGBE: Record<string, FakeDevice> = {
  "0000:3b:00.0": {
    driver: "ixgbe",
    netdev: "ens1f0",
    vfs: ["0000:3b:10.0", "0000:3b:10.2"],
    iommuGroup: "1",
  },
  "0000:3b:00.1": {
    driver: "ixgbe",
    netdev: "ens1f1",
    vfs: ["0000:3b:10.1", "0000:3b:10.3"],
    iommuGroup: "1",
  },
  "0000:3b:10.0": { driver: "ixgbevf", netdev: "ens1f0v0", iommuGroup: "20" },
  "0000:3b:10.1": { driver: "ixgbevf", netdev: "ens1f1v0", iommuGroup: "21" },
  "0000:3b:10.2": { driver: "ixgbevf", netdev: "ens1f0v1", iommuGroup: "22" },
  "0000:3b:10.3": { driver: "ixgbevf", netdev: "ens1f1v1", iommuGroup: "23" },
};

/** In switchdev mode: the PF's directory has the representors of its VFs too. */
export const MLX5: Record<string, FakeDevice> = {
  "0000:81:00.0": {
    driver: "mlx5_core",
    netdev: "ens2np0",
    representors: { aaa_pf0vf0: "pf0vf0", bbb_pf0vf1: "pf0vf1", ens2np0: "p0" },
    rdma: ["mlx5_0"],
    vfs: ["0000:81:00.2", "0000:81:00.3"],
    iommuGroup: "40",
  },
  "0000:81:00.2": { driver: "mlx5_core", netdev: "ens2v0", rdma: ["mlx5_2"], iommuGroup: "41" },
  "0000:81:00.3": { driver: "mlx5_core", netdev: "ens2v1", rdma: ["mlx5_3"], iommuGroup: "42" },
};

/** One VF behind vfio-pci, one without any driver, one in no IOMMU group, two in one group. */
export const I40E: Record<string, FakeDevice> = {
  "0000:18:00.0": {
    driver: "i40e",
    netdev: "eno1",
    vfs: ["0000:18:02.0", "0000:18:02.1", "0000:18:02.2", "0000:18:02.3", "0000:18:02.4"],
    iommuGroup: "60",
  },
  "0000:18:02.0": { driver: "vfio-pci", iommuGroup: "61" },
  "0000:18:02.1": { iommuGroup: "62" },
  "0000:18:02.2": { driver: "iavf", netdev: "eno1v2" },
  "0000:18:02.3": { driver: "iavf", netdev: "eno1v3", iommuGroup: "63" },
  "0000:18:02.4": { driver: "iavf", netdev: "eno1v4", iommuGroup: "63" },
  "0000:19:00.0": { driver: "i40e", netdev: "eno2", iommuGroup: "64" },
};

/** igb's VFs have a driver that reads their MAC addresses only when it takes them. */
export const IGB: Record<string, FakeDevice> = {
  "0000:01:00.0": { driver: "igb", netdev: "eth0", vfs: ["0000:01:10.0"], autoprobe: false, iommuGroup: "4" },
  "0000:01:10.0": { driver: "igbvf", netdev: "eth0v0", iommuGroup: "5" },
};
