// A soak's samples: as a table, and drawn as an SVG.

/** What was seen after so many calls. Latencies and processor time are of the calls since the last sample. */
export interface Sample {
  calls: number;
  minutes: number;
  /** After some seconds without a call? */
  isAtRest: boolean;
  rssMB: number;
  /** Not of a file, as the program's own text is: what it has made. */
  anonymousMB: number;
  descriptors: number;
  threads: number;
  /** The daemon's, for a call. */
  cpuMs: number;
  addMs?: number | undefined;
  add99Ms?: number | undefined;
  longestMs?: number | undefined;
  delMs?: number | undefined;
  failed: number;
  /** Calls that said that the API server is down, when it was. */
  unready: number;
  /** So far: how often connections were broken, the token renewed, and the API server restarted. */
  broken: number;
  renewed: number;
  restarted: number;
}

/** One line of a plot. */
interface Line {
  name: string;
  colour: string;
  of(sample: Sample): number | undefined;
  /** Of the samples at rest? Else of all others. */
  isAtRest?: boolean;
}

interface Panel {
  title: string;
  lines: Line[];
}

const PANELS: Panel[] = [
  {
    title: "memory of the daemon, MB",
    lines: [
      { name: "resident", colour: "#1f77b4", of: ({ rssMB }) => rssMB },
      { name: "resident, at rest", colour: "#0b3c5d", of: ({ rssMB }) => rssMB, isAtRest: true },
      { name: "anonymous", colour: "#ff7f0e", of: ({ anonymousMB }) => anonymousMB },
      { name: "anonymous, at rest", colour: "#a04000", of: ({ anonymousMB }) => anonymousMB, isAtRest: true },
    ],
  },
  {
    title: "descriptors and threads of the daemon",
    lines: [
      { name: "descriptors", colour: "#2ca02c", of: ({ descriptors }) => descriptors },
      {
        name: "descriptors, at rest",
        colour: "#145214",
        of: ({ descriptors }) => descriptors,
        isAtRest: true,
      },
      { name: "threads", colour: "#9467bd", of: ({ threads }) => threads },
    ],
  },
  {
    title: "ADD and DEL, ms",
    lines: [
      { name: "ADD, median", colour: "#d62728", of: ({ addMs }) => addMs },
      { name: "DEL, median", colour: "#8c564b", of: ({ delMs }) => delMs },
    ],
  },
  {
    title: "slowest ADDs, ms",
    lines: [{ name: "99th of 100", colour: "#e377c2", of: ({ add99Ms }) => add99Ms }],
  },
  {
    title: "processor time of the daemon for a call, ms",
    lines: [{ name: "user and system", colour: "#17becf", of: ({ cpuMs }) => cpuMs }],
  },
];

const [WIDTH, PANEL, LEFT, TOP, GAP] = [900, 150, 60, 40, 56];

/** Draws one panel below the other; all have the number of calls from left to right, and the restarts as upright lines. */
export function plot(samples: Sample[]): string {
  const most = Math.max(...samples.map(({ calls }) => calls));
  const x = (calls: number) => LEFT + (calls / most) * (WIDTH - LEFT - 20);
  const height = TOP + PANELS.length * (PANEL + GAP);
  const restarts = samples.filter(({ restarted }, index) => restarted > (samples[index - 1]?.restarted ?? 0));
  const parts = PANELS.map((panel, index) =>
    drawn(panel, samples, { x, top: TOP + index * (PANEL + GAP), most, restarts }),
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">
<title>What the daemon needs after so many calls</title>
<rect width="100%" height="100%" fill="white"/>
<text x="${LEFT}" y="18" font-size="14">${most.toLocaleString("en")} calls through the daemon; an upright line: the API server has restarted</text>
${parts.join("\n")}
</svg>
`;
}

interface Place {
  x(calls: number): number;
  top: number;
  most: number;
  restarts: Sample[];
}

function drawn({ title, lines }: Panel, samples: Sample[], { x, top, most, restarts }: Place): string {
  const points = lines.map((line) => pointsOf(line, samples));
  const highest = niceAbove(Math.max(...points.flat().map(({ value }) => value)));
  const y = (value: number) => top + PANEL - (value / highest) * PANEL;
  const path = (of: { calls: number; value: number }[]) =>
    of.map(({ calls, value }) => `${x(calls).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const bottom = top + PANEL;
  const quarters = [0, 1, 2, 3, 4];
  return [
    `<text x="${LEFT}" y="${top - 6}" font-weight="bold">${title}</text>`,
    ...restarts.map(({ calls }) => `<path d="M${x(calls).toFixed(1)} ${top}V${bottom}" stroke="#ddd"/>`),
    ...quarters.map((part) => {
      const value = (highest * part) / 4;
      return (
        `<path d="M${LEFT} ${y(value)}H${x(most)}" stroke="#eee"/>` +
        `<text x="${LEFT - 6}" y="${y(value) + 4}" text-anchor="end">${value}</text>`
      );
    }),
    ...quarters.map((part) => {
      const calls = (most * part) / 4;
      return `<text x="${x(calls)}" y="${bottom + 16}" text-anchor="middle">${Math.round(calls).toLocaleString("en")}</text>`;
    }),
    ...lines.map(
      ({ colour, isAtRest = false }, index) =>
        `<polyline points="${path(points[index] ?? [])}" fill="none" stroke="${colour}"${isAtRest ? ' stroke-width="2"' : ""}/>`,
    ),
    ...lines.map(
      ({ name, colour }, index) =>
        `<text x="${LEFT + 300 + index * 140}" y="${top - 6}" fill="${colour}">${name}</text>`,
    ),
  ].join("\n");
}

function pointsOf({ of, isAtRest = false }: Line, samples: Sample[]): { calls: number; value: number }[] {
  return samples
    .filter((sample) => sample.isAtRest === isAtRest)
    .flatMap((sample) => {
      const value = of(sample);
      return value === undefined ? [] : [{ calls: sample.calls, value }];
    });
}

/** The next number above that divides by four without a long fraction. */
function niceAbove(value: number): number {
  const unit = 10 ** Math.floor(Math.log10(value));
  const steps = [1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10].map((step) => step * unit);
  return steps.find((step) => step >= value) ?? value;
}

/** The samples at rest, and those of the end, as Markdown. */
export function tableOf(samples: Sample[]): string {
  const lines = samples
    .filter(({ isAtRest }) => isAtRest)
    .map((sample) => {
      const before = samples.findLast((one) => !one.isAtRest && one.calls <= sample.calls);
      return [
        sample.calls.toLocaleString("en"),
        sample.minutes.toFixed(0),
        sample.rssMB.toFixed(1),
        sample.anonymousMB.toFixed(1),
        sample.descriptors,
        sample.threads,
        before?.addMs?.toFixed(1) ?? "",
        before?.add99Ms?.toFixed(0) ?? "",
        before?.delMs?.toFixed(1) ?? "",
        before?.cpuMs.toFixed(2) ?? "",
        sample.broken,
        sample.renewed,
        sample.restarted,
        sample.failed,
      ];
    });
  const head = [
    ...[
      "calls",
      "minutes",
      "RSS MB",
      "anonymous MB",
      "descriptors",
      "threads",
      "ADD ms",
      "99th of 100",
      "DEL ms",
    ],
    ...["daemon's CPU ms", "broken", "renewed", "restarted", "failed"],
  ];
  return [head, head.map(() => "---:"), ...lines].map((cells) => `| ${cells.join(" | ")} |`).join("\n");
}
