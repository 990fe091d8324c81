// Runs pkg on one target. In simple SEA mode pkg's command line does not hand `seaConfig` on, so its own function is
// called.
const { default: packageAsSea } = require("@yao-pkg/pkg/lib-es5/sea.js");

const { entry, target, seaConfig } = JSON.parse(process.argv[2]);
packageAsSea(entry, { targets: [target], seaConfig }).catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
