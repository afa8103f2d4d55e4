/** What the page knows, and what can be done with it; the components only draw it. */

import { batch, computed, signal } from "@preact/signals";

import * as api from "./api";
import type { ImageItem, Placed, XY } from "./api";
import { Saver } from "./saving";
import { fixed } from "./wording";

export type Section = "label" | "gallery" | "shapes";
export type DialogName = "help" | "export" | "points" | null;
export type Connection = "fine" | "lost" | "locked";

export interface Conflict {
  id: number;
  mine: (Placed | null)[];
  current: ImageItem;
}

export const project = signal<api.Project | null>(null);
export const failure = signal<string | null>(null);
export const section = signal<Section>("label");
export const dialog = signal<DialogName>(null);
export const connection = signal<Connection>("fine");
/** Whether the server is asked again because somebody wants it. */
export const trying = signal(false);
export const conflict = signal<Conflict | null>(null);
export const unsaved = signal(0);

export const currentId = signal<number | null>(null);
export const item = signal<ImageItem | null>(null);
/** The image whose picture is seen, and the one whose picture did not come. */
export const pictureShown = signal<number | null>(null);
export const pictureMissing = signal<number | null>(null);
/** Grows when the server answers again after it did not. */
export const returns = signal(0);
/** Grows when a picture that did not come is asked for again. */
const pictureTries = signal(0);
/** The point that arrow keys move. */
export const selected = signal<number | null>(null);
/** The point that was chosen to be placed next, whatever is near. */
export const armed = signal<number | null>(null);

export const predictions = signal<api.Predictions | null>(null);
export const progress = signal<api.Progress | null>(null);
export const suggestion = signal<api.Suggestion | null>(null);
export const refit = signal<number | null>(null);
export const canUndo = signal(true);
export const canRedo = signal(true);

export const showNames = signal(true);
export const hidePoints = signal(false);

export const notice = signal<{ text: string; kind: "plain" | "error"; key: number } | null>(null);
export const spoken = signal("");

export const scheme = computed<api.Scheme>(
  () => project.value?.scheme ?? { points: [], mirror: [], normaliser: null },
);
export const position = computed(() => {
  const id = currentId.value;
  return project.value?.images.findIndex((image) => image.id === id) ?? -1;
});
/** Images with some points at the least. */
export const begunImages = computed(
  () => project.value?.images.filter((image) => image.labelled > 0).length ?? 0,
);
/** Images without points that cannot be read, as far as they have been looked at. */
export const unreadableImages = computed(
  () => project.value?.images.filter((image) => image.trouble && !image.labelled).length ?? 0,
);
export const completeImages = computed(
  () => project.value?.images.filter((image) => image.complete).length ?? 0,
);

let noticeTimer = 0;
const told = new Set<string>();

/** Each sentence of the server once, on lines of their own. */
function tell(sentences: string[] | undefined): void {
  const fresh = sentences?.filter((sentence) => !told.has(sentence)) ?? [];
  for (const sentence of fresh) told.add(sentence);
  const lines = fresh.map((sentence) => (/[.!?]$/.test(sentence) ? sentence : `${sentence}.`));
  if (lines.length > 0) say(lines.join("\n"), "error");
}

export function say(text: string, kind: "plain" | "error" = "plain"): void {
  notice.value = { text, kind, key: Date.now() };
  window.clearTimeout(noticeTimer);
  noticeTimer = window.setTimeout(() => (notice.value = null), kind === "error" ? 9000 : 4000);
}

export function announce(text: string): void {
  // The same sentence twice must be read twice.
  spoken.value = spoken.value === text ? `${text}\u00a0` : text;
}

// -- connection ------------------------------------------------------------------------------

/** Runs a request; a server that is gone shows as such and gives null. */
export async function attempt<T>(request: () => Promise<T>): Promise<T | null> {
  try {
    const answer = await request();
    recovered();
    return answer;
  } catch (error) {
    explain(error);
    return null;
  }
}

/** Asks a question of which the later answers count: one that comes after them is left out. */
function inOrder<About extends unknown[], T>(
  request: (...about: About) => Promise<T>,
  take: (answer: T) => void,
): (...about: About) => Promise<T | null> {
  let asked = 0;
  let taken = 0;
  return async (...about) => {
    asked += 1;
    const turn = asked;
    const answer = await attempt(() => request(...about));
    if (answer === null || turn < taken) return answer;
    taken = turn;
    take(answer);
    return answer;
  };
}

