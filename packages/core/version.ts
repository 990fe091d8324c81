// What a host and the core have to agree on: docs/core.md, "Versions".

/** The calling convention, and the documents as far as hosts can rely on them: the version of both that a host was written for. */
export const ABI = 2;
/** The documents: ABI, then how often something was added to them since. */
export const SCHEMA = `${ABI}.0`;
/** The custom section of the modules that says which one it is: a Version, as JSON. */
export const SECTION = "plexus";

/** Which core it is. */
export interface Version {
  /** core.wasm or lint.wasm. */
  name: string;
  /** Plexus's. */
  version: string;
  abi: number;
  /** Of the documents. */
  schema: string;
}
