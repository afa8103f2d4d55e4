/** The shapes of the complete images: aligned, their mean, and how they differ. */

import { effect, signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";

import { getShapes, getShapesTable, type Shapes, type XY } from "./api";
import { Icon } from "./icons";
import { keep } from "./saving_files";
import { spline } from "./spline";
import * as state from "./state";

/** Drawn in units of about 100 across. */
interface Frame {
  scale: number;
  box: string;
  low: XY;
  high: XY;
}

const SWING = 2.5;
const LINES = 11;
const FINE = 34;

const still = window.matchMedia("(prefers-reduced-motion: reduce)").matches;
const playing = signal(!still);
/** In standard deviations. */
const phase = signal(still ? SWING : 0);

/** `reach`: how much of its size the drawn plane goes beyond; `pad`: what is left free around that. */
function frameOf(shapes: Shapes, reach: number, pad: number): Frame {
  const everything = [
    ...shapes.aligned.flatMap((shape) => shape.points),
    ...shapes.modes.flatMap((mode) =>
      shapes.mean.flatMap(([x, y], index): XY[] => {
        const [dx, dy] = mode.displacement[index] ?? [0, 0];
        return [
          [x + SWING * dx, y + SWING * dy],
          [x - SWING * dx, y - SWING * dy],
        ];
      }),
    ),
  ];
  const of = (axis: 0 | 1): [number, number] => {
    const values = everything.map((point) => point[axis]);
    return [Math.min(...values), Math.max(...values)];
  };
  const [[left, right], [top, bottom]] = [of(0), of(1)];
  const size = Math.max(right - left, bottom - top, 1e-9);
  const scale = 100 / size;
  const margin = size * reach;
  const low: XY = [left - margin, top - margin];
  const high: XY = [right + margin, bottom + margin];
  return {
    scale,
    low,
    high,
    box: [
      low[0] * scale - pad,
      low[1] * scale - pad,
      (high[0] - low[0]) * scale + 2 * pad,
      (high[1] - low[1]) * scale + 2 * pad,
    ].join(" "),
  };
}

function Aligned({ shapes }: { shapes: Shapes }): JSX.Element {
  const frame = frameOf(shapes, 0.02, 5);
  const { points } = state.scheme.value;
  const at = ([x, y]: XY): XY => [x * frame.scale, y * frame.scale];
  return (
    <svg
      class="aligned"
      viewBox={frame.box}
      role="img"
      aria-label={`${shapes.count} aligned shapes of ${points.length} points, and their mean`}
    >
      {shapes.mean.map((_, index) => (
        <path
          key={index}
          class="cloud"
          stroke={points[index]?.colour ?? "#888888"}
          d={shapes.aligned
            .map((shape) => {
              const [x, y] = at(shape.points[index] as XY);
              return `M${x.toFixed(2)} ${y.toFixed(2)}h0`;
            })
            .join("")}
        />
      ))}
      {shapes.mean.map((place, index) => {
        const [x, y] = at(place);
        // Centred over the point, but for those at the edges, whose names could be cut off.
        const across = (place[0] - frame.low[0]) / (frame.high[0] - frame.low[0]);
        const side = across < 0.2 ? "start" : across > 0.8 ? "end" : "middle";
        const beside = { start: -2.4, middle: 0, end: 2.4 }[side];
        return (
          <g key={index} transform={`translate(${x} ${y})`}>
            <circle class="ring" r="2.3" />
            <circle r="1.7" fill={points[index]?.colour ?? "#888888"} />
            <text class="name" y="-3.2" x={beside} text-anchor={side}>
              {points[index]?.name}
            </text>
          </g>
        );
      })}
    </svg>
  );
}

function Mode({ shapes, index }: { shapes: Shapes; index: number }): JSX.Element {
  const mode = shapes.modes[index]!;
  const grid = useRef<SVGPathElement>(null);
  const dots = useRef<SVGGElement>(null);
  const { points } = state.scheme.value;
  const frame = frameOf(shapes, 0.12, 22);
  const drawing = useMemo(() => {
    const move = spline(shapes.mean, mode.displacement);
    const { low, high } = frame;
    const lines: { at: XY; by: XY }[][] = [];
    for (let axis = 0; axis < 2; axis += 1) {
      for (let line = 0; line < LINES; line += 1) {
        const path: { at: XY; by: XY }[] = [];
        for (let part = 0; part <= FINE; part += 1) {
          const across = line / (LINES - 1);
          const along = part / FINE;
          const [u, v] = axis === 0 ? [across, along] : [along, across];
          const at: XY = [low[0] + u * (high[0] - low[0]), low[1] + v * (high[1] - low[1])];
          path.push({ at, by: move(at) });
        }
        lines.push(path);
      }
    }
    return lines;
  }, [shapes, index]);

  useEffect(
    () =>
      effect(() => {
        const t = phase.value;
        const { scale } = frame;
        const d = drawing
          .map((line) =>
            line
              .map(({ at, by }, part) => {
                const x = (at[0] + t * by[0]) * scale;
                const y = (at[1] + t * by[1]) * scale;
                return `${part ? "L" : "M"}${x.toFixed(2)} ${y.toFixed(2)}`;
              })
              .join(""),
          )
          .join("");
        grid.current?.setAttribute("d", d);
        shapes.mean.forEach(([x, y], k) => {
          const [dx, dy] = mode.displacement[k] ?? [0, 0];
          dots.current?.children[k]?.setAttribute(
            "transform",
            `translate(${(x + t * dx) * scale} ${(y + t * dy) * scale})`,
          );
        });
      }),
    [drawing],
  );

  return (
    <figure class="mode">
      <svg
        viewBox={frame.box}
        role="img"
        aria-label={`Mode ${index + 1}: ${(100 * mode.share).toFixed(0)} % of the variation`}
      >
        <path class="grid" ref={grid} />
        {shapes.mean.map(([x, y], k) => {
          const [dx, dy] = mode.displacement[k] ?? [0, 0];
          const s = frame.scale;
          return (
            <line
              key={k}
              class="sway"
              x1={(x - SWING * dx) * s}
              y1={(y - SWING * dy) * s}
              x2={(x + SWING * dx) * s}
              y2={(y + SWING * dy) * s}
            />
          );
        })}
        <g ref={dots}>
          {points.map(({ colour }, k) => (
            <g key={k}>
              <circle class="ring" r="2.5" />
              <circle r="1.9" fill={colour} />
            </g>
          ))}
        </g>
      </svg>
      <figcaption>
        <b>Mode {index + 1}</b>
        <span>{(100 * mode.share).toFixed(mode.share < 0.1 ? 1 : 0)} % of the variation</span>
      </figcaption>
    </figure>
  );
}

/** How far along a mode each image lies, in standard deviations. */
function scoresOf(shapes: Shapes, index: number): number[] {
  const displacement = shapes.modes[index]?.displacement ?? [];
  const squared = displacement.reduce((sum, [x, y]) => sum + x * x + y * y, 0);
  return shapes.aligned.map(({ points }) => {
    const dot = points.reduce((sum, [x, y], k) => {
      const [mx, my] = shapes.mean[k] as XY;
      const [dx, dy] = displacement[k] as XY;
      return sum + (x - mx) * dx + (y - my) * dy;
    }, 0);
    return squared > 0 ? dot / squared : 0;
  });
}

function Scatter({ shapes }: { shapes: Shapes }): JSX.Element {
  const [x, y] = [scoresOf(shapes, 0), scoresOf(shapes, 1)];
  const most = Math.max(2.2, ...x.map(Math.abs), ...y.map(Math.abs)) * 1.08;
  const at = (value: number): number => (value / most) * 50;
  const names = new Map(state.project.value?.images.map((image) => [image.id, image.name]));
  const ticks = [-2, 0, 2];
  return (
    <figure class="scatter">
      <svg viewBox="-58 -54 114 116" role="group" aria-label="Images along modes 1 and 2">
        {ticks.map((tick) => (
          <g key={tick}>
            <line class="grid" x1={at(tick)} x2={at(tick)} y1="-50" y2="50" />
            <line class="grid" y1={at(tick)} y2={at(tick)} x1="-50" x2="50" />
            <text class="tick" x={at(tick)} y="54.5" text-anchor="middle">
              {tick}
            </text>
            <text class="tick" x="-52" y={at(-tick) + 1.4} text-anchor="end">
              {tick}
            </text>
          </g>
        ))}
        <text class="tick" x="0" y="60" text-anchor="middle">
          mode 1 (standard deviations)
        </text>
        <text class="tick" transform="translate(-55.5 0) rotate(-90)" text-anchor="middle">
          mode 2
        </text>
        {shapes.aligned.map(({ id }, index) => (
          <circle
            key={id}
            class="shape"
            r="1.7"
            cx={at(x[index]!)}
            cy={at(-y[index]!)}
            onClick={() => void state.open(id)}
          >
            <title>{names.get(id) ?? id}</title>
          </circle>
        ))}
      </svg>
    </figure>
  );
}

export function ShapeView(): JSX.Element {
  const shapes = useSignal<Shapes | null>(null);
  const version = state.project.value?.version;
  const complete = state.completeImages.value;
  const returns = state.returns.value;
  useEffect(() => {
    let wanted = true;
    const load = async (): Promise<void> => {
      await state.settled();
      const answer = wanted ? await state.attempt(getShapes) : null;
      if (answer && wanted) shapes.value = answer;
    };
    void load();
    return () => void (wanted = false);
  }, [version, complete, returns]);
  useEffect(() => {
    let request = 0;
    let before: number | null = null;
    let angle = Math.asin(phase.peek() / SWING);
    const draw = (now: number): void => {
      if (playing.value) {
        if (before !== null) angle += (Math.min(now - before, 100) / 1000) * 1.5;
        phase.value = SWING * Math.sin(angle);
        before = now;
      } else {
        before = null;
        angle = Math.asin(Math.max(-1, Math.min(1, phase.value / SWING)));
      }
      request = window.requestAnimationFrame(draw);
    };
    request = window.requestAnimationFrame(draw);
    return () => window.cancelAnimationFrame(request);
  }, []);

  const known = shapes.value;
  return (
    <main class="shapes" aria-label="Shapes">
      <header>
        <div>
          <h1>Shapes</h1>
          <p>
            {known === null
              ? "Aligning …"
              : known.count < 3
                ? "Three images with all points placed are needed to compare shapes."
                : `${known.count} complete images, laid on one another by Procrustes' method: moved, turned and scaled, so that only their shape differs.` +
                  (known.excluded > 0 ? ` ${known.excluded} more ${known.excluded === 1 ? "has only some of its" : "have only some of their"} points.` : "")}
          </p>
        </div>
        <button
          class="plain"
          disabled={!known || known.count < 3}
          onClick={() =>
            void state
              .settled()
              .then((saved) => {
                if (!saved) throw new Error(state.UNSAVED);
                return getShapesTable();
              })
              .then(keep)
              .catch((error: Error) => state.say(error.message, "error"))
          }
        >
          <Icon name="export" /> Table (CSV)
        </button>
      </header>
      {known && known.count >= 3 && (
        <div class="shape-grid">
          <section class="card" aria-labelledby="aligned-title">
            <h2 id="aligned-title">Aligned points and mean shape</h2>
            <Aligned shapes={known} />
          </section>
          <section class="card modes" aria-labelledby="modes-title">
            <header>
              <h2 id="modes-title">How they differ</h2>
              <div class="player">
                <button
                  class="quiet"
                  aria-label={playing.value ? "Stop the movement" : "Move"}
                  onClick={() => (playing.value = !playing.value)}
                >
                  <Icon name={playing.value ? "pause" : "play"} />
                </button>
                <input
                  type="range"
                  aria-label="Along the modes, in standard deviations"
                  min={-SWING}
                  max={SWING}
                  step="0.05"
                  value={phase.value}
                  onInput={(event) => {
                    playing.value = false;
                    phase.value = Number(event.currentTarget.value);
                  }}
                />
                <output>
                  {phase.value < 0 ? "−" : "+"}
                  {Math.abs(phase.value).toFixed(1)} sd
                </output>
              </div>
            </header>
            <div class="mode-grid">
              {known.modes.slice(0, 4).map((_, index) => (
                <Mode key={index} shapes={known} index={index} />
              ))}
            </div>
          </section>
          {known.modes.length >= 2 && (
            <section class="card" aria-labelledby="scatter-title">
              <h2 id="scatter-title">Every image</h2>
              <Scatter shapes={known} />
              <p class="faint">A dot is an image; click it to open it.</p>
            </section>
          )}
        </div>
      )}
    </main>
  );
}
