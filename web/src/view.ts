/** Where the picture lies on the stage: zoom and pan. Pixel centres are at integers. */

export interface View {
  scale: number;
  x: number;
  y: number;
}

export interface Size {
  width: number;
  height: number;
}

type Finger = readonly [number, number];

const MARGIN = 20;
const MOST = 48;

export function fit(image: Size, stage: Size): View {
  const margin = Math.min(MARGIN, stage.width * 0.03);
  const scale = Math.min(
    Math.max(1, stage.width - 2 * margin) / image.width,
    Math.max(1, stage.height - 2 * margin) / image.height,
    12,
  );
  return centred(image, stage, scale);
}

function centred(image: Size, stage: Size, scale: number): View {
  return {
    scale,
    x: (stage.width - image.width * scale) / 2,
    y: (stage.height - image.height * scale) / 2,
  };
}

export const toStage = (view: View, [x, y]: readonly [number, number]): [number, number] => [
  view.x + (x + 0.5) * view.scale,
  view.y + (y + 0.5) * view.scale,
];

export const toImage = (view: View, [x, y]: readonly [number, number]): [number, number] => [
  (x - view.x) / view.scale - 0.5,
  (y - view.y) / view.scale - 0.5,
];

/** Zoomed by `factor` so that what lies under `at` (on the stage) stays there. */
export function zoomed(
  view: View,
  factor: number,
  at: readonly [number, number],
  image: Size,
  stage: Size,
): View {
  const whole = fit(image, stage).scale;
  const scale = Math.min(Math.max(view.scale * factor, whole), Math.max(MOST, whole));
  if (scale === whole) return centred(image, stage, whole);
  const real = scale / view.scale;
  return held(
    { scale, x: at[0] - (at[0] - view.x) * real, y: at[1] - (at[1] - view.y) * real },
    image,
    stage,
  );
}

/** Two fingers have moved from `from` to `to`: what lay between them is there still, as many times
 * as large as they are further apart. Tells nothing of the way there, which comes in pieces. */
export function pinched(
  view: View,
  from: readonly [Finger, Finger],
  to: readonly [Finger, Finger],
  image: Size,
  stage: Size,
): View {
  const spread = ([a, b]: readonly [Finger, Finger]): number =>
    Math.max(8, Math.hypot(a[0] - b[0], a[1] - b[1]));
  const between = ([a, b]: readonly [Finger, Finger]): Finger => [
    (a[0] + b[0]) / 2,
    (a[1] + b[1]) / 2,
  ];
  const [before, now] = [between(from), between(to)];
  const moved = { ...view, x: view.x + now[0] - before[0], y: view.y + now[1] - before[1] };
  return zoomed(moved, spread(to) / spread(from), now, image, stage);
}

/** Never panned so far that less than a third of the stage shows the picture. */
export function held(view: View, image: Size, stage: Size): View {
  const hold = (offset: number, drawn: number, room: number): number => {
    if (drawn <= room) return (room - drawn) / 2;
    return Math.min(Math.max(offset, room * 0.67 - drawn), room * 0.33);
  };
  return {
    scale: view.scale,
    x: hold(view.x, image.width * view.scale, stage.width),
    y: hold(view.y, image.height * view.scale, stage.height),
  };
}

/** `value` kept within the picture, in hundredths of a pixel. */
export function within(point: readonly [number, number], image: Size): [number, number] {
  const keep = (value: number, size: number): number =>
    Math.round(Math.min(Math.max(value, -0.5), size - 0.5) * 100) / 100;
  return [keep(point[0], image.width), keep(point[1], image.height)];
}