/** Whether an answer did not come since the server was last looked at. */
let missed = false;

function explain(error: unknown): void {
  if (error instanceof api.Unreachable) {
    connection.value = "lost";
    missed = true;
  } else if (error instanceof api.Refused && error.status === 403) connection.value = "locked";
  else if (error instanceof api.Refused) say(error.message, "error");
  else throw error;
}

function recovered(): void {
  if (connection.value === "fine") return;
  connection.value = "fine";
  announce("The server answers again.");
}

export async function retry(): Promise<void> {
  trying.value = true;
  await poll();
  trying.value = false;
  if (connection.value === "fine") await saver.drain();
}

// -- saving ----------------------------------------------------------------------------------

const saver = new Saver({
  send: (id, base, { points, image }) => api.putPoints(id, base, points, image),
  saved(id, answer, newest) {
    recovered();
    batch(() => {
      // Else somebody else has changed something before, which is still to be fetched.
      if (knownVersion === answer.project_version_before) knownVersion = answer.project_version;
      refit.value = answer.refit_ms;
      noteHistory(answer, { can_undo: true, can_redo: false });
      const shown = item.value;
      if (shown?.id === id) {
        item.value = {
          ...shown,
          version: answer.version,
          ...(newest && answer.predicted ? { predicted: answer.predicted } : {}),
          ...(newest && answer.scores ? { scores: answer.scores } : {}),
        };
      }
    });
    // What is suggested on every other image was fitted without this.
    remembered.clear();
    const seen = item.value;
    if (newest && !answer.predicted) void reloadItem(id);
    else if (seen && seen.id !== id) void reloadItem(seen.id);
    scheduleRefresh();
  },
  renew: () => unedited(reloadProject),
  arrived(id, mine, current) {
    batch(() => {
      if (currentId.value === id) item.value = { ...current, points: mine };
      noteLabelled(id, mine);
    });
  },
  conflicted: (id, mine, current) => (conflict.value = { id, mine, current }),
  asking: () => conflict.value !== null,
  failed(id, error) {
    if (error instanceof api.Refused && error.status === 404) return;
    explain(error);
    if (error instanceof api.Refused && error.status !== 403) void reloadItem(id);
  },
  counted: (count) => (unsaved.value = count),
});

let waited = 0;

/** Lets nothing be placed meanwhile: what is shown may become something else. */
async function unedited<T>(action: () => Promise<T>): Promise<T> {
  waited += 1;
  try {
    return await action();
  } finally {
    waited -= 1;
  }
}

/** The image that is shown, where points may be placed on it now. */
function editable(): ImageItem | null {
  if (waited === 0) return item.value;
  say("The points are being fetched anew: try again.");
  return null;
}

export const UNSAVED = "Your last change is not saved yet: try again.";

/** Whether all that was changed here has reached the server, after sending what had not. */
export async function settled(): Promise<boolean> {
  window.clearTimeout(nudgeTimer);
  await saver.drain();
  return unsaved.value === 0 && conflict.value === null;
}

function noteHistory(
  answer: { can_undo?: boolean; can_redo?: boolean },
  otherwise?: { can_undo: boolean; can_redo: boolean },
): void {
  canUndo.value = answer.can_undo ?? otherwise?.can_undo ?? canUndo.value;
  canRedo.value = answer.can_redo ?? otherwise?.can_redo ?? canRedo.value;
}

let nudgeTimer = 0;

/** Shows `points` on the current image at once and saves them, or, `soon`, when it gets quiet. */
function edit(points: (Placed | null)[], soon = false): void {
  const shown = item.value;
  if (!shown) return;
  batch(() => {
    item.value = { ...shown, points };
    noteLabelled(shown.id, points);
  });
  saver.put(shown.id, shown.version, { image: shown.name, points });
  window.clearTimeout(nudgeTimer);
  if (soon) nudgeTimer = window.setTimeout(() => void saver.drain(), 400);
  else void saver.drain();
}

function noteLabelled(id: number, points: (Placed | null)[]): void {
  const known = project.value;
  if (!known) return;
  const labelled = points.filter((point) => point !== null).length;
  const complete = points.length > 0 && labelled === points.length;
  project.value = {
    ...known,
    images: known.images.map((image) =>
      image.id === id ? { ...image, labelled, complete } : image,
    ),
  };
}

window.addEventListener("pagehide", () => void saver.drain());

