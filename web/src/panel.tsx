/** Beside the picture: its points, what to do next, and how good the suggestions are. */

import { useComputed } from "@preact/signals";
import type { JSX } from "preact";

import { type Progress, fileAddress } from "./api";
import { ErrorChart, figure } from "./chart";
import { Icon } from "./icons";
import { MarkerSign } from "./marker";
import { focusStage } from "./stage";
import * as state from "./state";

/** After a click the keys go on working on the picture; after a key press the focus stays. */
const thenStage =
  (action: () => void) =>
  (event: MouseEvent): void => {
    action();
    if (event.detail > 0) focusStage();
  };

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0"];

function PointList(): JSX.Element {
  const shown = state.item.value;
  const { points } = state.scheme.value;
  const current = state.selected.value;
  const due = useComputed(() => state.target(null)).value;
  const errors = state.progress.value?.points ?? [];
  const unreadable = Boolean(shown?.trouble);
  return (
    <section class="block points-block" aria-labelledby="points-title">
      <header>
        <h2 id="points-title">Points</h2>
        <button class="quiet small" onClick={() => (state.dialog.value = "points")}>
          <Icon name="edit" /> Define
        </button>
      </header>
      <ul class="point-list">
        {points.map((point, index) => {
          const placed = shown?.points[index] ?? null;
          const predicted = shown?.predicted[index] ?? null;
          const kind = placed
            ? placed.visible
              ? "placed"
              : "hidden"
            : predicted
              ? "suggested"
              : "none";
          const error = errors[index]?.error_percent ?? null;
          const pixels = errors[index]?.error_px ?? null;
          const word = {
            placed: "placed",
            hidden: "not visible",
            suggested: "suggested",
            none: unreadable ? "" : index === due ? "click it now" : "to place",
          }[kind];
          const measured =
            pixels === null
              ? ""
              : error === null
                ? `${figure(pixels)} px`
                : `${figure(error)} %`;
          return (
            <li
              key={index}
              class={`${index === current ? "current" : ""} ${index === due && current === null ? "due" : ""}`}
            >
              <button
                class="point"
                aria-pressed={index === current}
                disabled={unreadable}
                title={pixels === null ? point.name : `${point.name}: left out, it is off by ${figure(pixels)} px`}
                onClick={thenStage(() => state.choose(index))}
              >
                <MarkerSign kind={kind} colour={point.colour} />
                <span class="point-name">{point.name}</span>
                <span class={kind === "placed" || kind === "suggested" ? "unseen" : "point-state"}>
                  {word}
                </span>
                <span class="point-error">{measured}</span>
                {KEYS[index] && <kbd aria-hidden="true">{KEYS[index]}</kbd>}
              </button>
              <button
                class="quiet eye"
                aria-pressed={kind === "hidden"}
                aria-label={`${point.name} is not visible`}
                title="Not visible (V)"
                disabled={!shown || unreadable}
                onClick={thenStage(() => state.toggleVisible(index))}
              >
                <Icon name={kind === "hidden" ? "noEye" : "eye"} />
              </button>
            </li>
          );
        })}
      </ul>
      <Actions />
    </section>
  );
}

function Actions(): JSX.Element {
  const count = state.acceptable.value;
  const points = state.item.value?.points ?? [];
  const unreadable = Boolean(state.item.value?.trouble);
  const missing = state.pictureMissing.value === state.currentId.value;
  const finished = points.length > 0 && points.every((point) => point !== null);
  return (
    <div class="actions">
      <button
        class={count > 0 ? "primary" : "plain"}
        disabled={count === 0 || missing}
        onClick={thenStage(() => state.accept())}
      >
        <span>
          {count > 0 ? (
            <>
              Accept {count} <span class="wide">suggested</span>
            </>
          ) : finished ? (
            "All placed"
          ) : unreadable ? (
            "Nothing to place here"
          ) : (
            "Nothing to accept yet"
          )}
        </span>
        <kbd aria-hidden="true">Enter</kbd>
      </button>
      <button
        class={count === 0 && (finished || unreadable) ? "primary" : "plain"}
        onClick={thenStage(() => void state.openSuggested())}
      >
        <span>Next image</span>
        <kbd aria-hidden="true">Space</kbd>
      </button>
    </div>
  );
}

function Next(): JSX.Element | null {
  const next = state.suggestion.value;
  if (!next) return null;
  const entry = state.project.value?.images.find((image) => image.id === next.id);
  return (
    <section class="block" aria-labelledby="next-title">
      <header>
        <h2 id="next-title">Best to label next</h2>
        {entry && (
          <button
            class="quiet small"
            onClick={thenStage(() => void state.suggestAnother())}
          >
            Another
          </button>
        )}
      </header>
      <div class="next">
        {entry && (
          <button
            class="thumb"
            aria-label={`Open ${entry.name}`}
            onClick={thenStage(() => void state.open(entry.id))}
          >
            <img src={fileAddress(entry.id, 256)} alt="" width="84" height="84" />
          </button>
        )}
        <div>
          {entry && (
            <p class="name" title={entry.name}>
              {entry.name}
            </p>
          )}
          <p class="reason">{next.reason}</p>
        </div>
      </div>
    </section>
  );
}

function Quality(): JSX.Element | null {
  const known = state.progress.value;
  if (!known) return null;
  const pixels = known.all.error_px;
  const percent = known.all.error_percent;
  const elapsed = state.refit.value;
  return (
    <section class="block" aria-labelledby="quality-title">
      <header>
        <h2 id="quality-title">How good it is</h2>
        {elapsed !== null && (
          <span class="faint" title="Time to fit all suggestions anew after the last change">
            refitted in {Math.max(1, Math.round(elapsed))} ms
          </span>
        )}
      </header>
      {pixels !== null && (
        <p class="headline">
          <strong>{percent === null ? `${figure(pixels)} px` : `${figure(percent)} %`}</strong>
          <span>
            {percent === null ? "off on average" : `of ${known.normaliser}, or ${figure(pixels)} px`}; each
            labelled image judged by the others
          </span>
        </p>
      )}
      <ErrorChart progress={known} />
      <p class="sentence">{known.sentence}</p>
      {pixels !== null && <EachPoint errors={known.points} />}
    </section>
  );
}

const amount = (error: number | null | undefined, unit: string): string =>
  typeof error === "number" ? `${figure(error)} ${unit}` : "–";

function EachPoint({ errors }: { errors: Progress["points"] }): JSX.Element {
  return (
    <details class="each">
      <summary>Each point</summary>
      <table>
        <tbody>
          {state.scheme.value.points.map((point, index) => (
            <tr key={index}>
              <th scope="row">{point.name}</th>
              <td>{amount(errors[index]?.error_percent, "%")}</td>
              <td>{amount(errors[index]?.error_px, "px")}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}

export const Panel = (): JSX.Element => (
  <aside class="panel" aria-label="Points and progress">
    <PointList />
    <Next />
    <Quality />
  </aside>
);
