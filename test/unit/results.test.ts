import { describe, expect, test } from "vitest";
import { operations } from "../../packages/core/documents.ts";
import type { Delegate } from "../../packages/core/index.ts";
import { faultOf, loadCore } from "../support/core.ts";

const core = loadCore();
const convert = (result: unknown, cniVersion: string) => {
  const text = typeof result === "string" ? result : JSON.stringify(result);
  return JSON.parse(core.convert({ result: text, cniVersion })) as unknown;
};

const current = {
  cniVersion: "1.1.0",
  interfaces: [
    { name: "veth0", mac: "02:00:00:00:00:09" },
    { name: "eth0", mac: "02:00:00:00:00:01", mtu: 1400, sandbox: "/n" },
  ],
  ips: [
    { interface: 1, address: "10.0.0.2/24", gateway: "10.0.0.1" },
    { interface: 1, address: "fd00::2/64" },
    { interface: 1, address: "10.0.0.3/24" },
  ],
  routes: [
    { dst: "0.0.0.0/0", gw: "10.0.0.1", mtu: 1300 },
    { dst: "fd01::/64", gw: "fd00::1" },
  ],
  dns: { nameservers: ["10.0.0.53"] },
};

describe("convert", () => {
  test("a version that is empty is 0.1.0, and the result says so", () => {
    expect(convert(current, "")).toMatchObject({ cniVersion: "0.1.0", ip4: { ip: "10.0.0.2/24" } });
  });

  test("1.1.0 to 1.0.0 and back keeps all that an interface has, as libcni does", () => {
    const interfaces = [
      {
        name: "eth0",
        mac: "02:00:00:00:00:01",
        mtu: 1400,
        sandbox: "/n",
        socketPath: "/s",
        pciID: "0000:01:00.1",
      },
    ];
    const result = { cniVersion: "1.1.0", interfaces, dns: {} };
    const older = convert(result, "1.0.0");
    expect(older).toEqual({ ...result, cniVersion: "1.0.0" });
    expect(convert(older, "1.1.0")).toEqual(result);
    const { name, mac, sandbox } = interfaces[0] ?? {};
    expect(convert(result, "0.4.0")).toMatchObject({ interfaces: [{ name, mac, sandbox }] });
    expect(JSON.stringify(convert(result, "0.4.0"))).not.toMatch(/mtu|socketPath|pciID/);
  });

  test("takes an IP whose interface is no index of the result's interfaces, as libcni does", () => {
    for (const index of [0, 7, -1]) {
      const result = { cniVersion: "1.0.0", ips: [{ address: "10.0.0.1/24", interface: index }] };
      expect(convert(result, "0.4.0")).toMatchObject({
        ips: [{ version: "4", address: "10.0.0.1/24", interface: index }],
      });
    }
  });

  test("judges an IPv4 address that is mapped into IPv6 as one of IPv4, as Go does", () => {
    const result = { cniVersion: "1.0.0", ips: [{ address: "::ffff:10.0.0.1/120" }, { address: "::1/128" }] };
    expect(convert(result, "0.4.0")).toMatchObject({ ips: [{ version: "4" }, { version: "6" }] });
  });

  test("keeps the spelling of addresses, and unknown members where the form does not change", () => {
    const routes = [{ dst: "10.1.0.0/16", vendor: 1 }];
    const dns = { vendor: [2] };
    const ips = [{ address: "::ffff:10.0.0.1/120", interface: 0, vendor: 3 }];
    const interfaces = [{ name: "eth0", vendor: 4 }];
    const result = { cniVersion: "1.1.0", interfaces, ips, routes, dns };
    expect(convert(result, "1.0.0")).toEqual({ ...result, cniVersion: "1.0.0" });
    const older = {
      interfaces: [{ name: "eth0" }],
      ips: [{ version: "4", address: "::ffff:10.0.0.1/120", interface: 0 }],
      routes,
      dns,
    };
    for (const cniVersion of ["0.3.0", "0.4.0"])
      expect(convert(result, cniVersion)).toEqual({ ...older, cniVersion });
    const vendor = { ...older, cniVersion: "0.4.0", ips: [{ ...older.ips[0], vendor: 3 }] };
    expect(convert(vendor, "0.3.1")).toEqual({ ...vendor, cniVersion: "0.3.1" });
  });

  test("to 0.3.0, 0.3.1 and 0.4.0 each address gets its family", () => {
    for (const version of ["0.3.0", "0.3.1", "0.4.0"]) {
      expect(convert(current, version)).toMatchObject({
        cniVersion: version,
        ips: [
          { version: "4", interface: 1, address: "10.0.0.2/24", gateway: "10.0.0.1" },
          { version: "6", interface: 1, address: "fd00::2/64" },
          { version: "4", interface: 1, address: "10.0.0.3/24" },
        ],
      });
    }
  });

  test("to 0.2.0 and 0.1.0 the first address of each family stays, with that family's routes", () => {
    for (const version of ["0.2.0", "0.1.0"]) {
      expect(convert(current, version)).toEqual({
        cniVersion: version,
        ip4: { ip: "10.0.0.2/24", gateway: "10.0.0.1", routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }] },
        ip6: { ip: "fd00::2/64", routes: [{ dst: "fd01::/64", gw: "fd00::1" }] },
        dns: { nameservers: ["10.0.0.53"] },
      });
    }
  });

  test("0.2.0 to every later version keeps addresses, routes and DNS", () => {
    const old = convert(current, "0.2.0");
    const routes = [
      { dst: "0.0.0.0/0", gw: "10.0.0.1" },
      { dst: "fd01::/64", gw: "fd00::1" },
    ];
    expect(convert(old, "1.1.0")).toEqual({
      cniVersion: "1.1.0",
      ips: [{ address: "10.0.0.2/24", gateway: "10.0.0.1" }, { address: "fd00::2/64" }],
      routes,
      dns: current.dns,
    });
    expect(convert(old, "0.4.0")).toMatchObject({ ips: [{ version: "4" }, { version: "6" }], routes });
  });

  test("to its own version is the identity on bytes", () => {
    const text = '{ "cniVersion":"1.0.0","vendor":1.0, "ips":[ ] }';
    expect(core.convert({ result: text, cniVersion: "1.0.0" })).toBe(text);
  });

  test.each([
    ["no address, for 0.2.0", { cniVersion: "1.0.0", ips: [] }, "0.2.0", 1, "has no IP address"],
    ["an unknown target", current, "3.0.0", 1, '"3.0.0" is not supported'],
    ["an unknown version of its own", { cniVersion: "3.0.0" }, "1.0.0", 1, "is not supported"],
    [
      "an address without prefix",
      { cniVersion: "1.0.0", ips: [{ address: "10.0.0.1" }] },
      "1.1.0",
      6,
      "with its prefix length",
    ],
    [
      "an interface of an IP that is not an integer",
      { cniVersion: "1.0.0", ips: [{ address: "10.0.0.1/24", interface: "0" }] },
      "1.1.0",
      6,
      "`interface` must be an integer",
    ],
    [
      "leading zeros in its version",
      { cniVersion: "001.000.000" },
      "1.0.0",
      1,
      '"001.000.000" is not supported',
    ],
    ["a route to nowhere", { cniVersion: "1.0.0", routes: [{}] }, "1.1.0", 6, "each of `routes` needs `dst`"],
  ])("a result with %s is refused", (_, result, version, code, message) => {
    const fault = faultOf(() => convert(result, version));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });
});