export async function settleConflict(choice: "mine" | "theirs"): Promise<void> {
  const open = conflict.value;
  if (!open) return;
  conflict.value = null;
  const { id, mine, current } = open;
  saver.forget(id);
  if (currentId.value === id) item.value = current;
  remembered.delete(id);
  noteLabelled(id, current.points);
  if (choice === "mine") {
    if (currentId.value === id) edit(mine);
    else {
      saver.put(id, current.version, { image: current.name, points: mine });
      await saver.drain();
    }
  }
  await refreshSides();
}

// -- points ----------------------------------------------------------------------------------

const firstOpen = (points: (Placed | null)[], after: number): number | null => {
  for (let step = 1; step <= points.length; step += 1) {
    const index = (after + step) % points.length;
    if (points[index] === null) return index;
  }
  return null;
};

/** Which point a click at `at` (pixels of the image) would place. */
export function target(at: XY | null): number | null {
  const shown = item.value;
  if (!shown || shown.trouble) return null;
  if (armed.value !== null) return armed.value;
  const open = firstOpen(shown.points, selected.value ?? -1);
  if (open === null || at === null) return open;
  // Among suggestions the nearest is meant.
  let nearest = open;
  let least = Infinity;
  shown.points.forEach((placed, index) => {
    const predicted = shown.predicted[index];
    if (placed !== null || !predicted) return;
    const distance = Math.hypot(predicted[0] - at[0], predicted[1] - at[1]);
    if (distance < least) [nearest, least] = [index, distance];
  });
  return nearest;
}

const nameOf = (index: number): string => scheme.value.points[index]?.name ?? `point ${index + 1}`;

const described = (x: number, y: number): string => `${fixed(x, 1)}, ${fixed(y, 1)}`;

export function place(index: number, [x, y]: XY): void {
  const shown = editable();
  if (!shown) return;
  const points = [...shown.points];
  points[index] = { x, y, visible: points[index]?.visible ?? true };
  batch(() => {
    selected.value = index;
    armed.value = null;
    edit(points);
  });
  const next = firstOpen(points, index);
  announce(
    `${nameOf(index)} at ${described(x, y)}. ` +
      (next === null ? "All points are placed." : `Next: ${nameOf(next)}.`),
  );
}

/** Where a point is drawn: as placed, else as predicted. */
export function whereabouts(shown: ImageItem, index: number): XY | null {
  const placed = shown.points[index];
  if (placed) return placed.x === null || placed.y === null ? null : [placed.x, placed.y];
  return shown.predicted[index] ?? null;
}

/** Moves the selected point by whole pixels; a point that is nowhere appears at `otherwise`. */
export function nudge(dx: number, dy: number, otherwise: XY): void {
  const shown = editable();
  const index = selected.value ?? target(null);
  if (!shown || index === null) return;
  const from = whereabouts(shown, index);
  const keep = (value: number, size: number): number =>
    Math.round(Math.min(Math.max(value, -0.5), size - 0.5) * 100) / 100;
  const [x, y]: XY = from
    ? [keep(from[0] + dx, shown.width), keep(from[1] + dy, shown.height)]
    : otherwise;
  const points = [...shown.points];
  points[index] = { x, y, visible: points[index]?.visible ?? true };
  batch(() => {
    selected.value = index;
    armed.value = null;
    edit(points, true);
  });
  announce(`${nameOf(index)} at ${described(x, y)}`);
}

export function choose(index: number): void {
  const shown = item.value;
  if (!shown || shown.trouble || index < 0 || index >= shown.points.length) return;
  batch(() => {
    selected.value = index;
    armed.value = index;
  });
  const placed = shown.points[index];
  const at = whereabouts(shown, index);
  const state = placed
    ? placed.visible
      ? "placed"
      : "not visible"
    : at
      ? "suggested"
      : "not placed";
  announce(`${nameOf(index)}, ${state}${at ? ` at ${described(...at)}` : ""}`);
}

export function chooseNext(step: 1 | -1): void {
  const count = item.value?.points.length ?? 0;
  if (count === 0) return;
  const from = selected.value ?? (step === 1 ? -1 : count);
  choose((from + step + count) % count);
}

export function unchoose(): void {
  batch(() => {
    selected.value = null;
    armed.value = null;
  });
}

