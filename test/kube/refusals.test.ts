// What is wrong with a pod's networks, or with the way to the API server: a CNI error that says what to mend, an event on
// the pod where there is one, nothing attached, nothing left.
import * as fs from "node:fs";
import type { RequestListener } from "node:http";
import { createServer } from "node:https";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ApiServer } from "../support/apiserver.ts";
import type { Conf } from "../support/lab.ts";
import { type Sandbox, Site } from "../support/site.ts";
import { until } from "../support/until.ts";

const OK = { exitCode: 0, stdout: "", stderr: "" };

let api: ApiServer;
let site: Site;
beforeAll(async () => {
  api = await ApiServer.start();
  await api.takeAnyConfig();
});
afterAll(() => api?.stop());
beforeEach(async () => {
  site = await Site.open(api);
});
afterEach(() => site.close());

/** ADD has to be refused before anything is attached, and DEL to succeed; what the error said. */
async function refuse(pod: Sandbox, conf: Conf = site.conf()): Promise<{ code: number; msg: string }> {
  const { exitCode, answer, stderr } = await site.run("ADD", pod, conf);
  expect([exitCode, stderr]).toEqual([1, ""]);
  expect(site.lab.reserved()).toEqual([]);
  expect(await site.lab.interfaces(pod.container)).toEqual([]);
  expect(await site.run("DEL", pod, conf)).toMatchObject(OK);
  expect(await site.lab.leftovers()).toEqual([]);
  return { code: answer.code ?? 0, msg: answer.msg ?? "" };
}

/** The same, where the pod's user has to be told too. */
async function refuseAndTell(
  pod: Sandbox,
  reason = "FailedToAttachNetworks",
): Promise<{ code: number; msg: string }> {
  const refused = await refuse(pod);
  const events = await site.events(pod);
  expect(events).toHaveLength(1);
  expect(events[0]).toMatch(new RegExp(`^Warning ${reason} `));
  // The message without "ADD pod ...: ", as far as an event's may be long.
  const told = (events[0] ?? "").slice(`Warning ${reason} `.length, 500);
  expect(refused.msg).toContain(told);
  return refused;
}

describe("a NetworkAttachmentDefinition", () => {
  it("that does not exist", async () => {
    const { code, msg } = await refuseAndTell(await site.pod("absent"), "NoNetworkFound");
    expect(code).toBe(7);
    expect(msg).toContain(`${site.namespace}/absent`);
  });

  it.each([
    ["with broken JSON", '{"type": "bridge"', 6, /JSON|ends/],
    ["without type", '{"cniVersion": "1.0.0", "name": "n"}', 7, /type/],
    [
      "with a type that is a path",
      '{"cniVersion": "1.0.0", "type": "../../bin/sh"}',
      7,
      /\.\.\/\.\.\/bin\/sh/,
    ],
    [
      "with a type that is no plugin here",
      '{"cniVersion": "1.0.0", "type": "absent"}',
      7,
      /no plugin "absent"/,
    ],
    ["with a name that is a path", '{"cniVersion": "1.0.0", "name": "../x", "type": "bridge"}', 7, /name/],
    ["that is no object", "[]", 7, /object/],
    ["with an empty list of plugins", '{"cniVersion": "1.0.0", "name": "n", "plugins": []}', 7, /plugins/],
  ])("%s", async (_, config, code, says) => {
    await site.nad("bad", config);
    const refused = await refuseAndTell(await site.pod("bad"));
    expect(refused).toEqual({ code, msg: expect.stringMatching(says) });
    expect(refused.msg).toContain(`${site.namespace}/bad`);
  });

  it("of 1 MB reaches its plugin whole", async () => {
    site.lab.fake("fake-large");
    const filler = "x".repeat(1_000_000);
    await site.nad("large", { cniVersion: "1.1.0", type: "fake-large", filler });
    const pod = await site.pod("large");
    expect(await site.run("ADD", pod)).toMatchObject({ exitCode: 0 });
    expect(site.lab.calls("fake-large")[0]?.conf.filler).toBe(filler);
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
  });

  it("without config and without a conf of its name on the node", async () => {
    await site.nad("empty", undefined);
    expect(await refuseAndTell(await site.pod("empty"))).toEqual({
      code: 7,
      msg: expect.stringContaining(site.lab.confDir),
    });
  });
});

describe("an annotation", () => {
  it.each([
    ["with 1,000 networks", Array(1000).fill("a").join(","), /1000 networks; at most 100/],
    ["with a name that is a path", "../../etc/passwd", /passwd/],
    ["with a name that is a path, in JSON", '[{"name":"../../../../pods/x"}]', /name/],
    ["that is not JSON", '[{"name":"a"', /JSON|ends/],
    ["with a bad MAC", '[{"name":"a","mac":"zz"}]', /mac/],
    ["with a bad address", '[{"name":"a","ips":["10.0.0.300"]}]', /10\.0\.0\.300/],
  ])("%s", async (_, networks, says) => {
    await site.nad("a", site.lab.bridge("a", 1));
    const { msg } = await refuseAndTell(await site.pod(networks));
    expect(msg).toMatch(says);
    expect(msg).toContain("k8s.v1.cni.cncf.io/networks");
  });

  it("with one interface name for two networks", async () => {
    await site.nad("a", site.lab.bridge("a", 1));
    await site.nad("b", site.lab.bridge("b", 2));
    expect((await refuseAndTell(await site.pod("a@same,b@same"))).msg).toContain("same");
  });

  it("with more networks than the conf allows", async () => {
    await site.nad("a", site.lab.bridge("a", 1));
    const pod = await site.pod("a,a,a");
    expect((await refuse(pod, site.conf({ maxNetworks: 2 }))).msg).toContain("maxNetworks");
  });
});

