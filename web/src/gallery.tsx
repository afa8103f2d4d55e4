/** All images with their points. Only the tiles in sight exist, so thousands are no burden. */

import { computed, signal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";

import { fileAddress, type ImageEntry } from "./api";
import { Snapshot, type SmallPoint } from "./snapshot";
import * as state from "./state";
import { countedImages } from "./wording";

type Order = "doubt" | "folder" | "name";
type Kept = "all" | "open" | "labelled";

const order = signal<Order>("doubt");
const kept = signal<Kept>("all");
const sought = signal("");
const least = signal(172);
/** Where the person was, to come back to. */
const scrolled = signal(0);
const focused = signal(0);

interface Tile {
  image: ImageEntry;
  row: number;
  doubt: number | null;
}

const ranks = computed(() => {
  const known = state.predictions.value;
  return new Map(known?.images.ids.map((id, row) => [id, row]) ?? []);
});

/** Of each doubt its place among all, the greatest being the first; and how many there are. */
const doubtRanks = computed(() => {
  const doubts = state.predictions.value?.images.doubt ?? [];
  const known = doubts.filter((doubt) => doubt !== null).sort((a, b) => b - a);
  const places = new Map<number, number>();
  known.forEach((doubt, index) => places.has(doubt) || places.set(doubt, index + 1));
  return { places, count: known.length };
});

const doubtWord = (doubt: number): string => {
  const { places, count } = doubtRanks.value;
  return `doubt: ${places.get(doubt)?.toLocaleString("en")} of ${count.toLocaleString("en")}`;
};

const tiles = computed<Tile[]>(() => {
  const doubts = state.predictions.value?.images.doubt;
  const words = sought.value.toLowerCase().split(/\s+/).filter(Boolean);
  const all = (state.project.value?.images ?? []).map((image): Tile => {
    const row = ranks.value.get(image.id) ?? -1;
    return { image, row, doubt: doubts?.[row] ?? null };
  });
  const wanted = all.filter(({ image }) => {
    if (kept.value === "open" && (image.complete || image.trouble)) return false;
    if (kept.value === "labelled" && !image.complete) return false;
    return words.every((word) => image.name.toLowerCase().includes(word));
  });
  if (order.value === "doubt") {
    wanted.sort((a, b) => (b.doubt ?? -1) - (a.doubt ?? -1));
  } else if (order.value === "name") {
    const collator = new Intl.Collator("en", { numeric: true });
    wanted.sort((a, b) => collator.compare(a.image.name, b.image.name));
  }
  return wanted;
});

function pointsOf({ row }: Tile): SmallPoint[] {
  const known = state.predictions.value?.images;
  const points = state.scheme.value.points;
  const placed = known?.placed?.[row] ?? null;
  const predicted = known?.points[row] ?? null;
  return points.map(({ colour }, index) => {
    const [x, y] = [placed?.[2 * index] ?? null, placed?.[2 * index + 1] ?? null];
    if (x !== null && y !== null) return { at: [x, y], colour, placed: true };
    const [u, v] = [predicted?.[2 * index] ?? null, predicted?.[2 * index + 1] ?? null];
    return { at: u !== null && v !== null ? [u, v] : null, colour, placed: false };
  });
}

const FOOT = 46;
const GAP = 12;

export function Gallery(): JSX.Element {
  const frame = useRef<HTMLDivElement>(null);
  const width = useSignal(0);
  const height = useSignal(0);
  const top = useSignal(scrolled.peek());

  useLayoutEffect(() => {
    const element = frame.current as HTMLDivElement;
    const measure = (): void => {
      width.value = element.clientWidth;
      height.value = element.clientHeight;
    };
    measure();
    element.scrollTop = scrolled.peek();
    const watch = new ResizeObserver(measure);
    watch.observe(element);
    return () => watch.disconnect();
  }, []);
  useEffect(() => {
    void state.loadPredictions();
  }, []);
  const version = state.project.value?.version;
  useEffect(() => {
    if (state.predictions.value && state.predictions.value.version !== version) {
      void state.loadPredictions();
    }
  }, [version]);

  const all = tiles.value;
  const unreadable = all.filter(({ image }) => image.trouble).length;
  const padding = width.value < 600 ? 12 : 20;
  const room = Math.max(0, width.value - 2 * padding);
  const columns = Math.max(2, Math.floor((room + GAP) / (Math.min(least.value, room / 2) + GAP)));
  const side = (room - GAP * (columns - 1)) / columns;
  const pitch = side + FOOT + GAP;
  const rows = Math.ceil(all.length / columns);
  const firstRow = Math.max(0, Math.floor((top.value - padding) / pitch) - 1);
  const lastRow = Math.min(rows - 1, Math.ceil((top.value + height.value) / pitch) + 1);
  const inSight = all.slice(firstRow * columns, (lastRow + 1) * columns);
  const active = Math.min(focused.value, Math.max(0, all.length - 1));

  const show = (index: number): void => {
    const element = frame.current as HTMLDivElement;
    const y = padding + Math.floor(index / columns) * pitch;
    if (y < element.scrollTop) element.scrollTop = y - GAP;
    else if (y + pitch > element.scrollTop + element.clientHeight) {
      element.scrollTop = y + pitch - element.clientHeight + GAP;
    }
    top.value = element.scrollTop;
    focused.value = index;
    window.requestAnimationFrame(() =>
      element.querySelector<HTMLElement>(`[data-index="${index}"]`)?.focus({ preventScroll: true }),
    );
  };

  const key = (event: KeyboardEvent): void => {
    const page = Math.max(1, Math.floor(height.value / pitch)) * columns;
    const by: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      ArrowUp: -columns,
      ArrowDown: columns,
      PageUp: -page,
      PageDown: page,
      Home: -all.length,
      End: all.length,
    };
    const step = by[event.key];
    if (step !== undefined) {
      event.preventDefault();
      show(Math.min(Math.max(active + step, 0), all.length - 1));
    } else if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      const tile = all[active];
      if (tile) void state.open(tile.image.id);
    }
  };

  return (
    <main class="gallery" aria-label="Gallery">
      <div class="bar">
        <label>
          <span>Sort by</span>
          <select
            value={order.value}
            onChange={(event) => (order.value = event.currentTarget.value as Order)}
          >
            <option value="doubt">doubt, most first</option>
            <option value="folder">order in the folder</option>
            <option value="name">name</option>
          </select>
        </label>
        <label>
          <span>Show</span>
          <select
            value={kept.value}
            onChange={(event) => (kept.value = event.currentTarget.value as Kept)}
          >
            <option value="all">all images</option>
            <option value="open">not yet labelled</option>
            <option value="labelled">labelled</option>
          </select>
        </label>
        <label class="grow">
          <span>Find</span>
          <input
            type="search"
            placeholder="part of a name"
            value={sought.value}
            onInput={(event) => (sought.value = event.currentTarget.value)}
          />
        </label>
        <label class="size">
          <span>Size</span>
          <input
            type="range"
            min="110"
            max="340"
            value={least.value}
            onInput={(event) => (least.value = Number(event.currentTarget.value))}
          />
        </label>
        <output>
          {countedImages(all.length)}
          {unreadable > 0 && `, ${unreadable.toLocaleString("en")} cannot be read`}
        </output>
      </div>
      <div
        ref={frame}
        class="tiles"
        role="listbox"
        aria-label="Images"
        tabIndex={all.length === 0 ? 0 : -1}
        onKeyDown={key}
        onScroll={(event) => {
          top.value = event.currentTarget.scrollTop;
          scrolled.value = top.value;
        }}
      >
        {all.length === 0 && (
          <div role="option" aria-selected="false" class="nothing">
            No image fits this choice.
          </div>
        )}
        <div
          class="canvas"
          role="presentation"
          style={{ height: `${rows * pitch + 2 * padding - GAP}px` }}
        >
          {inSight.map((tile, offset) => {
            const index = firstRow * columns + offset;
            const x = padding + (index % columns) * (side + GAP);
            const y = padding + Math.floor(index / columns) * pitch;
            const { image, doubt } = tile;
            const word = image.trouble
              ? "cannot be read"
              : image.complete
              ? "labelled"
              : image.labelled > 0
                ? `${image.labelled} of ${state.scheme.value.points.length}`
                : "";
            return (
              <div
                key={image.id}
                class={`tile${image.trouble ? " unreadable" : image.complete ? " complete" : ""}${image.id === state.currentId.value ? " now" : ""}`}
                role="option"
                data-index={index}
                tabIndex={index === active ? 0 : -1}
                aria-selected={image.id === state.currentId.value}
                aria-posinset={index + 1}
                aria-setsize={all.length}
                title={image.trouble ? `${image.name}: ${image.trouble}` : image.name}
                style={{
                  width: `${side}px`,
                  height: `${side + FOOT}px`,
                  transform: `translate(${x}px, ${y}px)`,
                }}
                onFocus={() => (focused.value = index)}
                onClick={() => void state.open(image.id)}
              >
                <span class="frame" style={{ height: `${side}px` }}>
                  {!image.trouble && (
                    <Snapshot
                      address={fileAddress(image.id, 256)}
                      width={image.width}
                      height={image.height}
                      points={pointsOf(tile)}
                    />
                  )}
                </span>
                <span class="tile-name">{image.name}</span>
                <span class="tile-foot">
                  {word ? (
                    <span class="word">{word}</span>
                  ) : doubt === null ? (
                    <span class="word faint">no labels yet</span>
                  ) : (
                    <>
                      <span class="meter">
                        <span style={{ width: `${Math.round(100 * doubt)}%` }} />
                      </span>
                      <span
                        class="word"
                        title={`More doubtful than ${Math.round(100 * doubt)} % of the images`}
                      >
                        {doubtWord(doubt)}
                      </span>
                    </>
                  )}
                </span>
              </div>
            );
          })}
        </div>
      </div>
    </main>
  );
}
