// The one kind of error that reaches a runtime: the core's, as both are CNI error objects.
export { Code, Fault } from "../packages/core/fault.ts";
