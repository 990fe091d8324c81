// Where tests get a machine with an SR-IOV NIC and an IOMMU from: QEMU 10, whose device igb has VFs, is in Debian's
// backports; kernel and modules are Debian's. Nothing of it is installed but QEMU's libraries.
import { execFileSync } from "node:child_process";
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { cache, cachePath } from "./cache.ts";
import { ensurePackages, extract, fetchDebian } from "./debian.ts";

const NAME = "vm-qemu-bookworm-backports-4";
const QEMU = ["qemu-system-x86", "qemu-system-common", "qemu-system-data", "seabios"] as const;
const LIBRARIES = [
  "libaio1",
  "libbpf1",
  "libcapstone4",
  "libelf1",
  "libfdt1",
  "libfuse3-3",
  "libglib2.0-0",
  "libgnutls30",
  "libibverbs1",
  "libjpeg62-turbo",
  "libnuma1",
  "libpixman-1-0",
  "libpmem1",
  "libpng16-16",
  "librdmacm1",
  "libsasl2-2",
  "libseccomp2",
  "libslirp0",
  "libudev1",
  "liburing2",
  "libvdeplug2",
  "libzstd1",
] as const;
/** What dpdk-testpmd, with the driver of igb's VFs, is linked to. */
const DPDK_LIBRARIES = [
  "ibverbs-providers",
  "libpcap0.8",
  "librte-bitratestats23",
  "librte-bpf23",
  "librte-bus-pci23",
  "librte-cmdline23",
  "librte-crypto-scheduler23",
  "librte-gro23",
  "librte-gso23",
  "librte-latencystats23",
  "librte-mempool-ring23",
  "librte-net-bnxt23",
  "librte-net-bond23",
  "librte-net-dpaa23",
  "librte-net-e1000-23",
  "librte-net-i40e23",
  "librte-net-ice23",
  "librte-net-ixgbe23",
  "librte-net-mlx5-23",
  "librte-pdump23",
] as const;
/** Loaded by the machine, with all that these need. */
const MODULES = [
  "virtio_pci",
  "virtio_net",
  "9pnet_virtio",
  "9p",
  "overlay",
  "veth",
  "bridge",
  "vfio_iommu_type1",
  "vfio-pci",
  "uio_pci_generic",
  "igb",
  "igbvf",
  "ipvlan",
] as const;

export interface Vm {
  qemu: string;
  firmware: string[];
  kernel: string;
  initramfs: string;
  /** The modules that are in the initramfs, for `modprobe`: what /lib/modules is to have under the kernel's version. */
  modules: string;
  /** dpdk-testpmd, which is in a package with hundreds of others behind it. */
  testpmd: string;
}

/** Makes sure of QEMU, a kernel and an initramfs, in the user's cache; without network where it has them. */
export function ensureVm(): Vm {
  ensurePackages([...LIBRARIES, ...DPDK_LIBRARIES, "cpio", "iproute2", "iputils-ping", "kmod"]);
  const dir = existsSync(cachePath(NAME)) ? cachePath(NAME) : made();
  return {
    qemu: join(dir, "qemu-system-x86_64"),
    firmware: ["qemu", "seabios"].map((name) => join(dir, name)),
    kernel: join(dir, "vmlinuz"),
    initramfs: join(dir, "initramfs"),
    modules: join(dir, "modules"),
    testpmd: join(dir, "dpdk-testpmd"),
  };
}

