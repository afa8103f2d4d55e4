/** Which points there are: names, colours, order, mirror pairs, and what errors are measured by. */

import { useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useRef } from "preact/hooks";

import type { Scheme } from "./api";
import { Dialog } from "./dialog";
import { Icon } from "./icons";
import { keep } from "./saving_files";
import { colourAt, guessMirror, guessNormaliser, readScheme, splitNames, writeScheme } from "./scheme";
import * as state from "./state";

interface Row {
  key: number;
  name: string;
  colour: string;
  was: number | null;
  /** Key of the row that a mirror swaps it with. */
  mirror: number | null;
}

let nextKey = 0;

function rowsOf(scheme: Scheme, known: boolean): Row[] {
  const rows = scheme.points.map((point, index): Row => {
    nextKey += 1;
    return { key: nextKey, ...point, was: known ? index : null, mirror: null };
  });
  for (const [a, b] of scheme.mirror) {
    const [first, second] = [rows[a], rows[b]];
    if (!first || !second || a === b) continue;
    first.mirror = second.key;
    second.mirror = first.key;
  }
  return rows;
}

export function PointsDialog(): JSX.Element {
  const before = state.scheme.value;
  /** Of the project when this was opened: the rows are made from its points. */
  const base = useRef(state.project.value?.version ?? 0);
  const fresh = before.points.length === 0;
  const rows = useSignal<Row[]>(rowsOf(before, true));
  const normaliser = useSignal<[number, number] | null>(
    before.normaliser && [
      rows.value[before.normaliser[0]]?.key ?? -1,
      rows.value[before.normaliser[1]]?.key ?? -1,
    ],
  );
  /** Whether a person has chosen it: then it is no longer guessed. */
  const chosen = useSignal(!fresh);
  const typed = useSignal("");
  const trouble = useSignal<string | null>(null);
  const dropping = useSignal(false);
  const file = useRef<HTMLInputElement>(null);
  const list = useRef<HTMLUListElement>(null);

  const guess = (): void => {
    const names = rows.value.map((row) => row.name);
    const mirror = guessMirror(names);
    rows.value = rows.value.map((row, index) => {
      const other = mirror[index] ?? null;
      return row.mirror === null && other !== null
        ? { ...row, mirror: (rows.value[other] as Row).key }
        : row;
    });
    if (chosen.value) return;
    const pair = guessNormaliser(names, mirror);
    normaliser.value = pair && [
      (rows.value[pair[0]] as Row).key,
      (rows.value[pair[1]] as Row).key,
    ];
  };

  const add = (): void => {
    const names = splitNames(typed.value);
    if (names.length === 0) return;
    const used = new Set(rows.value.map((row) => row.colour));
    const added = names.map((name, index): Row => {
      nextKey += 1;
      let number = rows.value.length + index;
      for (let k = 0; k < 20 && used.has(colourAt(number)); k += 1) number += 1;
      used.add(colourAt(number));
      return { key: nextKey, name, colour: colourAt(number), was: null, mirror: null };
    });
    rows.value = [...rows.value, ...added];
    typed.value = "";
    trouble.value = null;
    guess();
  };

  const change = (key: number, changes: Partial<Row>): void => {
    rows.value = rows.value.map((row) => (row.key === key ? { ...row, ...changes } : row));
    trouble.value = null;
  };

  const pair = (key: number, other: number | null): void => {
    rows.value = rows.value.map((row) => {
      if (row.key === key) return { ...row, mirror: other };
      if (row.key === other) return { ...row, mirror: key };
      // Whoever was paired with one of the two is so no longer.
      return row.mirror === key || row.mirror === other ? { ...row, mirror: null } : row;
    });
  };

  const shift = (index: number, by: 1 | -1): void => {
    const moved = [...rows.value];
    const [row] = moved.splice(index, 1);
    if (!row || index + by < 0 || index + by > moved.length) return;
    moved.splice(index + by, 0, row);
    rows.value = moved;
    window.setTimeout(() => {
      const selector = by === -1 ? "[data-up]" : "[data-down]";
      const item = list.current?.children[index + by];
      const button = item?.querySelector<HTMLButtonElement>(selector);
      (button?.disabled ? item?.querySelector<HTMLInputElement>("input") : button)?.focus();
    });
  };

  const remove = (key: number): void => {
    rows.value = rows.value
      .filter((row) => row.key !== key)
      .map((row) => (row.mirror === key ? { ...row, mirror: null } : row));
    if (normaliser.value?.includes(key)) {
      normaliser.value = null;
      chosen.value = false;
      guess();
    }
    dropping.value = false;
    trouble.value = null;
  };

  const readFile = async (): Promise<void> => {
    const picked = file.current?.files?.[0];
    if (!picked) return;
    try {
      const scheme = readScheme(await picked.text());
      const read = rowsOf(scheme, false);
      // Points of the same name keep their labels.
      for (const row of read) {
        const index = before.points.findIndex((point) => point.name === row.name);
        row.was = index === -1 ? null : index;
      }
      rows.value = read;
      normaliser.value = scheme.normaliser && [
        (read[scheme.normaliser[0]] as Row).key,
        (read[scheme.normaliser[1]] as Row).key,
      ];
      chosen.value = scheme.normaliser !== null;
      trouble.value = null;
    } catch (error) {
      trouble.value = error instanceof Error ? error.message : String(error);
    }
    if (file.current) file.current.value = "";
  };

  const asScheme = (): Scheme => {
    const indexOf = (key: number): number => rows.value.findIndex((row) => row.key === key);
    const pairs = rows.value.flatMap((row, index): [number, number][] => {
      const other = row.mirror === null ? -1 : indexOf(row.mirror);
      return other > index ? [[index, other]] : [];
    });
    const measured = normaliser.value?.map(indexOf) as [number, number] | undefined;
    return {
      points: rows.value.map(({ name, colour }) => ({ name: name.trim(), colour })),
      mirror: pairs,
      normaliser:
        measured && measured[0] >= 0 && measured[1] >= 0 && measured[0] !== measured[1]
          ? measured
          : null,
    };
  };

  const save = async (event: Event): Promise<void> => {
    event.preventDefault();
    if (typed.value.trim() !== "") add();
    const scheme = asScheme();
    const names = scheme.points.map((point) => point.name);
    const twice = names.find((name, index) => names.indexOf(name) !== index);
    if (names.length === 0) trouble.value = "Give at least one point a name.";
    else if (names.includes("")) trouble.value = "A point has no name: give it one or remove it.";
    else if (twice !== undefined) {
      trouble.value = `Two points are called "${twice}": names tell points apart in every file.`;
    } else {
      const refused = await state.changeScheme({
        base_version: base.current,
        points: scheme.points.map((point, index) => {
          const was = rows.value[index]?.was ?? null;
          return was === null ? point : { ...point, was };
        }),
        mirror: scheme.mirror,
        normaliser: scheme.normaliser,
        ...(dropping.value ? { drop_labels: true } : {}),
      });
      trouble.value = refused;
      if (refused === null) {
        state.dialog.value = null;
        return;
      }
      const kept = new Set(rows.value.map((row) => row.was));
      dropping.value = before.points.some((_, index) => !kept.has(index));
    }
  };

  const close = (): void => void (state.dialog.value = null);
  return (
    <Dialog
      title={fresh ? "Which points do you want to find?" : "The points"}
      kind="define"
      onClose={close}
    >
      {fresh && (
        <p class="lead">
          Name them as your analysis will call them. You place them on a few pictures; the rest
          follow.
        </p>
      )}
      <form onSubmit={(event) => void save(event)}>
        {rows.value.length > 0 && (
          <ul class="rows" ref={list} aria-label="Points in order">
            {rows.value.map((row, index) => (
              <li key={row.key}>
                <input
                  type="color"
                  value={row.colour}
                  aria-label={`Colour of ${row.name || `point ${index + 1}`}`}
                  onInput={(event) => change(row.key, { colour: event.currentTarget.value })}
                />
                <input
                  class="row-name"
                  value={row.name}
                  maxLength={200}
                  aria-label={`Name of point ${index + 1}`}
                  onInput={(event) => change(row.key, { name: event.currentTarget.value })}
                />
                <label class="mirror">
                  <span>mirrors</span>
                  <select
                    value={row.mirror ?? ""}
                    aria-label={`What mirrors ${row.name || `point ${index + 1}`}`}
                    onChange={(event) =>
                      pair(
                        row.key,
                        event.currentTarget.value === "" ? null : Number(event.currentTarget.value),
                      )
                    }
                  >
                    <option value="">itself</option>
                    {rows.value
                      .filter((other) => other.key !== row.key)
                      .map((other) => (
                        <option key={other.key} value={other.key}>
                          {other.name}
                        </option>
                      ))}
                  </select>
                </label>
                <span class="row-buttons">
                  <button
                    type="button"
                    class="quiet"
                    data-up
                    disabled={index === 0}
                    aria-label={`Move ${row.name} up`}
                    onClick={() => shift(index, -1)}
                  >
                    <Icon name="up" />
                  </button>
                  <button
                    type="button"
                    class="quiet"
                    data-down
                    disabled={index === rows.value.length - 1}
                    aria-label={`Move ${row.name} down`}
                    onClick={() => shift(index, 1)}
                  >
                    <Icon name="down" />
                  </button>
                  <button
                    type="button"
                    class="quiet"
                    aria-label={`Remove ${row.name}`}
                    onClick={() => remove(row.key)}
                  >
                    <Icon name="close" />
                  </button>
                </span>
              </li>
            ))}
          </ul>
        )}
        <div class="row">
          <label class="grow">
            <span>{rows.value.length === 0 ? "Names" : "More points"}</span>
            <input
              autofocus={fresh}
              value={typed.value}
              placeholder="left eye, right eye, nose tip"
              onInput={(event) => (typed.value = event.currentTarget.value)}
              onKeyDown={(event) => {
                if (event.key !== "Enter" || typed.value.trim() === "") return;
                event.preventDefault();
                add();
              }}
            />
          </label>
          <button type="button" class="plain" disabled={typed.value.trim() === ""} onClick={add}>
            Add
          </button>
        </div>
        {rows.value.length >= 2 && (
          <fieldset class="measure">
            <legend>Errors are given in % of the distance between</legend>
            {([0, 1] as const).map((end) => (
              <select
                key={end}
                aria-label={end === 0 ? "First point" : "Second point"}
                value={normaliser.value?.[end] ?? ""}
                onChange={(event) => {
                  const key = Number(event.currentTarget.value);
                  chosen.value = true;
                  if (event.currentTarget.value === "") normaliser.value = null;
                  else {
                    const known = normaliser.value ?? [key, key];
                    const other =
                      known[1 - end] === key
                        ? (rows.value.find((row) => row.key !== key)?.key ?? key)
                        : known[1 - end]!;
                    normaliser.value = end === 0 ? [key, other] : [other, key];
                  }
                }}
              >
                <option value="">(neither: the box around all points)</option>
                {rows.value.map((row) => (
                  <option key={row.key} value={row.key}>
                    {row.name}
                  </option>
                ))}
              </select>
            ))}
          </fieldset>
        )}
        <p class="result bad" role="alert">
          {trouble.value}
        </p>
        <footer>
          <span class="row">
            <input
              ref={file}
              type="file"
              hidden
              accept=".json,.txt,.csv,.tsv"
              aria-label="File of points"
              onChange={() => void readFile()}
            />
            <button type="button" class="quiet" onClick={() => file.current?.click()}>
              <Icon name="file" /> From a file …
            </button>
            {rows.value.length > 0 && (
              <button
                type="button"
                class="quiet"
                onClick={() =>
                  keep({
                    blob: new Blob([writeScheme(asScheme())]),
                    name: "points.json",
                  })
                }
              >
                <Icon name="export" /> To a file
              </button>
            )}
          </span>
          <button class="primary" disabled={rows.value.length === 0 && typed.value.trim() === ""}>
            {dropping.value ? "Remove them with their labels" : fresh ? "Begin" : "Save"}
          </button>
        </footer>
      </form>
    </Dialog>
  );
}
