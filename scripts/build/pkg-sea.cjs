// Runs pkg on one target. In simple SEA mode pkg's command line does not hand `seaConfig` on, so its own function is
// called.
const { readFileSync } = require("node:fs");
const { default: packageAsSea } = require("@yao-pkg/pkg/lib-es5/sea.js");

/** What Node looks for in its own executable, to know whether a program is in there. */
const FUSE = "NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2:1";

const { entry, nodePath, target, seaConfig } = JSON.parse(process.argv[2]);
packageAsSea(entry, { targets: [target], nodePath, seaConfig })
  .then(() => {
    // pkg succeeds too where it could not put the program in.
    if (!readFileSync(target.output).includes(FUSE))
      throw new Error(`${target.output} is Node without a program`);
  })
  .catch((error) => {
    console.error(error);
    process.exitCode = 1;
  });