function made(): string {
  return cache((work) => {
    const [dir, root] = [join(work, "vm"), join(work, "root")];
    mkdirSync(dir);
    const apt = (name: string) => {
      const own = join(work, name);
      mkdirSync(own);
      return own;
    };
    extract(fetchDebian(apt("backports"), { suite: "bookworm-backports", packages: QEMU }), root);
    const [meta = "", busybox = "", dpdk = ""] = fetchDebian(apt("meta"), {
      suite: "bookworm",
      packages: ["linux-image-amd64", "busybox-static", "dpdk-dev"],
    });
    const depends = execFileSync("dpkg-deb", ["--field", meta, "Depends"], { encoding: "utf8" });
    const image = /linux-image-\S+/.exec(depends)?.[0] ?? "";
    extract([busybox, dpdk, ...fetchDebian(apt("image"), { suite: "bookworm", packages: [image] })], root);

    copyFileSync(join(root, "usr/bin/qemu-system-x86_64"), join(dir, "qemu-system-x86_64"));
    for (const name of ["qemu", "seabios"]) {
      cpSync(join(root, "usr/share", name), join(dir, name), { recursive: true, verbatimSymlinks: true });
    }
    copyFileSync(join(root, "usr/bin/dpdk-testpmd"), join(dir, "dpdk-testpmd"));
    const version = image.slice("linux-image-".length);
    copyFileSync(join(root, `boot/vmlinuz-${version}`), join(dir, "vmlinuz"));
    execFileSync("depmod", ["--basedir", root, version]);
    const modules = join(root, "lib/modules", version);
    const ordered = inOrder(readFileSync(join(modules, "modules.dep"), "utf8"));
    const indices = readdirSync(modules).filter((name) => name.startsWith("modules."));
    for (const path of [...ordered, ...indices]) cpSync(join(modules, path), join(dir, "modules", path));
    makeInitramfs(
      root,
      ordered.map((path) => join(modules, path)),
      join(dir, "initramfs"),
    );
    return { dir, name: NAME };
  });
}

/** A busybox, the modules, and an init that makes this machine's files the VM's, as they are, with a layer to write to. */
function makeInitramfs(root: string, modules: string[], file: string): void {
  const tree = join(root, "initramfs");
  for (const name of ["bin", "modules", "proc", "sys", "dev", "lower", "upper", "root"]) {
    mkdirSync(join(tree, name), { recursive: true });
  }
  copyFileSync(join(root, "bin/busybox"), join(tree, "bin/busybox"));
  for (const path of modules) copyFileSync(path, join(tree, "modules", basename(path)));
  const names = modules.map((path) => basename(path)).join(" ");
  writeFileSync(join(tree, "init"), init(names), { mode: 0o755 });
  const list = readdirSync(tree, { recursive: true, encoding: "utf8" });
  const input = [".", ...list].join("\n");
  const archive = execFileSync("cpio", ["--quiet", "--create", "--format=newc"], {
    cwd: tree,
    input,
    maxBuffer: 1 << 30,
  });
  writeFileSync(file, archive);
}

/** The files of the modules, each after those that it needs. */
function inOrder(dependencies: string): string[] {
  const needs = new Map<string, string[]>();
  const paths = new Map<string, string>();
  for (const line of dependencies.split("\n")) {
    const [path = "", rest = ""] = line.split(":");
    needs.set(path, rest.split(" ").filter(Boolean).reverse());
    paths.set(basename(path, ".ko").replaceAll("_", "-"), path);
  }
  const ordered = new Set<string>();
  for (const name of MODULES) {
    const path = paths.get(name.replaceAll("_", "-"));
    if (path === undefined) continue; // it is built in
    for (const needed of [...(needs.get(path) ?? []), path]) ordered.add(needed);
  }
  return [...ordered];
}

function init(modules: string): string {
  return `#!/bin/busybox sh
b=/bin/busybox
$b mount -t proc proc /proc
$b mount -t sysfs sysfs /sys
$b mount -t devtmpfs devtmpfs /dev
for module in ${modules}; do $b insmod /modules/$module || echo "insmod $module failed"; done
$b mount -t 9p -o trans=virtio,version=9p2000.L,cache=loose,msize=512000,ro host /lower
$b mount -t tmpfs tmpfs /upper
$b mkdir /upper/files /upper/work
$b mount -t overlay -o lowerdir=/lower,upperdir=/upper/files,workdir=/upper/work overlay /root
for name in proc sys dev; do $b mount --move /$name /root/$name; done
for name in run var/lib/cni; do
  $b mkdir -p /root/$name
  $b mount -t tmpfs tmpfs /root/$name
done
$b mkdir -p /root/dev/shm
set -- $($b cat /root/proc/cmdline)
for word; do case $word in plexus.run=*) run=\${word#plexus.run=};; esac; done
cd /root
$b mount --move . / # or who enters a container's mounts finds this file system below
$b chroot . /bin/sh -c "exec $($b echo $run | $b tr , ' ')"
echo "exit $?"
$b poweroff -f
`;
}
