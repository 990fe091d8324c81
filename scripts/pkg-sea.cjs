// Runs pkg on one target. pkg's command line does not hand `seaConfig` on for a single file, so its own function is
// called; and the code cache has to be made under the V8 flags it will be used with, or V8 refuses it.
const childProcess = require("node:child_process");
const { promisify } = require("node:util");

const { entry, target, seaConfig, v8Flags } = JSON.parse(process.argv[2]);

const { execFile } = childProcess;
const execute = promisify(execFile);
const isGenerator = (args) => args?.[0] === "--experimental-sea-config";
childProcess.execFile = Object.assign((...all) => execFile(...all), {
  [promisify.custom]: (file, args, ...rest) =>
    execute(file, isGenerator(args) ? [...v8Flags, ...args] : args, ...rest),
});

const { default: packageAsSea } = require("@yao-pkg/pkg/lib-es5/sea.js");
packageAsSea(entry, { targets: [target], seaConfig }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
