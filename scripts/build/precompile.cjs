// Compiles a bundle of build/lazy/ to the code cache beside it. With all functions, so that a start compiles none: V8 by
// itself leaves each to its first call, and they are not in a cache that is made before that.
const { readFileSync, writeFileSync } = require("node:fs");
const { setFlagsFromString } = require("node:v8");
const { Script } = require("node:vm");

const file = process.argv[2];
const source = readFileSync(file, "latin1");
setFlagsFromString("--no-lazy");
const script = new Script(source);
setFlagsFromString("--lazy"); // the cache is for a process with these flags
const cachedData = script.createCachedData();
if (new Script(source, { cachedData }).cachedDataRejected)
  throw new Error(`V8 refuses its own code cache of ${file}`);
writeFileSync(file.replace(/\.js$/, ".cache"), cachedData);