export function toggleVisible(index: number | null = selected.value ?? target(null)): void {
  const shown = editable();
  if (!shown || index === null) return;
  const points = [...shown.points];
  const placed = points[index] ?? null;
  if (placed === null) points[index] = { x: null, y: null, visible: false };
  else if (placed.visible) points[index] = { ...placed, visible: false };
  else points[index] = placed.x === null ? null : { ...placed, visible: true };
  batch(() => {
    selected.value = index;
    armed.value = null;
    edit(points);
  });
  const now = points[index];
  announce(`${nameOf(index)}: ${now ? (now.visible ? "visible" : "not visible") : "not placed"}`);
}

export function clear(index: number | null = selected.value): void {
  const shown = editable();
  if (!shown || index === null || !shown.points[index]) return;
  const points = [...shown.points];
  points[index] = null;
  batch(() => {
    selected.value = index;
    armed.value = null;
    edit(points);
  });
  announce(`${nameOf(index)} taken away`);
}

export const acceptable = computed(() => {
  const shown = item.value;
  if (!shown) return 0;
  return shown.points.filter((point, index) => point === null && shown.predicted[index]).length;
});

/** Takes every suggestion of this image as it is. */
export function accept(): void {
  const shown = editable();
  const count = acceptable.value;
  if (!shown || count === 0) return;
  if (pictureShown.value !== shown.id) {
    announce("The picture is not here yet.");
    return;
  }
  const keep = (value: number, size: number): number =>
    Math.round(Math.min(Math.max(value, -0.5), size - 0.5) * 100) / 100;
  const points = shown.points.map((point, index) => {
    const predicted = shown.predicted[index];
    if (point !== null || !predicted) return point;
    return {
      x: keep(predicted[0], shown.width),
      y: keep(predicted[1], shown.height),
      visible: true,
    };
  });
  batch(() => {
    unchoose();
    edit(points);
  });
  announce(`${count} ${count === 1 ? "point" : "points"} accepted`);
}

/** Accepts what is suggested here; where nothing is left to accept, goes on. */
export function acceptOrGoOn(): void {
  const shown = item.value;
  if (acceptable.value > 0) accept();
  else if (shown?.trouble || shown?.points.every((point) => point !== null)) void openSuggested();
  else announce("There are no suggestions here yet: place the points first.");
}

// -- images ----------------------------------------------------------------------------------

const remembered = new Map<number, Promise<ImageItem>>();

function fetchImage(id: number): Promise<ImageItem> {
  const known = remembered.get(id);
  if (known) return known;
  const asked = api.getImage(id);
  remembered.set(id, asked);
  asked.catch(() => remembered.delete(id));
  if (remembered.size > 24) remembered.delete(remembered.keys().next().value as number);
  return asked;
}

/** Where this tab was in a project, for when it comes by the address with the token again. */
const lastKey = (): string => `warpmarks.image.${project.value?.key ?? ""}`;

function lastName(): string | null {
  try {
    return sessionStorage.getItem(lastKey());
  } catch {
    return null; // not allowed
  }
}

const nameOfImage = (id: number): string =>
  project.value?.images.find((image) => image.id === id)?.name ?? "";

export async function open(id: number, inSection: Section = "label"): Promise<void> {
  batch(() => {
    section.value = inSection;
    if (currentId.value !== id) {
      currentId.value = id;
      item.value = null;
      unchoose();
    }
  });
  try {
    window.history.replaceState(null, "", `#image=${id}`);
    sessionStorage.setItem(lastKey(), nameOfImage(id));
  } catch {
    // Browsers limit how often the address may change; it is a convenience.
  }
  await saver.drain();
  const loaded = await freshImage(id);
  if (!loaded || currentId.value !== id) return;
  const waiting = saver.waiting(id);
  item.value = waiting ? { ...loaded, points: waiting } : loaded;
  if (loaded.trouble) noteTrouble(id, loaded.trouble);
  announce(`${loaded.name}, image ${position.value + 1} of ${project.value?.images.length ?? 0}`);
}

function noteTrouble(id: number, trouble: string): void {
  const known = project.value;
  if (!known) return;
  const images = known.images.map((image) => (image.id === id ? { ...image, trouble } : image));
  project.value = { ...known, images };
}

/** An image as it is now: where it was forgotten meanwhile, something has changed since. */
async function freshImage(id: number): Promise<ImageItem | null> {
  for (;;) {
    const asked = fetchImage(id);
    const loaded = await attempt(() => asked);
    if (!loaded || remembered.get(id) === asked || currentId.value !== id) return loaded;
  }
}

