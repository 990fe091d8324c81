// What the npm package `plexus-core` exports.
export { Code, Fault } from "./fault.ts";
export * from "./index.ts";
export { ABI, SCHEMA, type Version } from "./version.ts";
