// Documents that nobody would write, for each operation of the core: every one is answered, none traps, and none takes more
// memory or time than its class may. `npm run fuzz` tries a million; SEED=n repeats a run; RUNS=n is for each operation.
import { describe, expect, test } from "vitest";
import { boundOf, MIB, stepsOf } from "../support/bounds.ts";
import { holdToSchema } from "../support/checked.ts";
import { countedCore } from "../support/counted.ts";
import { runIn } from "../support/wasm.ts";
import { lintSeeds, seeds } from "./seeds.ts";
import { documentOf, shapes } from "./shapes.ts";

const RUNS = Number(process.env.RUNS ?? 4_000);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000_007);
const KIB = 1 << 10;
/** Of the worst documents: some shapes have a part that is always there. */
const WORST_BYTES = 24_000;

/** A class of inputs, and what one of `size` bytes may take. */
interface Class {
  /** One in so many documents is of it. */
  oneIn: number;
  make(documents: Documents, random: Random): Uint8Array;
  steps(size: number): number;
  memory(size: number): number;
}

interface Documents {
  wellFormed: Uint8Array[];
  worst: Uint8Array[];
}

/** The first that is drawn; the last is the rest. */
const CLASSES: Record<string, Class> = {
  "the worst that we can think of, with changes": {
    oneIn: 50,
    make: ({ worst }, random) => mutate(worst, random),
    steps: stepsOf,
    memory: boundOf,
  },
  "a piece of it again and again": {
    oneIn: 20,
    make: ({ wellFormed }, random) => multiply(mutate(wellFormed, random), random),
    steps: (size) => 3_000_000 + 100 * size,
    memory: (size) => 4 * MIB + 100 * size,
  },
  "a few changes": {
    oneIn: 1,
    make: ({ wellFormed }, random) => mutate(wellFormed, random),
    steps: (size) => 20_000 + 40 * size,
    memory: (size) => 64 * KIB + 30 * size,
  },
};

/** Tests that each of `operations`, of core.wasm or of another module, answers RUNS documents. */
export function fuzz(operations: string[], file?: "lint.wasm"): void {
  describe(`with SEED=${SEED}`, () => {
    const module = new WebAssembly.Module(countedCore(file));
    test.each(operations)(`%s answers each of ${RUNS} documents, within its bounds`, (operation) => {
      const { exports } = new WebAssembly.Instance(module);
      const random = generator(SEED);
      const documents = documentsOf(operation);
      const answers = [0, 0];
      const most: Record<string, { runs: number; steps: number; memory: number }> = {};
      for (let run = 0; run < RUNS; run++) {
        const [name, one] = classOf(random);
        const document = one.make(documents, random);
        const { length: size } = document;
        const told = () => `run ${run}, ${name}, ${size} bytes: ${Buffer.from(document.subarray(0, 4000))}`;
        const { status, text, steps, used } = answerOf(exports, operation, document, told);
        answers[status] = (answers[status] ?? 0) + 1;
        try {
          holdToSchema(file ?? "core.wasm", operation, document, status, text);
        } catch (error) {
          throw new Error(`it answered ${text} to ${told()}: ${error}`);
        }
        // What explains may always take what core.wasm may take at worst.
        if (steps > (file ? stepsOf(size) : one.steps(size)))
          throw new Error(`it took ${steps} steps for ${told()}`);
        if (used > (file ? boundOf(size) : one.memory(size)))
          throw new Error(`it took ${used} bytes of memory for ${told()}`);
        const worst = most[name] ?? { runs: 0, steps: 0, memory: 0 };
        worst.runs++;
        worst.steps = Math.max(worst.steps, steps / one.steps(size));
        worst.memory = Math.max(worst.memory, used / one.memory(size));
        most[name] = worst;
      }
      if (process.env.RUNS) console.log(operation, answers, most);
      // Both happen, or the changes are of no use.
      for (const count of answers) expect(count).toBeGreaterThan(RUNS / 1000);
    });
  });
}

function answerOf(exports: object, operation: string, document: Uint8Array, told: () => string) {
  try {
    return runIn(exports, operation, document);
  } catch (error) {
    throw new Error(`${error} on ${told()}`);
  }
}