describe("outcome", () => {
  const outcome = (more: object) =>
    core.outcome({
      plugin: "p",
      cniVersion: "1.0.0",
      exitCode: 0,
      stdout: "",
      stderr: "",
      expectsResult: true,
      ...more,
    });

  test("a result is the plugin's own bytes, with the conf's version if it printed none", () => {
    expect(outcome({ stdout: ' {"cniVersion":"0.4.0", "x":1.0}\n' })).toBe('{"cniVersion":"0.4.0", "x":1.0}');
    expect(outcome({ stdout: '{"ips":[]}' })).toBe('{"ips":[],"cniVersion":"1.0.0"}');
    expect(outcome({ stdout: "{}", cniVersion: "" })).toBe('{"cniVersion":"0.1.0"}');
  });

  test.each([-1, 256, 1.5, 1e20, "0", [0]])(
    "an exit code of %j is no success, and no plugin's error",
    (exitCode) => {
      const stdout = '{"cniVersion":"1.0.0","code":7,"msg":"m"}';
      for (const expectsResult of [true, false]) {
        const fault = faultOf(() => outcome({ exitCode, stdout, stderr: "killed", expectsResult }));
        expect(fault.code).toBe(999);
        expect(fault.message).toContain('plugin "p" has no exit code from 0 to 255');
        expect(fault.message).toContain('on stderr: "killed"');
      }
    },
  );

  test("nothing is expected of other verbs", () => {
    expect(outcome({ expectsResult: false, stdout: "whatever" })).toBeUndefined();
  });

  test("a plugin's error keeps its code, and its details join the message", () => {
    const fault = faultOf(() =>
      outcome({ exitCode: 1, stdout: '{"code":110,"msg":"busy","details":"try later"}' }),
    );
    expect(fault).toMatchObject({ code: 110, message: "busy; try later" });
    const bare = faultOf(() => outcome({ exitCode: 1, stdout: '{"code":7,"msg":"","details":"d"}' }));
    expect(bare).toMatchObject({ code: 7, message: "d" });
  });

  test("a conf's version that there is not is refused, whatever the plugin has printed", () => {
    for (const more of [{ stdout: "{}" }, { expectsResult: false }, { exitCode: 1 }]) {
      const fault = faultOf(() => outcome({ cniVersion: "9.9.9", ...more }));
      expect(fault).toMatchObject({ code: 1, place: { path: "/cniVersion" } });
    }
  });

  const of = (members: object, version = "1.1.0") => JSON.stringify({ cniVersion: version, ...members });
  const wrong: [string, string][] = [
    ["`cniVersion` must be a string", '{"cniVersion":1}'],
    ["`domain` must be a string", of({ dns: { domain: 1 } })],
    ...["nameservers", "search", "options"].flatMap((list): [string, string][] => [
      [`\`${list}\` must be a list of strings`, of({ dns: { [list]: "x" } })],
      [`\`${list}\` must be a list of strings`, of({ dns: { [list]: [1] } }, "0.2.0")],
    ]),
    ...["name", "mac", "sandbox", "socketPath", "pciID"].map((text): [string, string] => [
      `\`${text}\` must be a string`,
      of({ interfaces: [{ [text]: 1 }] }),
    ]),
    ["`mtu` must be an integer", of({ interfaces: [{ mtu: "x" }] })],
    ["`mtu` must be an integer", of({ interfaces: [{ mtu: 1.5 }] }, "1.0.0")],
    ["`interface` must be an integer", of({ ips: [{ address: "10.0.0.2/24", interface: "0" }] })],
    ["`gateway` must be a string", of({ ips: [{ address: "10.0.0.2/24", gateway: 1 }] })],
    ["a gateway must be an IP address", of({ ips: [{ address: "10.0.0.2/24", gateway: "zz" }] })],
    ["a gateway must be an IP address", of({ ip4: { ip: "10.0.0.2/24", gateway: "zz" } }, "0.2.0")],
    ["a gateway must be an IP address", of({ routes: [{ dst: "0.0.0.0/0", gw: "x" }] })],
    [
      "a gateway must be an IP address",
      of({ ip4: { ip: "10.0.0.2/24", routes: [{ dst: "0.0.0.0/0", gw: "x" }] } }, "0.1.0"),
    ],
    ...["mtu", "advmss", "priority", "table", "scope"].map((number): [string, string] => [
      `\`${number}\` must be an integer`,
      of({ routes: [{ dst: "0.0.0.0/0", [number]: "y" }] }),
    ]),
    ["`name` must be a string", '{"interfaces":[{"name":1}]}'],
  ];

  test.each(wrong)("what libcni does not decode is not a result: %s: %s", (message, stdout) => {
    const fault = faultOf(() => outcome({ stdout }));
    expect(fault.code).toBe(6);
    expect(fault.message).toContain(message);
  });

  test("what libcni decodes is one: null, empty gateways, any index, unknown members", () => {
    for (const members of [
      {
        interfaces: [{ name: "a/b\u0000", mac: "zz", mtu: null, vendor: [] }],
        dns: { nameservers: null, x: 1 },
      },
      {
        ips: [{ address: "10.0.0.2/24", gateway: "", interface: 7 }],
        routes: [{ dst: "::/0", gw: null, x: {} }],
      },
    ]) {
      for (const stdout of [of(members), of(members, "0.4.0")]) expect(outcome({ stdout })).toBe(stdout);
    }
    const old = of({ interfaces: [{ name: "x", mtu: "1500", pciID: 1, socketPath: 1 }] }, "0.4.0");
    expect(outcome({ stdout: old })).toBe(old);
  });

  test.each([
    [
      "nothing",
      { stdout: " \n", stderr: "warning" },
      6,
      `plugin "p" printed no result; on stderr: "warning"; see that plugin's own log, and that it is a CNI plugin`,
    ],
    ["garbage", { stdout: "panic: x" }, 6, 'the result of plugin "p" is not valid JSON'],
    ["a list", { stdout: "[]" }, 6, "must be a JSON object"],
    ["a version of one digit", { stdout: '{"cniVersion":5}' }, 6, "`cniVersion` must be a string"],
    ["a result of an unknown version", { stdout: '{"cniVersion":"8.0.0"}' }, 1, '"8.0.0" is not supported'],
    [
      "garbage on failure",
      { exitCode: 2, stdout: "oops", stderr: "core dumped" },
      999,
      `plugin "p": it exited with 2 and no CNI error; it printed "oops"; on stderr: "core dumped"; see that plugin's own log, and that it is a CNI plugin`,
    ],
    ["an error without a code", { exitCode: 1, stdout: '{"msg":"x"}' }, 999, "and no CNI error"],
    [
      "an error without a word",
      { exitCode: 1, stdout: '{"code":7,"msg":""}', stderr: "why" },
      7,
      `plugin "p" gave no reason; on stderr: "why"; see that plugin's own log, and that it is a CNI plugin`,
    ],
    ["an error with code 0", { exitCode: 1, stdout: '{"code":0,"msg":"x"}' }, 999, "x"],
  ])("a plugin that prints %s is an error", (_, given, code, message) => {
    const fault = faultOf(() => outcome(given));
    expect(fault.code).toBe(code);
    expect(fault.message).toContain(message);
  });
});

