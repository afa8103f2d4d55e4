/** A small picture with its points. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { XY } from "./api";
import * as state from "./state";

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
  const missing = useRef(false);
  const tries = useSignal(0);
  useEffect(() => {
    if (missing.current) tries.value += 1;
    missing.current = false;
  }, [state.returns.value]);
  return (
    <span class="snapshot">
      <img
        key={tries.value}
        src={address}
        alt=""
        decoding="async"
        loading={lazy ? "lazy" : "eager"}
        onError={() => (missing.current = true)}
      />
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
