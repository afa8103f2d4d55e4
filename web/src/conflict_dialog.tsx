import type { JSX } from "preact";

import { fileAddress, type ImageItem, type Placed } from "./api";
import { Dialog } from "./dialog";
import { Snapshot } from "./snapshot";
import * as state from "./state";

function Version(props: {
  title: string;
  current: ImageItem;
  points: (Placed | null)[];
}): JSX.Element {
  const placed = props.points.filter((point) => point !== null).length;
  return (
    <figure>
      <Snapshot
        address={fileAddress(props.current.id, 512)}
        width={props.current.width}
        height={props.current.height}
        points={props.points.map((point, index) => ({
          at: point && point.x !== null && point.y !== null ? [point.x, point.y] : null,
          colour: state.scheme.value.points[index]?.colour ?? "#888888",
          placed: true,
        }))}
      />
      <figcaption>
        <b>{props.title}</b>, {placed} {placed === 1 ? "point" : "points"} placed
      </figcaption>
    </figure>
  );
}

export function ConflictDialog(): JSX.Element | null {
  const open = state.conflict.value;
  if (!open) return null;
  return (
    <Dialog title="This image was changed in another tab" kind="conflict" onClose={null}>
      <p>
        <span class="name">{open.current.name}</span>: nothing has been overwritten. Which points
        should stay?
      </p>
      <div class="versions">
        <Version title="In the other tab" current={open.current} points={open.current.points} />
        <Version title="Here" current={open.current} points={open.mine} />
      </div>
      <footer>
        <button class="plain" onClick={() => void state.settleConflict("theirs")}>
          Keep the other tab's
        </button>
        <button class="primary" onClick={() => void state.settleConflict("mine")}>
          Keep mine
        </button>
      </footer>
    </Dialog>
  );
}