function classOf(random: Random): [string, Class] {
  const drawn = Object.entries(CLASSES).find(([, { oneIn }]) => random(oneIn) === 0);
  if (!drawn) throw new Error("the last class is the rest");
  return drawn;
}

function documentsOf(operation: string): Documents {
  const wellFormed = (seeds[operation] ?? lintSeeds[operation] ?? []).map((text) =>
    new TextEncoder().encode(text),
  );
  const worst = shapes
    .filter((shape) => shape.operation === operation)
    .map((shape) => documentOf(shape, WORST_BYTES));
  return { wellFormed, worst: worst.length > 0 ? worst : wellFormed };
}

/** Repeats a piece, up to 32 KiB in all. */
function multiply(bytes: Uint8Array, random: Random): Uint8Array {
  const from = random(bytes.length + 1);
  const piece = bytes.subarray(from, from + 1 + random(random(2) === 0 ? 8 : 400));
  const times = random(1 + random(1 + Math.floor((32 * KIB) / Math.max(1, piece.length))));
  return Buffer.concat([
    bytes.subarray(0, from),
    ...Array.from({ length: times }, () => piece),
    bytes.subarray(from),
  ]);
}

type Random = (below: number) => number;

/** A small, fast generator (mulberry32): the seed is the run. */
export function generator(seed: number): Random {
  let state = seed | 0;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let word = Math.imul(state ^ (state >>> 15), 1 | state);
    word = (word + Math.imul(word ^ (word >>> 7), 61 | word)) ^ word;
    return ((word ^ (word >>> 14)) >>> 0) % below;
  };
}

const TOKENS = [
  ...'{}[]",:\\0-9eE.+ \n\0\x7f',
  "null",
  "true",
  "1e999",
  "-1",
  "18446744073709551616",
  '""',
  "[]",
  "{}",
  '{"a":',
  "[[[[",
  "\\u0000",
  "\\ud800",
  '\\"',
  "../",
  "/",
  "@",
  "=",
  ";",
  "10.0.0.1/24",
  "::1/64",
  "0.0.0.0/0",
  "1.1.0",
  "0.2.0",
  "\u00e9",
  "\u{1f600}",
].map((token) => new TextEncoder().encode(token));
const RAW = [[0xff], [0xc3], [0xed, 0xa0, 0x80], [0xf4, 0x90, 0x80, 0x80]].map((bytes) =>
  Uint8Array.from(bytes),
);

/** One of the documents, or two joined, with one to four changes. */
function mutate(documents: Uint8Array[], random: Random): Uint8Array {
  const pick = () => documents[random(documents.length)] as Uint8Array;
  let bytes = pick();
  for (let changes = 1 + random(4); changes > 0; changes--) {
    const at = random(bytes.length + 1);
    const end = Math.min(bytes.length, at + 1 + random(random(4) === 0 ? 200 : 6));
    switch (random(7)) {
      case 0: // one bit
        bytes = bytes.slice();
        if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8));
        break;
      case 1: // something missing
        bytes = Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
        break;
      case 2: // something twice
        bytes = Buffer.concat([bytes.subarray(0, end), bytes.subarray(at)]);
        break;
      case 3: // a foreign token
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          TOKENS[random(TOKENS.length)] as Uint8Array,
          bytes.subarray(at),
        ]);
        break;
      case 4: // a foreign token in the place of something
        bytes = Buffer.concat([
          bytes.subarray(0, at),
          TOKENS[random(TOKENS.length)] as Uint8Array,
          bytes.subarray(end),
        ]);
        break;
      case 5: // a piece of another document
        {
          const other = pick();
          const from = random(other.length);
          bytes = Buffer.concat([
            bytes.subarray(0, at),
            other.subarray(from, from + random(40)),
            bytes.subarray(end),
          ]);
        }
        break;
      default: // bytes that are not UTF-8, or the end too early
        bytes =
          random(8) === 0
            ? Buffer.concat([
                bytes.subarray(0, at),
                RAW[random(RAW.length)] as Uint8Array,
                bytes.subarray(at),
              ])
            : random(8) === 0
              ? bytes.subarray(0, at)
              : bytes;
    }
  }
  return bytes;
}