async function reloadItem(id: number): Promise<void> {
  remembered.delete(id);
  const loaded = await freshImage(id);
  if (!loaded || saver.waiting(id)) return;
  noteLabelled(id, loaded.points);
  if (currentId.value === id) item.value = loaded;
}

/** Is another after each try: browsers wait for an address that hangs already. */
export const pictureAddress = (id: number): string =>
  api.fileAddress(id) + (pictureTries.value > 0 ? `?try=${pictureTries.value}` : "");

/** The browser also tells of pictures that were left behind while they were on their way. */
export function pictureCame(id: number): void {
  if (id !== currentId.value) return;
  batch(() => {
    pictureShown.value = id;
    pictureMissing.value = null;
  });
}

/** Says so once, unless it turns out that the image cannot be read, which is shown in its place. */
export async function pictureFailed(id: number): Promise<void> {
  if (id !== currentId.value) return;
  const again = pictureMissing.value === id;
  pictureMissing.value = id;
  remembered.delete(id);
  const loaded = await freshImage(id);
  if (!loaded || currentId.value !== id) return;
  if (loaded.trouble) noteTrouble(id, loaded.trouble);
  else if (!again) say("This picture could not be loaded.", "error");
}

/** What did not come of the current image while the server was away. */
async function askAgain(): Promise<void> {
  const id = currentId.value;
  if (id === null) return;
  if (pictureMissing.value === id) pictureTries.value += 1;
  if (item.value === null) await reloadItem(id);
}

/** To the next image, or the previous one, that can be read. */
export async function step(by: 1 | -1): Promise<void> {
  const images = project.value?.images ?? [];
  for (let far = 1; far <= images.length; far += 1) {
    const to = images[(position.value + by * far + images.length) % images.length];
    if (!to || to.trouble) continue;
    await open(to.id);
    // Nobody had looked at it before: on to the next one.
    if (currentId.value === to.id && item.value?.trouble) await step(by);
    return;
  }
}

let avoided: number[] = [];

export async function openSuggested(): Promise<void> {
  await saver.drain();
  let next = suggestion.value;
  if (next === null || next.id === null || next.id === currentId.value) {
    next = await loadSuggestion(true);
  }
  if (next && next.id !== null) {
    avoided = [];
    await open(next.id);
    if (begunImages.value > 0) void loadSuggestion();
  } else if (next) say(next.reason);
}

export async function suggestAnother(): Promise<void> {
  const known = suggestion.value?.id ?? null;
  if (known !== null) avoided = [...avoided, known].slice(-50);
  const next = await loadSuggestion();
  if (next && next.id === null && avoided.length > 0) {
    avoided = [];
    await loadSuggestion();
  }
}

/** Before anything is labelled the image that is open may be the one to begin with. */
async function loadSuggestion(another = false): Promise<api.Suggestion | null> {
  const open = another || begunImages.value > 0 ? currentId.value : null;
  const not = open === null ? avoided : [...avoided, open];
  return askSuggestion(not);
}

const askSuggestion = inOrder(api.getSuggestion, (next) => {
  suggestion.value = next;
  if (next.id !== null) {
    void fetchImage(next.id).catch(() => undefined);
    new Image().src = pictureAddress(next.id);
  }
});

// -- what follows from a change --------------------------------------------------------------

let refreshTimer = 0;

function scheduleRefresh(): void {
  window.clearTimeout(refreshTimer);
  refreshTimer = window.setTimeout(() => void refreshSides(), 150);
}

const loadProgress = inOrder(api.getProgress, (answer) => (progress.value = answer));

async function refreshSides(): Promise<void> {
  remembered.clear();
  await Promise.all([
    loadProgress(),
    beginning() ? undefined : loadSuggestion(),
    section.value === "gallery" ? loadPredictions() : undefined,
  ]);
}

/** Nothing is labelled, and the image to begin with is open: what is found meanwhile may wait. */
const beginning = (): boolean =>
  begunImages.value === 0 && suggestion.value !== null && suggestion.value.id === currentId.value;

export const loadPredictions = inOrder(
  api.getPredictions,
  (answer) => (predictions.value = answer),
);

let knownVersion = -1;
let reloaded = 0;

let leaving = false;

/** Opens the page anew where the image files are others, and with them numbers and pictures.
 *
 * Gives whether they are; where somebody is asked something, only that.
 */
function openedAnew(files: string): boolean {
  const known = project.value;
  if (known === null || files === known.files) return false;
  if (leaving || dialog.value !== null || conflict.value !== null) return true;
  leaving = true;
  // The address has the number that the image had.
  window.history.replaceState(null, "", window.location.pathname);
  window.location.reload();
  return true;
}

