// One call of the built-in plugin `sriov`: the runtime's, with its conf read, and with the record of who has which VF.
import type { PluginCall } from "../cni/builtin.ts";
import { Allocations } from "./allocation.ts";
import { readConf, type SriovConf } from "./conf.ts";

export interface SriovCall extends PluginCall {
  conf: SriovConf;
  allocations: Allocations;
}

/** Reads the conf of a call. Throws a Fault that names the key that is wrong. */
export function readCall(call: PluginCall): SriovCall {
  return {
    ...call,
    conf: readConf(call.stdin, call.parameters.args),
    allocations: new Allocations(call.host, call.cniDir, call.log),
  };
}