describe("status", () => {
  const delegate = (name: string, more: object = {}): Delegate => ({
    name,
    network: name.replace("/", "-"),
    ifname: "eth0",
    default: false,
    cniVersion: "1.0.0",
    verbs: ["CHECK"],
    plugins: ["x"],
    conf: "{}",
    args: [],
    runtimeIfname: "eth0",
    cacheFile: `${name.replace("/", "-")}-c1-eth0`,
    ...more,
  });
  const status = (...attachments: { delegate: Delegate; result: string; deviceInfo?: string }[]) => {
    const { answer, networkStatus, routes } = operations.status.output.parse(core.status({ attachments }));
    return { answer, routes, entries: JSON.parse(networkStatus) as unknown[] };
  };

  test("the default network's result is the answer, byte for byte, wherever it stands", () => {
    const first = { delegate: delegate("a"), result: '{"cniVersion":"1.0.0"}' };
    const second = { delegate: delegate("b", { default: true }), result: '{ "cniVersion":"0.4.0" }' };
    expect(status(first, second).answer).toBe('{ "cniVersion":"0.4.0" }');
    expect(status(first).answer).toBe('{"cniVersion":"1.0.0"}');
    expect(status().answer).toBeUndefined();
  });

  test("a result with one interface is one entry, with all its addresses, gateways, DNS and device", () => {
    const result = JSON.stringify({
      ...current,
      interfaces: [current.interfaces[1]],
      ips: [{ address: "10.0.0.2/24" }, { address: "fd00::2/64", interface: 0 }],
    });
    const deviceInfo = '{"type":"pci","version":"1.1.0","pci":{"pci-address":"0000:01:00.1"}}';
    expect(status({ delegate: delegate("ns/a", { default: true }), result, deviceInfo }).entries).toEqual([
      {
        name: "ns/a",
        interface: "eth0",
        ips: ["10.0.0.2", "fd00::2"],
        mac: "02:00:00:00:00:01",
        mtu: 1400,
        default: true,
        dns: current.dns,
        "device-info": JSON.parse(deviceInfo),
        gateway: ["10.0.0.1"],
      },
    ]);
  });

  test("of several interfaces each one in the container is an entry; the one with the gateway is the default", () => {
    const result = JSON.stringify({
      cniVersion: "1.1.0",
      interfaces: [{ name: "host" }, { name: "x0", sandbox: "/n" }, { name: "x1", sandbox: "/n" }],
      ips: [
        { address: "10.0.0.2/24", interface: 1 },
        { address: "10.0.0.3/24", interface: 2, gateway: "10.0.0.1" },
        { address: "10.0.0.4/24" },
        { address: "10.0.0.5/24", interface: 0 },
      ],
    });
    expect(status({ delegate: delegate("a", { default: true }), result }).entries).toEqual([
      { name: "a", interface: "x0", ips: ["10.0.0.2"], dns: {} },
      { name: "a", interface: "x1", ips: ["10.0.0.3", "10.0.0.4"], default: true, dns: {} },
    ]);
  });

  test("what network-status types is of its type there: an MTU before 1.0.0 is anything, a gateway may be empty", () => {
    const result = JSON.stringify({
      cniVersion: "0.4.0",
      interfaces: [{ name: "x0", sandbox: "/n", mtu: "x" }],
      ips: [{ version: "4", address: "10.0.0.2/24", interface: 7 }],
      routes: [{ dst: "0.0.0.0/0", gw: "" }],
    });
    expect(status({ delegate: delegate("a"), result }).entries).toEqual([
      { name: "a", interface: "x0", ips: ["10.0.0.2"], dns: {} },
    ]);
  });

  test("results of every version are understood; one without interfaces has no entry", () => {
    const results = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"].map((version) =>
      JSON.stringify(
        convert(
          { ...current, interfaces: [current.interfaces[1]], ips: [{ address: "10.0.0.2/24" }] },
          version,
        ),
      ),
    );
    const { entries } = status(...results.map((result) => ({ delegate: delegate("a"), result })));
    expect(entries).toHaveLength(4);
    for (const entry of entries) expect(entry).toMatchObject({ interface: "eth0", ips: ["10.0.0.2"] });
    expect(
      status({ delegate: delegate("a"), result: '{"cniVersion":"0.2.0","ip4":{"ip":"10.0.0.2/24"}}' })
        .entries,
    ).toEqual([]);
  });

  test("says for each interface which default routes go and which gateways come", () => {
    const made = { cniVersion: "1.0.0", interfaces: [{ name: "eth0", sandbox: "/n" }] };
    const result = JSON.stringify(made);
    const withRoutes = (routes: object[]) => JSON.stringify({ ...made, routes });
    const asked = delegate("b", {
      ifname: "net1",
      gateways: ["10.0.0.1"],
      dropDefaultRoute: { v4: false, v6: true },
    });
    const other = delegate("a", { dropDefaultRoute: { v4: true, v6: true } });
    expect(status({ delegate: other, result }, { delegate: asked, result }).routes).toEqual([
      { attachment: 0, ifname: "eth0", dropV4: true, dropV6: true, gateways: [], result: withRoutes([]) },
      {
        attachment: 1,
        ifname: "net1",
        dropV4: true,
        dropV6: true,
        gateways: ["10.0.0.1"],
        result: withRoutes([{ dst: "0.0.0.0/0", gw: "10.0.0.1" }]),
      },
    ]);
    // A plugin that made nothing has no routes to change.
    expect(status({ delegate: other, result: '{"cniVersion":"1.0.0"}' }).routes).toEqual([]);
  });

  const spellings: [string, 4 | 6 | undefined][] = [
    ["0.0.0.0/0", 4],
    ["10.0.0.0/0", 4],
    ["::ffff:10.0.0.0/0", 4],
    ["::/0", 6],
    ["fe80::/0", 6],
    ["0.0.0.0/1", undefined],
    ["10.0.0.0/8", undefined],
    ["::/1", undefined],
  ];
  test.each(spellings)(
    "a route to %s is a default route of IPv%s, as its prefix has no bits",
    (dst, family) => {
      const made = { cniVersion: "1.0.0", interfaces: [{ name: "eth0", sandbox: "/n" }] };
      const result = JSON.stringify({ ...made, routes: [{ dst, gw: "10.0.0.1" }] });
      const [entry] = status({ delegate: delegate("a"), result }).entries as { gateway?: string[] }[];
      expect(entry?.gateway).toEqual(family ? ["10.0.0.1"] : undefined);
      for (const asked of [4, 6] as const) {
        const dropDefaultRoute = { v4: asked === 4, v6: asked === 6 };
        const { routes } = status({ delegate: delegate("a", { dropDefaultRoute }), result });
        const left = (JSON.parse(routes[0]?.result ?? "") as { routes: unknown[] }).routes;
        expect(left).toHaveLength(family === asked ? 0 : 1);
      }
    },
  );

  test("a gateway that is mapped into IPv6 is one of IPv4, and written as one", () => {
    const made = { cniVersion: "1.0.0", interfaces: [{ name: "eth0", sandbox: "/n" }] };
    const asked = delegate("a", { gateways: ["::ffff:10.0.0.1"] });
    expect(status({ delegate: asked, result: JSON.stringify(made) }).routes).toMatchObject([
      {
        dropV4: true,
        dropV6: false,
        gateways: ["10.0.0.1"],
        result: JSON.stringify({ ...made, routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }] }),
      },
    ]);
  });

  describe("the result after a change of default routes", () => {
    const changed = (result: object, more: object) => {
      const { routes } = status({ delegate: delegate("a", more), result: JSON.stringify(result) });
      return JSON.parse(routes[0]?.result ?? "") as unknown;
    };
    const interfaces = [{ name: "eth0", sandbox: "/n" }];

    test("has no default routes of the named families, and those that were asked for", () => {
      const result = {
        cniVersion: "1.0.0",
        interfaces,
        routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }, { dst: "::/0" }, { dst: "10.1.0.0/16" }],
      };
      expect(changed(result, { gateways: ["10.9.0.1"] })).toEqual({
        ...result,
        routes: [{ dst: "::/0" }, { dst: "10.1.0.0/16" }, { dst: "0.0.0.0/0", gw: "10.9.0.1" }],
      });
    });

    test("has them where 0.2.0 keeps its routes", () => {
      const result = {
        cniVersion: "0.2.0",
        ip4: { ip: "10.0.0.2/24", routes: [{ dst: "0.0.0.0/0" }] },
        ip6: { ip: "fd00::2/64" },
      };
      expect(
        changed(result, { gateways: ["fd00::1"], dropDefaultRoute: { v4: true, v6: true } }),
      ).toMatchObject({
        ip4: { routes: [] },
        ip6: { routes: [{ dst: "::/0", gw: "fd00::1" }] },
      });
    });

    test("is the one that answer and network-status are made of", () => {
      const result = { cniVersion: "1.0.0", interfaces, routes: [{ dst: "0.0.0.0/0", gw: "10.0.0.1" }] };
      const asked = delegate("a", { default: true, gateways: ["10.9.0.1"] });
      const { answer, entries, routes } = status({ delegate: asked, result: JSON.stringify(result) });
      expect(answer).toBe(routes[0]?.result);
      expect(entries).toMatchObject([{ gateway: ["10.9.0.1"] }]);
    });

    test("a gateway that is not an IP address is refused", () => {
      const result = JSON.stringify({ cniVersion: "1.0.0", interfaces });
      const fault = faultOf(() =>
        status({ delegate: delegate("a", { gateways: ["10.9.0.1; sh"] }), result }),
      );
      expect([fault.code, fault.message]).toEqual([
        7,
        'the delegate: `gateways` must hold IP addresses, not "10.9.0.1; sh"',
      ]);
    });
  });
});
