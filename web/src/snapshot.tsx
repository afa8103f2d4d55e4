/** A small picture with its points. */

import type { JSX } from "preact";

import type { XY } from "./api";

export interface SmallPoint {
  at: XY | null;
  colour: string;
  placed: boolean;
}

interface Props {
  address: string;
  width: number;
  height: number;
  points: SmallPoint[];
  lazy?: boolean;
}

export function Snapshot({ address, width, height, points, lazy }: Props): JSX.Element {
  const unit = Math.max(width, height) / 100;
  return (
    <span class="snapshot">
      <img src={address} alt="" decoding="async" loading={lazy ? "lazy" : "eager"} />
      <svg viewBox={`-0.5 -0.5 ${width} ${height}`} aria-hidden="true">
        {points.map(({ at, colour, placed }, index) =>
          at === null ? null : placed ? (
            <g key={index} transform={`translate(${at[0]} ${at[1]}) scale(${unit})`}>
              <circle r="2.9" class="ring" />
              <circle r="2.2" fill={colour} />
            </g>
          ) : (
            <g key={index} transform={`translate(${at[0]} ${at[1]}) scale(${unit})`}>
              <circle r="2.7" class="casing" />
              <circle r="2.7" class="white" />
              <circle r="2.7" class="hollow" stroke={colour} />
            </g>
          ),
        )}
      </svg>
    </span>
  );
}