it("a network that fails after others were attached is undone with them, and the pod's user is told", async () => {
  site.lab.fake("fake-fails", { ADD: `echo '{"cniVersion":"1.1.0","code":110,"msg":"no lease"}'; exit 1` });
  await site.nad("a", site.lab.bridge("a", 1));
  await site.nad("b", { cniVersion: "1.1.0", type: "fake-fails" });
  const pod = await site.pod("a,b");
  const { answer } = await site.run("ADD", pod);
  expect(answer).toMatchObject({ code: 110, msg: expect.stringContaining("no lease") });
  expect(await site.events(pod)).toEqual([
    expect.stringMatching(/^Warning FailedToAttachNetworks .*no lease/),
  ]);
  expect(site.lab.reserved()).toEqual([]);
  expect(await site.run("DEL", pod)).toMatchObject(OK);
  expect(await site.lab.leftovers()).toEqual([]);
});

describe("a kubeconfig", () => {
  const write = (text: string) => {
    const path = join(site.lab.dir, "bad.kubeconfig");
    fs.writeFileSync(path, text, { mode: 0o600 });
    site.kubeconfig = path;
  };

  it("that is missing", async () => {
    site.kubeconfig = join(site.lab.dir, "absent");
    expect((await refuse(await site.pod())).msg).toContain(site.kubeconfig);
  });

  it("that is empty", async () => {
    write("");
    expect((await refuse(await site.pod())).msg).toMatch(/bad\.kubeconfig.*empty/);
  });

  it("with a token that is no good", async () => {
    site.kubeconfig = api.kubeconfig("plexus", { url: site.url, token: "a.b.c" });
    expect((await refuse(await site.pod())).msg).toMatch(/401/);
  });

  it("of somebody without the rights", async () => {
    site.kubeconfig = api.kubeconfig({ name: "nobody" }, { url: site.url });
    const { code, msg } = await refuse(await site.pod());
    expect(code).toBe(7);
    expect(msg).toMatch(/403.*(rbac|RBAC)/);
  });

  it("of another cluster", async () => {
    const other = await ApiServer.start();
    try {
      const text = fs.readFileSync(other.kubeconfig("plexus"), "utf8");
      write(text.replace(/server: .*/, `server: ${site.url}`));
    } finally {
      await other.stop();
    }
    expect((await refuse(await site.pod())).msg).toMatch(/certificate/);
  });
});

describe("an API server", () => {
  /** Puts a server on the node's way to the real one, with a certificate of the cluster's, for one test. */
  async function fakeServer(listener: RequestListener, test: () => Promise<void>): Promise<void> {
    const { cert, key } = api.authority.issue({ name: "fake", server: [`IP:${new URL(site.url).hostname}`] });
    const server = createServer({ cert: fs.readFileSync(cert), key: fs.readFileSync(key) }, listener);
    await new Promise<void>((resolve) => server.listen(0, "0.0.0.0", resolve));
    try {
      const { port } = server.address() as { port: number };
      const url = new URL(site.url);
      url.port = `${port}`;
      site.kubeconfig = api.kubeconfig("plexus", { url: url.origin });
      await test();
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  it("that answers HTML", () =>
    fakeServer(
      (_, response) => response.setHeader("Content-Type", "text/html").end("<html>Welcome</html>"),
      async () => {
        const { code, msg } = await refuse(await site.pod());
        expect([code, msg]).toEqual([6, expect.stringContaining("HTML")]);
      },
    ));

  it("that answers half a pod", () =>
    fakeServer(
      (_, response) => response.setHeader("Content-Type", "application/json").end('{"kind":"Pod","metada'),
      async () => expect((await refuse(await site.pod())).code).toBe(6),
    ));

  it("that is down for a moment is waited for", async () => {
    const pod = await site.pod();
    await api.down();
    const added = site.run("ADD", pod);
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await api.up();
    expect(await added).toMatchObject({ exitCode: 0 });
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
  });

  it("that takes connections and answers nothing fails the ADD in the end, with code 11", async () => {
    const pod = await site.pod();
    api.pause();
    try {
      const { code, msg } = await refuse(pod);
      expect([code, msg]).toEqual([11, expect.stringMatching(/no answer/)]);
    } finally {
      api.resume();
    }
  });

  it("that goes away while the networks are attached: ADD fails, and nothing stays attached", async () => {
    const begun = join(site.lab.dir, "begun");
    site.lab.fake("fake-slow", {
      ADD: `touch ${begun}; while [ ! -e $dir/go ]; do sleep 0.05; done; echo '{"cniVersion":"1.1.0"}'`,
    });
    await site.nad("a", { cniVersion: "1.1.0", type: "fake-slow" });
    const pod = await site.pod("a");
    const adding = site.run("ADD", pod);
    await until("the network is at work", () => fs.existsSync(begun));
    await api.down();
    try {
      fs.writeFileSync(join(site.lab.dir, "go"), "");
      expect((await adding).answer.code).toBe(11);
      expect(site.lab.reserved()).toEqual([]);
    } finally {
      await api.up();
    }
    expect(await site.run("DEL", pod)).toMatchObject(OK);
    expect(await site.lab.leftovers()).toEqual([]);
  });
});
