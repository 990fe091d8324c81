// The tests in the VM, by name. Each case leaves the node as it has found it, which is checked after each.
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import * as fs from "node:fs";
import { type Guest, inPod, ip, withFakeIp } from "./guest.ts";
import { type Case, plexusCases } from "./plexus.ts";

const MAC = "02:00:00:00:00:77";

export const cases: Record<string, Case> = {
  "plexus sriov list shows the PF and its VFs, as JSON and as a table": (guest) => {
    const listed = JSON.parse(guest.list("--json"));
    assert.deepEqual(
      listed.map(({ address, driver }: any) => [address, driver]),
      [[guest.pf, "igb"], ...guest.vfs.map((vf) => [vf, "igbvf"])],
    );
    assert.deepEqual(listed[0].vfs, { enabled: 4, possible: 7 });
    assert.match(guest.list(), new RegExp(`${guest.vfs[2]} +VF 2 +\\S+ +igbvf +${guest.group(2)}`));
  },

  "a VF goes into a pod, pings another pod's VF through the NIC's switch, and comes back": (guest) => {
    const [one, other] = [guest.attachment(), guest.attachment()];
    const results = [one, other].map((at, vf) => guest.must("sriov", "ADD", at, guest.conf(vf)));
    assert.equal(results[0].interfaces[0].name, "net1");
    assert.equal(results[0].interfaces[0].sandbox, one.netns);
    assert.equal(results[0].ips[0].address, "10.9.0.1/24");
    assert.equal(results[0].ips[0].interface, 0);
    inPod(one, "ping", "-c", "1", "-w", "20", "10.9.0.2");
    for (const [vf, at] of [one, other].entries()) {
      guest.must("sriov", "CHECK", at, { ...guest.conf(vf), prevResult: results[vf] });
      guest.must("sriov", "DEL", at, { ...guest.conf(vf), prevResult: results[vf] });
      guest.removeNetns(at);
    }
  },

  "the settings of a VF that the conf has are set, checked, and put back": (guest) => {
    const at = guest.attachment();
    const conf = guest.conf(1, {
      vlan: 100,
      vlanQoS: 3,
      mac: MAC,
      spoofchk: "off",
      trust: "on",
      mtu: 1400,
    });
    const result = guest.must("sriov", "ADD", at, conf);
    assert.equal(result.interfaces[0].mac, MAC);
    const { address, vlan_list, spoofchk, trust } = guest.vfInfo(1);
    assert.deepEqual(
      { address, vlan: vlan_list[0].vlan, qos: vlan_list[0].qos, spoofchk, trust },
      { address: MAC, vlan: 100, qos: 3, spoofchk: false, trust: true },
    );
    const [link] = JSON.parse(inPod(at, "ip", "-j", "link", "show", "net1"));
    assert.deepEqual([link.address, link.mtu], [MAC, 1400]);
    guest.must("sriov", "CHECK", at, { ...conf, prevResult: result });
    ip("link", "set", guest.uplink, "vf", "1", "vlan", "7");
    inPod(at, "ip", "link", "set", "net1", "mtu", "1300");
    const { status, answer } = guest.run("sriov", "CHECK", at, { ...conf, prevResult: result });
    assert.equal(status, 1);
    assert.match(answer.msg, /vlan is 7, not 100.*MTU 1300, not 1400/);
    guest.must("sriov", "DEL", at, conf);
    guest.removeNetns(at);
  },

  "vfio-pci has a VF, with settings and device-info, and gives it back": (guest) => {
    const at = guest.attachment();
    const info = "/run/k8s.cni.cncf.io/devinfo/cni/plexus-test.json";
    const conf = guest.conf(2, {
      driver: "vfio-pci",
      vlan: 5,
      mac: MAC,
      runtimeConfig: { CNIDeviceInfoFile: info },
    });
    const result = guest.must("sriov", "ADD", at, conf);
    assert.equal(guest.driver(2), "vfio-pci");
    assert.equal(guest.vfInfo(2).vlan_list[0].vlan, 5);
    fs.closeSync(fs.openSync(`/dev/vfio/${guest.group(2)}`, "r+"));
    assert.deepEqual(JSON.parse(fs.readFileSync(info, "utf8")), {
      type: "pci",
      version: "1.1.0",
      pci: { "pci-address": guest.vfs[2], "pf-pci-address": guest.pf },
    });
    fs.rmSync(info);
    guest.must("sriov", "CHECK", at, { ...conf, prevResult: result });
    guest.must("sriov", "DEL", at, conf);
    assert.equal(guest.driver(2), "igbvf");
    guest.removeNetns(at);
  },

  "dpdk-testpmd sends from a VF to a VF in another pod": async (guest) => {
    const [app, other] = [guest.attachment(), guest.attachment()];
    const conf = guest.conf(2, { driver: "vfio-pci" });
    guest.must("sriov", "ADD", app, conf);
    const { interfaces } = guest.must("sriov", "ADD", other, guest.conf(0));
    const received = () =>
      JSON.parse(inPod(other, "ip", "-s", "-j", "link", "show", "net1"))[0].stats64.rx.packets;
    const before = received();
    const eal = ["-l", "0-1", "--no-huge", "--no-telemetry", "-m", "128", "-a", guest.vfs[2] ?? ""];
    const forward = [
      "--total-num-mbufs=2048",
      "--forward-mode=txonly",
      `--eth-peer=0,${interfaces[0].mac}`,
      "--stats-period=1",
    ];
    fs.mkdirSync("/run/dpdk", { recursive: true });
    const child = spawn(guest.testpmd, [...eal, "--", ...forward], { stdio: ["ignore", "pipe", "pipe"] });
    let said = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk) => (said += chunk));
    const ended = new Promise((resolve) => child.on("close", resolve));
    const enough = setInterval(() => received() - before > 1000 && child.kill("SIGINT"), 500);
    const late = setTimeout(() => child.kill("SIGKILL"), 120_000);
    await ended;
    clearInterval(enough);
    clearTimeout(late);
    const sent = Number(/TX-total: (\d+)\s*$/m.exec(said)?.[1] ?? 0);
    assert.ok(sent > 1000, said.slice(-3000));
    assert.ok(received() - before > 1000, `of ${sent} packets ${received() - before} arrived`);
    guest.must("sriov", "DEL", app, conf);
    guest.must("sriov", "DEL", other, guest.conf(0));
    for (const pod of [app, other]) guest.removeNetns(pod);
  },

  "uio_pci_generic has a VF, without settings, and gives it back": (guest) => {
    const at = guest.attachment();
    const conf = guest.conf(2, { driver: "uio_pci_generic", ipam: {} });
    const result = guest.must("sriov", "ADD", at, conf);
    const { mac, ...rest } = result.interfaces[0];
    assert.deepEqual(rest, { name: "net1", sandbox: at.netns, pciID: guest.vfs[2] });
    if (mac !== undefined) assert.equal(mac, guest.vfInfo(2).address);
    assert.equal(guest.driver(2), "uio_pci_generic");
    guest.must("sriov", "DEL", at, conf);
    guest.removeNetns(at);
  },

  "a VF that has a user-space driver already keeps it": (guest) => {
    const at = guest.attachment();
    bind(guest, 3, "vfio-pci");
    const conf = guest.conf(3, { vlan: 9 });
    guest.must("sriov", "ADD", at, conf);
    assert.equal(guest.vfInfo(3).vlan_list[0].vlan, 9);
    guest.must("sriov", "DEL", at, conf);
    assert.equal(guest.driver(3), "vfio-pci");
    assert.equal(guest.vfInfo(3).vlan_list[0].vlan ?? 0, 0);
    bind(guest, 3, "igbvf");
    guest.removeNetns(at);
  },

  "a VF whose pod's namespace is gone comes back by DEL": (guest) => {
    const at = guest.attachment();
    const conf = guest.conf(0, { vlan: 30, mac: MAC });
    guest.must("sriov", "ADD", at, conf);
    guest.removeNetns(at);
    guest.must("sriov", "DEL", at, conf);
  },

  "a VF that its pod has renamed comes back by DEL": (guest) => {
    const at = guest.attachment();
    guest.must("sriov", "ADD", at, guest.conf(0));
    inPod(at, "sh", "-c", "ip link set net1 down && ip link set net1 name mine");
    guest.must("sriov", "DEL", at, guest.conf(0));
    guest.removeNetns(at);
  },

  "DEL twice, and DEL of an attachment that never was, succeed": (guest) => {
    const at = guest.attachment();
    guest.must("sriov", "ADD", at, guest.conf(0));
    for (let time = 0; time < 2; time++) guest.must("sriov", "DEL", at, guest.conf(0));
    guest.must("sriov", "DEL", { ...at, id: "never" }, guest.conf(1));
    guest.removeNetns(at);
  },

  "ADD executes ip twice in the host and, with addresses, three times in the pod, DEL twice in both": (
    guest,
  ) => {
    const at = guest.attachment();
    const conf = guest.conf(1, { vlan: 12, mtu: 1400 });
    const log = "/run/plexus-test/ip.log";
    const counted = (verb: string) =>
      withFakeIp(`readlink /proc/self/ns/net >> ${log}`, () => {
        fs.rmSync(log, { force: true });
        guest.must("sriov", verb, at, conf);
        const lines = fs.readFileSync(log, "utf8").trim().split("\n");
        const here = fs.readlinkSync("/proc/self/ns/net");
        const inHost = lines.filter((line) => line === here).length;
        return { inHost, inPod: lines.length - inHost };
      });
    const { inHost, inPod: inThePod } = counted("ADD");
    assert.equal(inHost, 2);
    assert.ok(inThePod >= 3, "and once more each 20 ms, until there is a carrier");
    assert.deepEqual(counted("DEL"), { inHost: 2, inPod: 2 });
    guest.removeNetns(at);
  },

  "kill -9 before and after each execution of ip, and then DEL, leaves nothing": (guest) => {
    const conf = guest.conf(1, { vlan: 12, mac: MAC });
    // Reading the PF, setting it, moving the VF, and what is done in the pod: igbvf's MAC costs one more than others'.
    const count = "/run/plexus-test/count";
    for (let at = 1; at <= 4; at++) {
      for (const moment of ["before", "after"]) {
        const pod = guest.attachment();
        fs.rmSync(count, { force: true });
        const run = moment === "before" ? "" : `$(dirname $(readlink -f $0))/ip-itself "$@"\n`;
        const kill = `echo >> ${count}; if [ $(wc -l < ${count}) = ${at} ]; then ${run} kill -9 $PPID; exit 1; fi`;
        const { status } = withFakeIp(kill, () => guest.run("sriov", "ADD", pod, conf));
        assert.equal(status, null, `killed ${moment} ${at}`);
        guest.must("sriov", "DEL", pod, conf);
        guest.removeNetns(pod);
      }
    }
  },

  "kill -9 at any time while a driver is bound, and then DEL, leaves nothing": async (guest) => {
    const conf = guest.conf(2, { driver: "vfio-pci", vlan: 12 });
    let [killed, done] = [0, false];
    for (let after = 100; !done && after < 6000; after += 100) {
      const pod = guest.attachment();
      const { status } = await guest.start("sriov", "ADD", pod, conf, after);
      if (status === null) killed++;
      done = status === 0;
      guest.must("sriov", "DEL", pod, conf);
      guest.removeNetns(pod);
      assert.equal(guest.driver(2), "igbvf");
    }
    assert.ok(killed > 1 && done, `${killed} were killed`);
  },

  "an ADD that was killed is done anew by the next one": async (guest) => {
    const pod = guest.attachment();
    const conf = guest.conf(1, { vlan: 12 });
    const { status } = withFakeIp(`case "$*" in *batch*) kill -9 $PPID; exit 1;; esac`, () =>
      guest.run("sriov", "ADD", pod, conf),
    );
    assert.equal(status, null);
    guest.must("sriov", "ADD", pod, conf);
    guest.must("sriov", "DEL", pod, conf);
    guest.removeNetns(pod);
  },

  "one of two ADDs for one VF at once gets it": async (guest) => {
    const pods = [guest.attachment(), guest.attachment()];
    const ended = await Promise.all(pods.map((pod) => guest.start("sriov", "ADD", pod, guest.conf(0))));
    const statuses = ended.map(({ status }) => status).sort();
    assert.deepEqual(statuses, [0, 1], JSON.stringify(ended));
    const lost = ended.find(({ status }) => status === 1)?.answer;
    assert.equal(lost.code, 11);
    assert.match(lost.msg, /in use/);
    for (const pod of pods) {
      guest.must("sriov", "DEL", pod, guest.conf(0));
      guest.removeNetns(pod);
    }
  },

  "a failed ADD leaves the VF as it was": (guest) => {
    const pod = guest.attachment();
    inPod(pod, "ip", "link", "add", "net1", "type", "veth", "peer", "name", "other");
    const { status, answer } = guest.run("sriov", "ADD", pod, guest.conf(0, { vlan: 8, mac: MAC }));
    assert.equal(status, 1);
    assert.match(answer.msg, new RegExp(`device ${guest.vfs[0]}.*File exists`));
    guest.removeNetns(pod);
  },

  "a conf that cannot be carried out is refused, with the device, the reason, and what to do": (guest) => {
    const pod = guest.attachment();
    const refused = (conf: object, code: number, message: RegExp) => {
      const { status, answer } = guest.run("sriov", "ADD", pod, conf);
      assert.equal(status, 1);
      assert.match(answer.msg, message);
      assert.equal(answer.code, code);
    };
    refused(guest.conf(0, { deviceID: "0000:77:00.1" }), 7, /no PCI device 0000:77:00.1.*plexus sriov list/);
    refused(guest.conf(0, { deviceID: guest.pf }), 7, /is not a virtual function.*allowDevices/);
    refused(guest.conf(0, { deviceID: undefined }), 7, /has no `deviceID`.*resourceName/);
    refused(guest.conf(0, { driver: "igb_uio" }), 50, /cannot be bound to igb_uio.*modprobe igb_uio/);
    refused(guest.conf(0, { ipam: { type: "nowhere" } }), 7, /no IPAM plugin "nowhere"/);
    guest.removeNetns(pod);
  },

  "GC gives back the VFs of attachments that are not valid": (guest) => {
    const pods = [guest.attachment(), guest.attachment()] as const;
    const newest = { cniVersion: "1.1.0", ipam: {} };
    for (const [vf, pod] of pods.entries()) guest.must("sriov", "ADD", pod, guest.conf(vf, newest));
    const valid = [{ containerID: pods[1].id, ifname: pods[1].ifname }];
    guest.must("sriov", "GC", pods[0], guest.conf(0, { ...newest, "cni.dev/valid-attachments": valid }));
    const owners = JSON.parse(guest.list("--json")).flatMap(({ owner }: any) => owner?.containerId ?? []);
    assert.deepEqual(owners, [pods[1].id]);
    guest.must("sriov", "DEL", pods[1], guest.conf(1, newest));
    for (const pod of pods) guest.removeNetns(pod);
  },

  ...plexusCases,
};

/** As an administrator would, by hand. */
function bind(guest: Guest, vf: number, driver: string): void {
  const address = guest.vfs[vf] ?? "";
  const dir = `/sys/bus/pci/devices/${address}`;
  fs.writeFileSync(`${dir}/driver_override`, driver === "igbvf" ? "\n" : driver);
  fs.writeFileSync(`/sys/bus/pci/drivers/${guest.driver(vf)}/unbind`, address);
  fs.writeFileSync("/sys/bus/pci/drivers_probe", address);
  if (driver !== "igbvf") return;
  const [netdev = ""] = fs.readdirSync(`${dir}/net`);
  ip("link", "set", netdev, "name", `uplinkv${vf}`);
}