async function poll(): Promise<void> {
  const answer = await attempt(api.getVersion);
  const known = project.value;
  if (!answer || !known || openedAnew(answer.files)) return;
  if (missed) {
    // Once a poll: what fails again must not be asked for without end. A picture may hang.
    missed = false;
    returns.value += 1;
    if (pictureShown.value !== currentId.value) pictureTries.value += 1;
    scheduleRefresh();
  }
  await askAgain();
  noteHistory(answer);
  tell(answer.notices);
  if (answer.locating.done !== known.locating.done) {
    project.value = { ...(project.value ?? known), locating: answer.locating };
  }
  if (answer.version !== knownVersion && unsaved.value === 0) {
    // While landmarks are being found the version changes all the time.
    const unfinished = answer.locating.done < answer.locating.total;
    if (!unfinished || Date.now() - reloaded > 6000) await reloadProject();
  }
  if (unsaved.value > 0) void saver.drain();
}

const loadProject = inOrder(api.getProject, (answer) => {
  if (openedAnew(answer.files)) return;
  reloaded = Date.now();
  batch(() => {
    knownVersion = answer.version;
    project.value = answer;
    noteHistory(answer);
  });
});

/** Gives whether it came. */
export async function reloadProject(): Promise<boolean> {
  if (!(await loadProject())) return false;
  const id = currentId.value;
  if (id !== null) await reloadItem(id);
  void refreshSides();
  return true;
}

export const undoOrRedo = (way: "undo" | "redo"): Promise<void> => unedited(() => travel(way));

async function travel(way: "undo" | "redo"): Promise<void> {
  if (!(await settled())) return say(UNSAVED, "error");
  const answer = await attempt(() => api.travel(way));
  if (!answer) return;
  noteHistory(answer);
  remembered.clear();
  if (answer.image_id !== null && answer.image_id !== currentId.value) await open(answer.image_id);
  await reloadProject();
  const verb = way === "undo" ? "Undone" : "Done again";
  say(answer.what ? `${verb}: ${answer.what}` : verb);
  announce(`${verb}: ${answer.what}`);
}

export async function changeScheme(change: api.SchemeChange): Promise<string | null> {
  if (!(await settled())) return UNSAVED;
  try {
    await api.putScheme(change);
  } catch (error) {
    if (error instanceof api.Refused && error.status !== 403) return error.message;
    explain(error);
    return "The server does not answer: try again when it is back.";
  }
  unchoose();
  remembered.clear();
  await reloadProject();
  return null;
}

/** The image that the address or this tab's memory names. */
function workedOn(images: api.ImageEntry[]): number | undefined {
  const asked = new URLSearchParams(window.location.hash.slice(1)).get("image");
  const last = lastName();
  return images.find(
    ({ id, name, trouble }) => !trouble && (asked === null ? name === last : String(id) === asked),
  )?.id;
}

export async function start(): Promise<void> {
  let answer: api.Project;
  try {
    answer = await api.getProject();
  } catch (error) {
    if (error instanceof api.Refused && error.status === 403) connection.value = "locked";
    failure.value = error instanceof Error ? error.message : String(error);
    return;
  }
  batch(() => {
    failure.value = null;
    knownVersion = answer.version;
    project.value = answer;
    noteHistory(answer);
  });
  document.title = `${answer.title ?? answer.name} · warpmarks`;
  if (answer.scheme.points.length === 0) dialog.value = "points";
  const numbers = new Map(answer.images.map(({ id, name }) => [name, id]));
  const gone = saver.restore(answer.key, numbers);
  tell([
    ...(answer.notices ?? []),
    ...gone.map((name) => `${name} is not there any more: your last change to it is lost`),
  ]);
  const last = unsaved.value > 0 || begunImages.value > 0 ? workedOn(answer.images) : undefined;
  await saver.drain();
  await loadSuggestion();
  const first = last ?? suggestion.value?.id ?? answer.images[0]?.id;
  // Another section may have been chosen meanwhile, and an image in the gallery.
  if (first !== undefined && currentId.value === null) await open(first, section.value);
  await refreshSides();
  const tick = async (): Promise<void> => {
    if (!document.hidden) await poll();
    window.setTimeout(() => void tick(), 2000);
  };
  window.setTimeout(() => void tick(), 2000);
}
