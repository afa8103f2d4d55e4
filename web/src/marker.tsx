/** One point on the stage. Solid is what a person placed, hollow and dashed what is suggested. */

import type { JSX } from "preact";

import type { NamePlace } from "./names";

export type MarkerKind = "placed" | "hidden" | "suggested";

interface Props {
  kind: MarkerKind;
  x: number;
  y: number;
  colour: string;
  name: string;
  /** Where its name is shown, if it is. */
  at: NamePlace | null;
  selected: boolean;
  /** How sure a suggestion is, 0 to 1. */
  score?: number;
  /** Open in the middle, so that the pixels there can be seen. */
  open: boolean;
  index: number;
}

export function Marker(props: Props): JSX.Element {
  const { kind, x, y, colour, name, at, selected, score = 1, open } = props;
  const radius = kind === "suggested" ? 8 : 6.5;
  return (
    <g
      class={`marker ${kind}${selected ? " selected" : ""}`}
      transform={`translate(${x.toFixed(2)} ${y.toFixed(2)})`}
      data-point={props.index}
      data-kind={kind}
    >
      {selected && <circle class="selection" r={radius + 7} />}
      {kind === "suggested" && score < 0.6 && (
        <circle class="doubt" r={radius + 5 + 8 * (0.6 - score)} fill={colour} />
      )}
      {kind === "suggested" ? (
        <>
          <circle class="casing" r={radius} />
          <circle class="white" r={radius} />
          <circle class="dashes" r={radius} stroke={colour} />
          <path class="casing thin" d="M-2.5 0h5M0-2.5v5" />
          <path class="cross" d="M-2.5 0h5M0-2.5v5" />
        </>
      ) : (
        <>
          <circle class="outline" r={radius + 2} />
          <circle class="ring" r={radius + 0.6} />
          <circle class="body" r={radius - 0.6} fill={colour} fill-opacity={open ? 0.15 : 1} />
          {open && <circle class="rim" r={radius - 1.4} stroke={colour} />}
          {kind === "hidden" ? (
            <path class="slash" d="M-8.5 8.5L8.5-8.5" />
          ) : (
            <circle class="centre" r={1.1} />
          )}
        </>
      )}
      {at && (
        <text class="name" x={at.dx} y={at.dy} text-anchor={at.anchor}>
          {name}
        </text>
      )}
    </g>
  );
}

/** The same signs for the list of points. */
export function MarkerSign(props: { kind: MarkerKind | "none"; colour: string }): JSX.Element {
  const { kind, colour } = props;
  return (
    <svg class="sign" viewBox="-9 -9 18 18" width="18" height="18" aria-hidden="true">
      {kind === "none" && <circle class="empty" r="5.5" stroke={colour} />}
      {kind === "suggested" && (
        <circle
          r="6"
          fill="none"
          stroke={colour}
          stroke-width="2.4"
          stroke-dasharray="3.2 2.2"
        />
      )}
      {(kind === "placed" || kind === "hidden") && (
        <circle class="solid" r="6.5" fill={colour} fill-opacity={kind === "hidden" ? 0.25 : 1} />
      )}
      {kind === "hidden" && <path class="slash" d="M-7 7L7-7" />}
    </svg>
  );
}
