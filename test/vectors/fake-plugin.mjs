// A fake CNI plugin that records how it was called, in $REC_DIR/calls.jsonl, and answers from $REC_DIR/answers.json
// or, where that has nothing for it, with a result made from its interface and network names.
import { appendFileSync, readFileSync } from "node:fs";

const plugin = process.argv[2];
const stdin = readFileSync(0, "utf8");
const env = Object.fromEntries(
  Object.entries(process.env).filter(([key]) => key.startsWith("CNI_") && key !== "CNI_PATH"),
);
const { CNI_COMMAND: verb, CNI_IFNAME: ifname = "", CNI_NETNS: sandbox = "" } = env;
appendFileSync(`${process.env.REC_DIR}/calls.jsonl`, `${JSON.stringify({ plugin, env, stdin })}\n`);

const conf = stdin.trim() === "" ? {} : JSON.parse(stdin);
const answers = JSON.parse(readFileSync(`${process.env.REC_DIR}/answers.json`, "utf8"));
const answer = answers.find(
  (one) =>
    (one.plugin ?? plugin) === plugin && (one.command ?? verb) === verb && (one.ifname ?? ifname) === ifname,
);
if (answer?.error) {
  console.log(JSON.stringify(answer.error));
  process.exit(answer.exit ?? 1);
}
if (verb === "ADD") console.log(JSON.stringify(result()));

function result() {
  if (answer?.result) return { ...answer.result, cniVersion: conf.cniVersion ?? "0.3.1" };
  if (conf.prevResult) return conf.prevResult;
  const cniVersion = conf.cniVersion ?? "0.2.0";
  const number =
    ([...(ifname + (conf.name ?? ""))].reduce((sum, char) => sum + char.charCodeAt(0), 0) % 200) + 10;
  const address = `10.1.${number}.2/24`;
  const gateway = `10.1.${number}.1`;
  if (["", "0.1.0", "0.2.0"].includes(cniVersion)) {
    return { cniVersion: cniVersion || "0.2.0", ip4: { ip: address, gateway }, dns: {} };
  }
  const ip = { address, gateway, interface: 0 };
  if (cniVersion.startsWith("0.")) ip.version = "4";
  const mac = `02:00:00:00:00:${number.toString(16).padStart(2, "0")}`;
  return { cniVersion, interfaces: [{ name: ifname, mac, sandbox }], ips: [ip], dns: {} };
}
