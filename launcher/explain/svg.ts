// What pictures are drawn of. Pure: text is measured by what letters take on average, and cut where it has no room.
//
// All text that comes from outside is escaped, in `escaped` alone.
import { drawable } from "../log/visible.ts";

/** One line; where it was cut, the whole is a tooltip. */
export function text(className: string, x: number, y: number, shown: string, whole = shown): string {
  const title = shown === whole ? "" : `<title>${escaped(whole)}</title>`;
  return `<text class="${className}" x="${x}" y="${y}">${title}${escaped(shown)}</text>`;
}

/**
 * Cuts a text to its room.
 *
 * @param letter the width of a letter, on average
 */
export function cut(whole: string, room: number, letter: number): string {
  const letters = [...whole];
  const most = Math.max(2, Math.floor(room / letter));
  return letters.length <= most ? whole : `${letters.slice(0, most - 1).join("")}…`;
}

/** Returns a text as it can be in an element, or in an attribute. */
export function escaped(raw: string): string {
  return drawable(raw).replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Colours of wires, by their order: the default network's first. */
export const WIRES = 6;

/** Variables of CSS. */
export const LIGHT =
  "--pp-ink:#17202e;--pp-muted:#546274;--pp-ground:#fff;--pp-pod:#f1f5fa;--pp-line:#c3cedc;--pp-bad:#b42318;--pp-warn:#8a5300;" +
  "--pp-0:#2563c9;--pp-1:#0d7f72;--pp-2:#a3570a;--pp-3:#7c3fc4;--pp-4:#b52d64;--pp-5:#4b7a12";
export const DARK =
  "--pp-ink:#e8edf4;--pp-muted:#9dabbd;--pp-ground:#18202b;--pp-pod:#121821;--pp-line:#3a4757;--pp-bad:#ff8a7a;--pp-warn:#f2b75c;" +
  "--pp-0:#6ba6ff;--pp-1:#3ecdb9;--pp-2:#f0a350;--pp-3:#b994f5;--pp-4:#f285ae;--pp-5:#9ccc57";
