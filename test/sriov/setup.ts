// Makes the parts of tier sriov.
import { ensurePlugins } from "../../scripts/provide/debian.ts";
import { ensureVm } from "../../scripts/provide/vm.ts";
import { setUp } from "../support/parts.ts";

export default setUp(() => {
  ensurePlugins();
  ensureVm();
});
