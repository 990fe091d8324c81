// A million mutated documents for each operation of the core: every one is answered, none traps.
// SEED=n repeats a run; RUNS=n makes it shorter or longer.
import { describe, expect, test } from "vitest";
import { Fault } from "../../launcher/fault.ts";
import { loadCore } from "../support/core.ts";
import { seeds } from "./seeds.ts";

const RUNS = Number(process.env.RUNS ?? 1_000_000);
const SEED = Number(process.env.SEED ?? Date.now() % 1_000_000_007);

Error.stackTraceLimit = 0; // most answers are errors, and nobody reads where they were made

/** Tests that each of `operations` answers RUNS mutated documents. */
export function fuzz(operations: string[]): void {
  describe(`with SEED=${SEED}`, () => {
    test.each(operations)("%s answers every mutated document", (operation) => {
      const core = loadCore();
      const random = generator(SEED);
      const documents = (seeds[operation] ?? []).map((text) => new TextEncoder().encode(text));
      let answered = 0;
      let refused = 0;
      for (let run = 0; run < RUNS; run++) {
        const document = mutate(documents, random);
        try {
          core.run(operation, document);
          answered++;
        } catch (error) {
          if (!(error instanceof Fault) || error.message === "") {
            throw new Error(`run ${run}: ${error} on ${Buffer.from(document)}`);
          }
          refused++;
        }
      }
      // Both happen, or the mutations are of no use.
      expect(answered).toBeGreaterThan(RUNS / 1000);
      expect(refused).toBeGreaterThan(RUNS / 1000);
    });
  });
}

type Random = (below: number) => number;

/** A small, fast generator (mulberry32): the seed is the run. */
function generator(seed: number): Random {
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
        bytes = join(bytes.subarray(0, at), bytes.subarray(end));
        break;
      case 2: // something twice
        bytes = join(bytes.subarray(0, end), bytes.subarray(at));
        break;
      case 3: // a foreign token
        bytes = join(bytes.subarray(0, at), TOKENS[random(TOKENS.length)] as Uint8Array, bytes.subarray(at));
        break;
      case 4: // a foreign token in the place of something
        bytes = join(bytes.subarray(0, at), TOKENS[random(TOKENS.length)] as Uint8Array, bytes.subarray(end));
        break;
      case 5: // a piece of another document
        {
          const other = pick();
          const from = random(other.length);
          bytes = join(bytes.subarray(0, at), other.subarray(from, from + random(40)), bytes.subarray(end));
        }
        break;
      default: // bytes that are not UTF-8, or the end too early
        bytes =
          random(8) === 0
            ? join(bytes.subarray(0, at), RAW[random(RAW.length)] as Uint8Array, bytes.subarray(at))
            : random(8) === 0
              ? bytes.subarray(0, at)
              : bytes;
    }
  }
  return bytes;
}

function join(...parts: Uint8Array[]): Uint8Array {
  const all = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
