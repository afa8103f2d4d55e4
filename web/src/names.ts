/** Where the names of points go, so that they cover neither points nor one another. */

export interface Named {
  x: number;
  y: number;
  name: string;
  /** Shown even where there is no room. */
  must: boolean;
}

export interface NamePlace {
  dx: number;
  dy: number;
  anchor: "start" | "end" | "middle";
}

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
}

const REACH = 15;
const MARK = 10;
const HEIGHT = 15;
const LETTER = 7;

const meet = (a: Box, b: Box): boolean =>
  a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom;

const PLACES: NamePlace[] = [
  { dx: REACH, dy: 4, anchor: "start" },
  { dx: -REACH, dy: 4, anchor: "end" },
  { dx: 0, dy: -REACH, anchor: "middle" },
  { dx: 0, dy: REACH + 10, anchor: "middle" },
];

function boxOf({ x, y, name }: Named, { dx, dy, anchor }: NamePlace): Box {
  const width = LETTER * name.length;
  const left = x + dx - { start: 0, end: width, middle: width / 2 }[anchor];
  return { left, right: left + width, top: y + dy - HEIGHT + 4, bottom: y + dy + 4 };
}

/** For each point the place of its name, or null where there is no room for it. */
export function placeNames(
  points: (Named | null)[],
  room: { width: number; height: number },
): (NamePlace | null)[] {
  const marks = points.map(
    (point): Box | null =>
      point && {
        left: point.x - MARK,
        right: point.x + MARK,
        top: point.y - MARK,
        bottom: point.y + MARK,
      },
  );
  const taken: Box[] = [];
  const found: (NamePlace | null)[] = points.map(() => null);
  const order = points
    .map((_, index) => index)
    .sort((a, b) => Number(points[b]?.must ?? false) - Number(points[a]?.must ?? false));
  for (const index of order) {
    const point = points[index];
    if (!point) continue;
    const fits = PLACES.find((place) => {
      const box = boxOf(point, place);
      if (box.left < 2 || box.right > room.width - 2) return false;
      if (box.top < 2 || box.bottom > room.height - 2) return false;
      if (taken.some((other) => meet(box, other))) return false;
      return !marks.some((mark, other) => other !== index && mark !== null && meet(box, mark));
    });
    const place = fits ?? (point.must ? (PLACES[0] as NamePlace) : null);
    found[index] = place;
    if (place) taken.push(boxOf(point, place));
  }
  return found;
}
