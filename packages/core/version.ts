// What a host and the core have to agree on: docs/core.md, "Versions".

/** The calling convention, and the documents as far as hosts can rely on them: the version of both that a host was written for. */
export const ABI = 2;
/** The documents: ABI, then what was added to them since. */
export const SCHEMA = `${ABI}.0`;
