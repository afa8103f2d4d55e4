/** The picture, large, with its points: placing, dragging, zooming and panning. */

import { effect, signal, useComputed, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";

import type { XY } from "./api";
import { Loupe } from "./loupe";
import { Marker, type MarkerKind } from "./marker";
import { placeNames } from "./names";
import * as state from "./state";
import { fit, held, pinched, toImage, toStage, within, zoomed, type Size, type View } from "./view";

/** How far a press must move to be a drag: fingers are not still. */
const DRAG_FROM = { mouse: 4, pen: 6, touch: 10 };
/** How far from a point one can take hold of it. */
const REACH = { mouse: 13, pen: 18, touch: 26 };
/** How far from a suggestion a click still lies on its ring, and accepts it. */
const ON_RING = { mouse: 9, pen: 10, touch: 12 };

const reachOf = (reach: typeof REACH, pointer: string): number =>
  reach[pointer as keyof typeof REACH] ?? reach.mouse;

export const view = signal<View>({ scale: 1, x: 0, y: 0 });
const stageSize = signal<Size>({ width: 1, height: 1 });
const touched = signal(false);
let stageElement: HTMLElement | null = null;
let returning = false;

export const focusStage = (): void => stageElement?.focus({ preventScroll: true });

function imageSize(): Size | null {
  const id = state.currentId.value;
  const shown = state.item.value;
  if (shown && shown.id === id) return shown;
  return state.project.value?.images.find((image) => image.id === id) ?? null;
}

export function fitStage(): void {
  const image = imageSize();
  if (!image) return;
  touched.value = false;
  view.value = fit(image, stageSize.value);
}

export function zoom(factor: number, at?: XY): void {
  const image = imageSize();
  if (!image) return;
  const { width, height } = stageSize.value;
  const chosen = state.selected.value;
  const shown = state.item.value;
  const where = chosen !== null && shown ? state.whereabouts(shown, chosen) : null;
  const anchor: XY = at ?? (where ? toStage(view.value, where) : [width / 2, height / 2]);
  show(zoomed(view.value, factor, anchor, image, stageSize.value), image);
}

function show(chosen: View, image: Size): void {
  view.value = chosen;
  touched.value = chosen.scale > fit(image, stageSize.value).scale * 1.001;
}

/** Close to the selected point, or back to the whole picture. */
export function toggleClose(): void {
  const image = imageSize();
  const shown = state.item.value;
  if (!image || !shown) return;
  if (touched.value) {
    fitStage();
    return;
  }
  const index = state.selected.value ?? state.target(null);
  const where = index === null ? null : state.whereabouts(shown, index);
  const at: XY = where ?? [image.width / 2, image.height / 2];
  const scale = Math.max(fit(image, stageSize.value).scale * 4, 4);
  const { width, height } = stageSize.value;
  view.value = held(
    { scale, x: width / 2 - (at[0] + 0.5) * scale, y: height / 2 - (at[1] + 0.5) * scale },
    image,
    stageSize.value,
  );
  touched.value = true;
}

export function pan(dx: number, dy: number): void {
  const image = imageSize();
  if (!image) return;
  const { scale, x, y } = view.value;
  view.value = held({ scale, x: x + dx, y: y + dy }, image, stageSize.value);
}

/** The pixel in the middle of what can be seen. */
export function middle(): XY {
  const image = imageSize() ?? { width: 1, height: 1 };
  const { width, height } = stageSize.value;
  const [x, y] = within(toImage(view.value, [width / 2, height / 2]), image);
  return [Math.round(x), Math.round(y)];
}

// Another picture or another size of the window: the whole of it; where one has zoomed in, the same
// part of it in the middle.
let fitted = "";
let fittedIn: Size = { width: 1, height: 1 };
effect(() => {
  const { width, height } = stageSize.value;
  const image = imageSize();
  if (!image || width <= 1) return;
  const key = `${state.currentId.value} ${image.width} ${image.height}`;
  if (key !== fitted || !touched.peek()) {
    fitted = key;
    touched.value = false;
    view.value = fit(image, { width, height });
  } else {
    const { scale, x, y } = view.peek();
    const [right, down] = [(width - fittedIn.width) / 2, (height - fittedIn.height) / 2];
    view.value = held({ scale, x: x + right, y: y + down }, image, { width, height });
  }
  fittedIn = { width, height };
});

/** A point that is close enough to the pointer to be dragged. */
interface Hit {
  index: number;
  /** Whether a click means it, too: one beside the ring of a suggestion places a point. */
  clicked: boolean;
}

interface Drag extends Hit {
  /** From the pointer to the point, so that it does not jump when it is taken. */
  offset: XY;
  at: XY;
  moved: boolean;
}

export function Stage(): JSX.Element {
  const element = useRef<HTMLDivElement>(null);
  const drag = useSignal<Drag | null>(null);
  const pointer = useSignal<XY | null>(null);
  const panning = useSignal(false);
  const fingers = useRef(new Map<number, XY>());
  const grip = useRef<{ view: View; from: [XY, XY] } | null>(null);
  const press = useRef<{ from: XY; last: XY; pinched: boolean; type: string } | null>(null);

  useEffect(() => {
    const stage = element.current as HTMLDivElement;
    stageElement = stage;
    // Not at first: the browser would draw a frame around it that nobody has asked for.
    if (returning && state.dialog.peek() === null) focusStage();
    returning = true;
    const watch = new ResizeObserver(() => {
      stageSize.value = { width: stage.clientWidth, height: stage.clientHeight };
    });
    watch.observe(stage);
    // What was begun on one image is not ended on another.
    const leave = state.currentId.subscribe(() => {
      press.current = null;
      drag.value = null;
      panning.value = false;
    });
    // Preact would listen passively; the page must not scroll with the wheel.
    const wheel = (event: WheelEvent): void => {
      event.preventDefault();
      const pixels = event.deltaMode === 1 ? event.deltaY * 32 : event.deltaY;
      if (event.shiftKey) pan(-pixels || -event.deltaX, 0);
      else zoom(Math.exp(-pixels * (event.ctrlKey ? 0.01 : 0.0022)), at(event));
    };
    stage.addEventListener("wheel", wheel, { passive: false });
    return () => {
      watch.disconnect();
      leave();
      stage.removeEventListener("wheel", wheel);
    };
  }, []);

  const at = (event: { clientX: number; clientY: number }): XY => {
    const box = (element.current as HTMLDivElement).getBoundingClientRect();
    return [event.clientX - box.left, event.clientY - box.top];
  };

  /** The point under the pointer: of several the nearest, a placed one rather than a suggestion. */
  const hit = (where: XY, pointer: string): Hit | null => {
    const shown = state.item.value;
    if (!shown || shown.trouble || state.hidePoints.value) return null;
    let found: Hit | null = null;
    let least = reachOf(REACH, pointer);
    for (let index = 0; index < shown.points.length; index += 1) {
      const point = state.whereabouts(shown, index);
      if (!point) continue;
      const [x, y] = toStage(view.value, point);
      const placed = shown.points[index] !== null;
      const chosen = index === (placed ? state.selected : state.armed).value;
      const distance = Math.hypot(x - where[0], y - where[1]);
      const shortened = distance - (chosen ? 4 : placed ? 2 : 0);
      if (shortened >= least) continue;
      least = shortened;
      found = { index, clicked: placed || distance <= reachOf(ON_RING, pointer) };
    }
    return found;
  };

  const down = (event: PointerEvent): void => {
    if (event.button !== 0 && event.button !== 1) return;
    const where = at(event);
    fingers.current.set(event.pointerId, where);
    (event.currentTarget as Element).setPointerCapture(event.pointerId);
    focusStage();
    take();
    if (fingers.current.size > 1) {
      drag.value = null;
      if (press.current) press.current.pinched = true;
      return;
    }
    press.current = { from: where, last: where, pinched: false, type: event.pointerType };
    if (event.button === 1) {
      panning.value = true;
      return;
    }
    const found = hit(where, event.pointerType);
    const shown = state.item.value;
    if (!found || !shown) return;
    const point = state.whereabouts(shown, found.index) as XY;
    const [x, y] = toStage(view.value, point);
    drag.value = { ...found, offset: [x - where[0], y - where[1]], at: point, moved: false };
    if (found.clicked) hold(found.index);
  };

  const hold = (index: number): void => {
    state.selected.value = index;
    state.armed.value = null;
  };

  const move = (event: PointerEvent): void => {
    const where = at(event);
    pointer.value = event.pointerType === "touch" ? null : where;
    const pressed = press.current;
    if (!fingers.current.has(event.pointerId) || !pressed) return;
    fingers.current.set(event.pointerId, where);
    if (grip.current) {
      pinch(grip.current);
      return;
    }
    if (pressed.pinched) return;
    const far =
      Math.hypot(where[0] - pressed.from[0], where[1] - pressed.from[1]) >=
      reachOf(DRAG_FROM, pressed.type);
    const shown = state.item.value;
    const dragged = drag.value;
    if (dragged && shown) {
      if (!dragged.moved && !far) return;
      hold(dragged.index);
      const moved = toImage(view.value, [
        where[0] + dragged.offset[0],
        where[1] + dragged.offset[1],
      ]);
      drag.value = { ...dragged, at: within(moved, shown), moved: true };
    } else if (panning.value || far) {
      panning.value = true;
      pan(where[0] - pressed.last[0], where[1] - pressed.last[1]);
      touched.value = true;
    }
    pressed.last = where;
  };

  /** Two fingers hold the picture, as it now lies. */
  const take = (): void => {
    const from = [...fingers.current.values()];
    grip.current = from.length === 2 ? { view: view.value, from: from as [XY, XY] } : null;
  };

  const pinch = (start: { view: View; from: [XY, XY] }): void => {
    const image = imageSize();
    if (!image) return;
    const now = [...fingers.current.values()] as [XY, XY];
    show(pinched(start.view, start.from, now, image, stageSize.value), image);
  };

  const up = (event: PointerEvent): void => {
    if (!fingers.current.delete(event.pointerId)) return;
    take();
    const pressed = press.current;
    if (fingers.current.size > 0) return;
    press.current = null;
    const dragged = drag.value;
    const wasPanning = panning.value;
    drag.value = null;
    panning.value = false;
    const shown = state.item.value;
    if (!pressed || !shown || pressed.pinched || event.type === "pointercancel") return;
    if (dragged && (dragged.moved || dragged.clicked)) {
      // A suggestion that is clicked is right where it is.
      if (dragged.moved) state.place(dragged.index, dragged.at);
      else if (!shown.points[dragged.index]) {
        state.place(dragged.index, within(dragged.at, shown));
      } else state.choose(dragged.index);
      if (!dragged.moved) state.armed.value = null;
      return;
    }
    if (wasPanning || state.hidePoints.value) return;
    const point = toImage(view.value, pressed.from);
    if (!inside(point, shown)) {
      state.unchoose();
      return;
    }
    const index = state.target(point);
    if (index === null) state.unchoose();
    else state.place(index, within(point, shown));
  };

  const image = imageSize();
  const shown = state.item.value;
  const trouble = shown?.trouble ?? state.project.value?.images[state.position.value]?.trouble;
  const dragged = drag.value;
  const { scale, x, y } = view.value;
  const id = state.currentId.value;
  const names = state.showNames.value;
  const where = pointer.value;
  const over = useComputed(() => {
    const place = pointer.value;
    if (!place || drag.value || panning.value) return null;
    const found = hit(place, "mouse");
    return found?.clicked ? found.index : null;
  }).value;
  const ghost = ghostAt(over, where, dragged !== null || panning.value);

  const places = shown
    ? shown.points.map((_, index): XY | null => {
        const isDragged = dragged?.index === index && dragged.moved;
        const point = isDragged ? dragged.at : state.whereabouts(shown, index);
        return point && toStage(view.value, point);
      })
    : [];
  const texts = placeNames(
    places.map((place, index) => {
      const name = state.scheme.value.points[index]?.name;
      const must = state.selected.value === index || over === index;
      if (!place || name === undefined || !(names || must)) return null;
      return { x: place[0], y: place[1], name, must };
    }),
    stageSize.value,
  );
  const markers = shown
    ? shown.points.map((placed, index) => {
        const isDragged = dragged?.index === index && dragged.moved;
        const place = places[index];
        if (!place) return null;
        const kind: MarkerKind =
          placed || isDragged
            ? placed && !placed.visible && !isDragged
              ? "hidden"
              : "placed"
            : "suggested";
        const scheme = state.scheme.value.points[index];
        const isSelected = state.selected.value === index;
        return (
          <Marker
            key={index}
            index={index}
            kind={kind}
            x={place[0]}
            y={place[1]}
            colour={scheme?.colour ?? "#888888"}
            name={scheme?.name ?? ""}
            at={texts[index] ?? null}
            selected={isSelected}
            score={shown.scores[index] ?? 1}
            open={isDragged || isSelected || scale > 6}
          />
        );
      })
    : null;

  return (
    <div
      ref={element}
      class={`stage${panning.value ? " panning" : over !== null || dragged ? " over" : ""}`}
      id="stage"
      data-image={shown?.name}
      tabIndex={0}
      role="application"
      aria-label={stageLabel()}
      aria-describedby="stage-keys"
      onPointerDown={down}
      onPointerMove={move}
      onPointerUp={up}
      onPointerCancel={up}
      onPointerLeave={() => (pointer.value = null)}
    >
      <span id="stage-keys" class="unseen">
        Digits choose a point, arrow keys move it, Enter accepts suggestions, question mark for help.
      </span>
      {image && id !== null && !trouble && (
        <img
          key={state.pictureAddress(id)}
          class={`picture${scale > 5 ? " pixels" : ""}${state.pictureShown.value === id ? "" : " waiting"}`}
          src={state.pictureAddress(id)}
          alt=""
          draggable={false}
          onLoad={() => state.pictureCame(id)}
          onError={() => void state.pictureFailed(id)}
          style={{
            width: `${image.width}px`,
            height: `${image.height}px`,
            transform: `translate(${x}px, ${y}px) scale(${scale})`,
          }}
        />
      )}
      {id !== null && !trouble && state.connection.value === "lost" && state.pictureShown.value !== id && (
        <p class="trouble">This picture is not here yet: it comes when the server answers again.</p>
      )}
      {trouble && <p class="trouble">This picture cannot be read, and is left out: {trouble}</p>}
      <svg class="points" aria-hidden="true">
        {!state.hidePoints.value && markers}
        {ghost}
      </svg>
      {dragged?.moved && image && id !== null && (
        <Loupe
          address={state.pictureAddress(id)}
          image={image}
          at={dragged.at}
          scale={Math.min(Math.max(scale * 3.5, 3), 40)}
          right={
            toStage(view.value, dragged.at)[0] < 230 && toStage(view.value, dragged.at)[1] < 230
          }
        />
      )}
    </div>
  );
}

const inside = ([x, y]: XY, image: Size): boolean =>
  x >= -0.5 && y >= -0.5 && x <= image.width - 0.5 && y <= image.height - 0.5;

/** The name of the point that a click would place, at the pointer. */
function ghostAt(over: number | null, where: XY | null, busy: boolean): JSX.Element | null {
  const shown = state.item.value;
  if (!shown || !where || busy || over !== null || state.hidePoints.value) return null;
  const point = toImage(view.value, where);
  if (!inside(point, shown)) return null;
  const index = state.target(point);
  const scheme = index === null ? undefined : state.scheme.value.points[index];
  if (index === null || !scheme) return null;
  const predicted = shown.points[index] ? null : shown.predicted[index];
  const [x, y] = where;
  const from = predicted ? toStage(view.value, predicted) : null;
  return (
    <g class="ghost">
      {from && <line class="lead" x1={from[0]} y1={from[1]} x2={x} y2={y} />}
      <g transform={`translate(${x} ${y})`}>
        <path class="casing" d="M-16 0h11M5 0h11M0-16v11M0 5v11" />
        <path d="M-16 0h11M5 0h11M0-16v11M0 5v11" stroke={scheme.colour} />
        <text class="name" x={12} y={-10}>
          {scheme.name}
        </text>
      </g>
    </g>
  );
}

function stageLabel(): string {
  const shown = state.item.value;
  if (!shown) return "Picture";
  const placed = shown.points.filter((point) => point !== null).length;
  return `Picture ${shown.name}: ${placed} of ${shown.points.length} points placed`;
}
