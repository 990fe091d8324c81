// Documents that make an operation create one small object after the other: many members of a list, many parts of a text.

/** Values in all documents of one call: docs/core.md. */
export const MOST_VALUES = 250_000;
export const PARTS = [",", "a,", ";", "a=b;", "a@b,", "/", "\\n", "{", '\\"', "a ", "1.", ":"];
export const MEMBERS = [
  '"{"',
  '"a"',
  "1",
  "{}",
  "[]",
  '{"text":"{"}',
  '{"text":"{}"}',
  '{"text":"a","kind":"annotation"}',
  '{"type":"a"}',
  '{"name":"a"}',
  '{"Bytes":"e30="}',
  '["a","b"]',
];
const RUNTIME = '{"containerId":"c","netns":"/n","ifname":"eth0","args":""}';
const DELEGATE = '{"plugins":["x"],"conf":"{}","args":[]}';

/** An operation, its document around `$`, and the module that alone has it. */
export type Around = [operation: string, around: string, module?: "lint.wasm"];

/** An operation's document around a text, `$`. */
export const texts: Around[] = [
  ["netconf", '{"name":"n","clusterNetwork":"x","globalNamespaces":"$"}'],
  ["netconf", '{"name":"n","clusterNetwork":"$"}'],
  [
    "environment",
    '{"CNI_COMMAND":"ADD","CNI_CONTAINERID":"c","CNI_NETNS":"/n","CNI_IFNAME":"e","CNI_PATH":"/p","CNI_ARGS":"$"}',
  ],
  ["describe", '{"conf":"$","source":"s"}'],
  ["selection", '{"annotation":"$","namespace":"default","maxNetworks":10000}'],
  ["plan", `{"runtime":{"containerId":"c","netns":"/n","ifname":"eth0","args":"$"},"networks":[]}`],
  ["outcome", '{"stdout":"$","stderr":"$","exitCode":1}'],
  ["recover", `{"runtime":${RUNTIME},"scratch":"$","caches":["$"]}`],
  ["convert", '{"result":"$","cniVersion":"1.0.0"}'],
  ["lint", '{"documents":[{"text":"$"}]}', "lint.wasm"],
  ["lint", '{"documents":[{"text":"$","kind":"annotation"}]}', "lint.wasm"],
  [
    "lint",
    '{"documents":[{"text":"{\\"type\\":\\"plexus\\",\\"clusterNetwork\\":\\"x\\",\\"globalNamespaces\\":\\"$\\"}"}]}',
    "lint.wasm",
  ],
];

/** An operation's document around the members of a list, `$`. */
export const lists: Around[] = [
  ["netconf", '{"name":"n","clusterNetwork":"x","defaultNetworks":[$]}'],
  ["netconf", '{"name":"n","delegates":[$]}'],
  ["describe", '{"conf":"{}","source":"s","plugins":[$]}'],
  ["plan", `{"runtime":${RUNTIME},"networks":[$]}`],
  ["remember", `{"delegate":${DELEGATE},"result":"{}","runtime":${RUNTIME},"x":[$]}`],
  ["recover", `{"runtime":${RUNTIME},"caches":[$]}`],
  ["status", '{"attachments":[$],"cniVersion":"1.0.0"}'],
  ["causes", '{"conf":"{}","error":"x","interfaces":[$]}', "lint.wasm"],
  ["lint", '{"documents":[$]}', "lint.wasm"],
  ["lint", '{"documents":[],"networks":[$]}', "lint.wasm"],
  ["lint", '{"documents":[],"plugins":[$],"interfaces":[$],"devices":[$],"namespaces":[$]}', "lint.wasm"],
];

/** Puts so many bytes of a part into a document's texts. */
export function withParts(around: string, part: string, bytes: number): string {
  const places = around.split("$").length - 1;
  return around.replaceAll("$", () => part.repeat(bytes / part.length / places));
}

/** Puts so many members into a document's lists. */
export function withMembers(around: string, member: string, count: number): string {
  const places = around.split("$").length - 1;
  const members = Array(Math.floor(count / places))
    .fill(member)
    .join(",");
  return around.replaceAll("$", () => members);
}
