// A VM with an SR-IOV NIC behind an IOMMU, which runs one program on this machine's files.
import { spawn } from "node:child_process";
import { ensureVm } from "../../scripts/provide/vm.ts";
import { SLOWNESS } from "../support/pace.ts";

/** For all that is done in it, its emulated boot included. */
const LIMIT_MS = 20 * 60_000 * SLOWNESS;

/** What a VM has besides. */
interface More {
  memoryMiB?: number;
  /** Words for the kernel. */
  kernel?: string[];
  /** Arguments for QEMU. */
  qemu?: string[];
  /** Ends it at once. */
  end?: AbortSignal;
}

/**
 * Boots it, runs a command, and takes every line of its console. One that takes far too long is ended.
 *
 * @param command words without spaces or commas
 * @returns the exit code of the command; undefined if the VM ended otherwise
 */
export async function runInVm(
  command: string[],
  line: (text: string) => void,
  { memoryMiB = 2560, kernel = [], qemu = [], end }: More = {},
): Promise<number | undefined> {
  const vm = ensureVm();
  // On a machine with other work the emulated timer comes too late for the kernel, which takes it for one that does not work.
  const clock = "no_timer_check";
  const words = ["console=ttyS0", "loglevel=2", "panic=-1", "intel_iommu=on", "iommu=pt", clock, ...kernel];
  const append = `${words.join(" ")} plexus.run=${command.join(",")}`;
  const child = spawn(
    vm.qemu,
    [
      ...vm.firmware.flatMap((dir) => ["-L", dir]),
      ...["-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2", "-m", `${memoryMiB}`],
      ...["-machine", "q35,kernel-irqchip=split", "-device", "intel-iommu,intremap=on"],
      ...["-nodefaults", "-display", "none", "-no-reboot", "-serial", "stdio"],
      ...["-kernel", vm.kernel, "-initrd", vm.initramfs, "-append", append],
      ...["-fsdev", "local,id=files,path=/,security_model=none,readonly=on,multidevs=remap"],
      ...["-device", "virtio-9p-pci,fsdev=files,mount_tag=host"],
      ...["-netdev", "hubport,id=wire,hubid=0", "-device", "pcie-root-port,id=port0,slot=1"],
      ...["-device", "igb,bus=port0,netdev=wire,mac=52:54:00:00:00:01"],
      ...qemu,
    ],
    { stdio: ["ignore", "pipe", "pipe"] },
  );
  let rest = "";
  let exitCode: number | undefined;
  const take = (chunk: Buffer) => {
    const lines = (rest + chunk.toString()).split(/\r?\n/);
    rest = lines.pop() ?? "";
    for (const text of lines) {
      const exit = /^exit (\d+)$/.exec(text);
      if (exit) exitCode = Number(exit[1]);
      line(text);
    }
  };
  child.stdout.on("data", take);
  child.stderr.on("data", take);
  const kill = () => void child.kill("SIGKILL");
  process.once("exit", kill);
  end?.addEventListener("abort", kill);
  const timer = setTimeout(kill, LIMIT_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      child.once("error", reject);
      child.once("close", () => resolve());
    });
  } finally {
    clearTimeout(timer);
    process.off("exit", kill);
  }
  return exitCode;
}
