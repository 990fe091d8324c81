// A resident process that a shim has started follows the cluster, as a daemon does, if its rights allow it.
import * as fs from "node:fs";
import type { KubernetesObject, V1ClusterRole } from "@kubernetes/client-node";
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { ApiServer } from "../support/apiserver.ts";
import { type Sandbox, Site } from "../support/site.ts";
import { until } from "../support/until.ts";

const RBAC = fs.readFileSync(new URL("../../deploy/thin/rbac.yaml", import.meta.url), "utf8");
const ROLE = parseAllDocuments(RBAC)
  .map((document) => document.toJS() as V1ClusterRole)
  .find(({ kind }) => kind === "ClusterRole");

let api: ApiServer;
let site: Site;
let before: number;
beforeAll(async () => {
  api = await ApiServer.start();
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
  await site.lab.resideOnDemand();
  await site.nad("a", site.lab.bridge("a", 1));
  before = api.requests().length;
});
afterEach(() => site.close());

const asked = (verb: string, resource: string) =>
  api
    .requests()
    .slice(before)
    .filter((request) => request.verb === verb && request.uri.includes(`/${resource}`));

/** Changes what Plexus may do with pods and NetworkAttachmentDefinitions. */
async function allow(verbs: string[]): Promise<void> {
  const rules = ROLE?.rules?.map((rule) => (rule.verbs.includes("watch") ? { ...rule, verbs } : rule));
  await api.admin.replace({ ...ROLE, rules } as KubernetesObject);
  const listed = verbs.includes("list");
  await until("the server knows the role", async () => (await api.mayWithPods("list")) === listed);
}

async function add(pod: Sandbox): Promise<void> {
  const added = await site.run("ADD", pod);
  expect(added, added.stdout + added.stderr).toMatchObject({ exitCode: 0, stderr: "" });
}

it("it asks for the first pod and its networks, and knows the next ones beforehand", async () => {
  await add(await site.pod("a"));
  await until(
    "it has listed both",
    () => asked("list", "pods").length > 0 && asked("list", "network-att").length > 0,
  );
  expect(asked("list", "pods")[0]?.uri).toContain("spec.nodeName%3Dnode");
  const gets = () => [asked("get", "pods").length, asked("get", "network-att").length];
  const known = await until("the watch tells it of a pod before the runtime does", async () => {
    const next = await site.pod("a");
    await new Promise((resolve) => setTimeout(resolve, 1000)); // which a slow machine's watch needs longer for
    const before = gets();
    await add(next);
    return `${gets()}` === `${before}` && next;
  });
  expect(await site.status(known)).toMatchObject([{ name: "podnet" }, { name: `${site.namespace}/a` }]);
});

it("without the right to list, it is refused once, and asks for each", async () => {
  await allow(["get"]);
  // Whichever it asks for first: when that is refused, it does not ask for the other.
  const lists = () => [...asked("list", "pods"), ...asked("list", "network-att")];
  try {
    await until("it was refused", async () => {
      await add(await site.pod("a"));
      return lists().some(({ status }) => status === 403);
    });
    const refused = lists().length;
    for (let pod = 0; pod < 3; pod++) await add(await site.pod("a"));
    expect(asked("get", "pods").length).toBeGreaterThanOrEqual(3);
    expect(lists()).toHaveLength(refused);
  } finally {
    await allow(["get", "list", "watch"]);
  }
});
