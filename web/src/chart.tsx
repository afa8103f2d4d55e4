/** The error against the number of labelled images. */

import type { JSX } from "preact";

import type { Progress } from "./api";

const WIDTH = 268;
const HEIGHT = 120;
const LEFT = 34;
const BOTTOM = 20;
const TOP = 16;
const RIGHT = 10;

/** A round number at or above `value`: 1, 2 or 5 times a power of ten. */
function roundUp(value: number): number {
  if (value <= 0) return 1;
  const power = 10 ** Math.floor(Math.log10(value));
  const step = [1, 1.5, 2, 3, 4, 5, 6, 8, 10].find((factor) => factor * power >= value) ?? 10;
  return step * power;
}

export const figure = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);

export function ErrorChart({ progress }: { progress: Progress }): JSX.Element | null {
  const { history, mean_shape: mean } = progress;
  const percent = history.every((entry) => entry.error_percent !== null);
  const unit = percent ? "%" : "px";
  const valueOf = (entry: { error_px: number | null; error_percent: number | null }) =>
    percent ? entry.error_percent : entry.error_px;
  const points = history.flatMap((entry) => {
    const value = valueOf(entry);
    return value === null ? [] : [{ labels: entry.labels, value }];
  });
  if (points.length === 0) return null;
  const first = points[0]!.labels;
  const last = Math.max(points.at(-1)!.labels, first + 1);
  const baseline = mean ? valueOf(mean) : null;
  const most = Math.max(...points.map((point) => point.value));
  // The mean shape has a line where that does not press the curve flat.
  const withBaseline = baseline !== null && baseline < most * 4;
  const top = roundUp(Math.max(most, withBaseline ? baseline : 0) * 1.02);
  const x = (labels: number): number =>
    LEFT + ((labels - first) / (last - first)) * (WIDTH - LEFT - RIGHT);
  const y = (value: number): number =>
    TOP + (1 - Math.min(value, top) / top) * (HEIGHT - TOP - BOTTOM);
  const path = points.map(({ labels, value }, i) => `${i ? "L" : "M"}${x(labels)} ${y(value)}`);
  const end = points.at(-1)!;
  // Its name goes above its line, unless the curve passes there or the top is too near.
  const named = baseline === null ? 0 : y(baseline) - 9;
  const crossed = points.some(
    ({ labels, value }) => x(labels) > WIDTH - RIGHT - 115 && Math.abs(y(value) - named) < 9,
  );
  const below = baseline !== null && (y(baseline) < TOP + 14 || crossed);
  return (
    <figure class="chart">
      <svg
        viewBox={`0 0 ${WIDTH} ${HEIGHT}`}
        role="img"
        aria-label={
          `Error against labelled images: ${figure(points[0]!.value)} ${unit} with ` +
          `${points[0]!.labels}, ${figure(end.value)} ${unit} with ${end.labels}` +
          (baseline === null ? "" : `; the mean shape alone ${figure(baseline)} ${unit}`)
        }
      >
        {[0, 0.5, 1].map((part) => (
          <g key={part}>
            <line class="grid" x1={LEFT} x2={WIDTH - RIGHT} y1={y(part * top)} y2={y(part * top)} />
            <text class="tick" x={LEFT - 6} y={y(part * top) + 4} text-anchor="end">
              {+(part * top).toPrecision(2)}
            </text>
          </g>
        ))}
        {baseline !== null && (
          <g class="baseline">
            {withBaseline && (
              <line x1={LEFT} x2={WIDTH - RIGHT} y1={y(baseline)} y2={y(baseline)} />
            )}
            <text
              class="tick"
              x={WIDTH - RIGHT}
              y={y(baseline) + (withBaseline && below ? 13 : -5)}
              text-anchor="end"
            >
              {`mean shape ${figure(baseline)} ${unit}${withBaseline ? "" : " ↑"}`}
            </text>
          </g>
        )}
        <path class="curve" d={path.join("")} />
        {points.length < 40 &&
          points.map(({ labels, value }) => (
            <circle class="dot" key={labels} cx={x(labels)} cy={y(value)} r="2.4" />
          ))}
        <circle class="dot last" cx={x(end.labels)} cy={y(end.value)} r="4" />
        <text class="tick" x={LEFT} y={HEIGHT - 5}>
          {first}
        </text>
        <text class="tick" x={WIDTH - RIGHT} y={HEIGHT - 5} text-anchor="end">
          {last} labelled
        </text>
      </svg>
    </figure>
  );
}
