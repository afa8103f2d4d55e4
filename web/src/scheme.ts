/** Names and colours of points: what can be guessed, and what can be read from a file.
 *
 * new_scheme.py guesses in the same way.
 */

import type { Scheme } from "./api";

/** The first colours of the package's own pictures, see colours.py. */
export const COLOURS = [
  "#e61e2d", "#2d7dff", "#ffd600", "#14a546", "#eb46d7", "#1edceb", "#ff8719", "#8746e1",
  "#b4f546", "#ffafc8", "#b40087", "#e17896", "#3cd278", "#0069a5", "#4b780f", "#e187ff",
  "#87ffd2", "#b44b69", "#00ff96", "#0096d2",
];

export const colourAt = (index: number): string => COLOURS[index % COLOURS.length] as string;

/** Names typed or pasted in one go: by commas, semicolons, tabs or lines. */
export function splitNames(text: string): string[] {
  return text
    .split(/[,;\t\r\n]+/)
    .map((name) => name.trim().replace(/\s+/g, " "))
    .filter((name) => name !== "");
}

const OTHER_SIDE: Record<string, string> = { left: "right", right: "left", l: "r", r: "l" };

/** "left eye" -> "right eye", "mouth_R" -> "mouth_l"; lower case; null for what has no side. */
function acrossTheMiddle(name: string): string | null {
  const lower = name.toLowerCase();
  const word = /left|right/.exec(lower)?.[0];
  if (word) return lower.replace(word, OTHER_SIDE[word] as string);
  const letter = /(^|[\s_.-])([lr])(?=$|[\s_.-])/.exec(lower);
  if (!letter) return null;
  const at = letter.index + (letter[1] as string).length;
  return lower.slice(0, at) + OTHER_SIDE[letter[2] as string] + lower.slice(at + 1);
}

/** For each point the one that a mirror puts in its place, by their names; or null. */
export function guessMirror(names: string[]): (number | null)[] {
  const known = names.map((name) => name.toLowerCase());
  return names.map((name, index) => {
    const other = acrossTheMiddle(name);
    const found = other === null ? -1 : known.indexOf(other);
    return found === -1 || found === index ? null : found;
  });
}

/** The two points whose distance errors are measured by: eyes, else the first pair, else none. */
export function guessNormaliser(
  names: string[],
  mirror: (number | null)[],
): [number, number] | null {
  const pairs = names.flatMap((_, index): [number, number][] => {
    const other = mirror[index] ?? null;
    return other !== null && index < other ? [[index, other]] : [];
  });
  const eyes = pairs.find(([first]) => /\beyes?\b/i.test(names[first] as string));
  return eyes ?? pairs[0] ?? null;
}

const asText = (value: unknown): string | null =>
  typeof value === "string" && value.trim() !== "" ? value.trim() : null;

/**
 * Points from a file: a points.json (see scheme_file.py), a COCO file's category, or a text of
 * names.
 *
 * Throws with a sentence for a person.
 */
export function readScheme(text: string): Scheme {
  const trimmed = text.replace(/^\ufeff/, "").trim();
  if (!/^[{[]/.test(trimmed)) return fromNames(splitNames(trimmed));
  let content: unknown;
  try {
    content = JSON.parse(trimmed);
  } catch {
    throw new Error("This file begins like JSON but cannot be read as JSON.");
  }
  if (Array.isArray(content)) return fromNames(content.map(asText).filter((n) => n !== null));
  const file = content as {
    names?: unknown;
    mirror?: unknown;
    normaliser?: unknown;
    colours?: unknown;
    categories?: { keypoints?: unknown }[];
  };
  const keypoints = file.categories?.[0]?.keypoints;
  if (Array.isArray(keypoints)) {
    return fromNames(keypoints.map(asText).filter((n) => n !== null));
  }
  if (!Array.isArray(file.names)) {
    throw new Error('This JSON has neither "names" nor a COCO category with "keypoints".');
  }
  const names = file.names.map((name) => asText(name) ?? "");
  const colours = Array.isArray(file.colours) ? file.colours : [];
  const pairs = Array.isArray(file.mirror) ? file.mirror : [];
  return {
    points: names.map((name, index) => {
      const colour = asText(colours[index]);
      const usable = colour !== null && /^#[0-9a-f]{6}$/i.test(colour);
      return { name, colour: usable ? colour : colourAt(index) };
    }),
    mirror: pairs.map((pair) => twoOf(names, pair)).filter((pair) => pair !== null),
    normaliser: twoOf(names, asText(file.normaliser)?.split(":")),
  };
}

/** The points of a pair of names or numbers from 1; a name wins. */
function twoOf(names: string[], pair: unknown): [number, number] | null {
  if (!Array.isArray(pair) || pair.length !== 2) return null;
  const [first, second] = pair.map((one) => {
    const word = String(one).trim();
    const named = names.indexOf(word);
    return named === -1 && /^\d+$/.test(word) ? Number(word) - 1 : named;
  }) as [number, number];
  const there = [first, second].every((index) => index >= 0 && index < names.length);
  return there && first !== second ? [first, second] : null;
}

/** The points as a points.json, which `--points` and other commands read, too. */
export function writeScheme({ points, mirror, normaliser }: Scheme): string {
  const names = points.map(({ name }) => name);
  const word = (index: number): string =>
    /[:+]/.test(names[index] as string) ? String(index + 1) : (names[index] as string);
  const content = {
    names,
    ...(normaliser && { normaliser: normaliser.map(word).join(":") }),
    mirror: mirror.map((pair) => pair.map((index) => names[index])),
    colours: points.map(({ colour }) => colour),
  };
  return `${JSON.stringify(content, null, 2)}\n`;
}

function fromNames(names: string[]): Scheme {
  if (names.length === 0) throw new Error("This file names no points.");
  const mirror = guessMirror(names);
  return {
    points: names.map((name, index) => ({ name, colour: colourAt(index) })),
    mirror: names.flatMap((_, index): [number, number][] => {
      const other = mirror[index] ?? null;
      return other !== null && index < other ? [[index, other]] : [];
    }),
    normaliser: guessNormaliser(names, mirror),
  };
}
