// One call of the built-in plugin `sriov`: the runtime's, with its conf read, and with the record of who has which VF.
import type { PluginCall } from "../cni/builtin.ts";
import { Allocations } from "./allocation.ts";
import { readBasics, readConf, type SriovConf } from "./conf.ts";
import { openSriovLog, type SriovLog } from "./log.ts";

export interface SriovCall extends PluginCall {
  conf: SriovConf;
  allocations: Allocations;
  sriovLog: SriovLog;
}

/** Of a conf whose devices and settings do not matter. */
const NOTHING_WANTED = { address: "", settings: {}, allowDevices: [] };

/** Reads the conf of a call. Throws a Fault that names the key that is wrong; of a DEL and a GC, few keys matter. */
export function readCall(call: PluginCall): SriovCall {
  const { args, containerId, ifname, netns, verb } = call.parameters;
  const isUndoing = verb === "DEL" || verb === "GC";
  const conf = isUndoing ? { ...readBasics(call.stdin), ...NOTHING_WANTED } : readConf(call.stdin, args);
  const who = `containerID=${JSON.stringify(containerId)} netns=${JSON.stringify(netns)} ifname=${JSON.stringify(ifname)}`;
  const sriovLog = openSriovLog(call.host, conf, who, call.log);
  return {
    ...call,
    conf,
    allocations: new Allocations(call.host, call.cniDir, sriovLog.warn),
    log: sriovLog.warn,
    sriovLog,
  };
}
