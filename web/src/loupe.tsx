/** What is under a dragged point, larger: a finger or a pointer would hide it. */

import type { JSX } from "preact";

import type { XY } from "./api";
import type { Size } from "./view";

const SIZE = 148;

export function Loupe(props: {
  address: string;
  image: Size;
  at: XY;
  scale: number;
  right: boolean;
}): JSX.Element {
  const { address, image, at, scale, right } = props;
  const x = SIZE / 2 - (at[0] + 0.5) * scale;
  const y = SIZE / 2 - (at[1] + 0.5) * scale;
  return (
    <div class={`loupe${right ? " right" : ""}`} aria-hidden="true">
      <img
        src={address}
        alt=""
        style={{
          width: `${image.width}px`,
          height: `${image.height}px`,
          transform: `translate(${x}px, ${y}px) scale(${scale})`,
        }}
      />
      <svg viewBox={`0 0 ${SIZE} ${SIZE}`}>
        <path class="casing" d="M74 40v26M74 82v26M40 74h26M82 74h26" />
        <path class="hair" d="M74 40v26M74 82v26M40 74h26M82 74h26" />
        <circle class="hair" cx="74" cy="74" r="1.2" />
      </svg>
    </div>
  );
}
