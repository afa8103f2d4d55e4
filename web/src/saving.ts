/** Changes on their way to the server: one request at a time, none lost while it is away. */

import { Refused, type Changed, type ImageItem, type Placed, type SavedPoints } from "./api";

type Points = (Placed | null)[];

export interface Change {
  /** The name of the image, as it was when it was made. */
  image: string;
  points: Points;
}

interface Waiting extends Change {
  base: number;
  /** What was sent from this base; the answer may have got lost on the way. */
  sent: Points[];
}

interface Callbacks {
  send(id: number, base: number, change: Change): Promise<SavedPoints>;
  /** `newest`: nothing was changed on this image since it was sent. */
  saved(id: number, answer: SavedPoints, newest: boolean): void;
  /** Fetches anew which points there are; gives whether they came. */
  renew(): Promise<boolean>;
  /** What was sent had arrived: `mine` are the points here, in the order that there is now. */
  arrived(id: number, mine: Points, current: ImageItem): void;
  /** Asks somebody; the change is kept until `forget`. */
  conflicted(id: number, mine: Points, current: ImageItem): void;
  /** Whether somebody is asked which points should stay: nothing is sent meanwhile. */
  asking(): boolean;
  failed(id: number, error: unknown): void;
  counted(count: number): void;
}

/** Points from before they were defined anew, in the order of those that there are now. */
const carried = (points: Points, { current, was }: Changed): Points =>
  was.map((old, index) => (old === null ? current.points[index] : points[old]) ?? null);

const samePoints = (mine: Points, theirs: Points): boolean =>
  mine.length === theirs.length &&
  mine.every((one, index) => {
    const other = theirs[index] ?? null;
    if (one === null || other === null) return one === other;
    return one.x === other.x && one.y === other.y && one.visible === other.visible;
  });

export class Saver {
  private readonly changes = new Map<number, Waiting>();
  private running: Promise<void> | null = null;
  private store: string | null = null;

  constructor(private readonly callbacks: Callbacks) {}

  /** The points of an image that have not reached the server yet. */
  waiting(id: number): Points | undefined {
    return this.changes.get(id)?.points;
  }

  put(id: number, version: number, change: Change): void {
    const { base, sent } = this.changes.get(id) ?? { base: version, sent: [] };
    this.changes.set(id, { ...change, base, sent });
    this.remember();
  }

  /** A change that need not be sent any more. */
  forget(id: number): void {
    this.changes.delete(id);
    this.remember();
  }

  /** Takes over what an earlier life of this tab could not send; gives the images that are gone.
   *
   * `numbers`: of the images, by name.
   */
  restore(project: string, numbers: Map<string, number>): string[] {
    this.store = `warpmarks.unsaved.${project}`;
    const gone: string[] = [];
    try {
      const text = sessionStorage.getItem(this.store);
      for (const change of JSON.parse(text ?? "[]") as Waiting[]) {
        const id = numbers.get(change.image);
        if (id === undefined) gone.push(change.image);
        else this.changes.set(id, change);
      }
    } catch {
      sessionStorage.removeItem(this.store);
    }
    this.remember();
    return gone;
  }

  /** Sends all that waits; ends early where the server is away or refuses. */
  drain(): Promise<void> {
    this.running ??= this.sendAll().finally(() => (this.running = null));
    return this.running;
  }

  private async sendAll(): Promise<void> {
    for (;;) {
      const next = this.changes.entries().next();
      if (next.done || this.callbacks.asking()) return;
      const [id, change] = next.value;
      if (!change.sent.includes(change.points)) change.sent.push(change.points);
      this.remember();
      try {
        const answer = await this.callbacks.send(id, change.base, change);
        const now = this.changes.get(id);
        const newest = now === change;
        if (newest) this.changes.delete(id);
        else if (now) Object.assign(now, { base: answer.version, sent: [] });
        this.remember();
        this.callbacks.saved(id, answer, newest);
      } catch (error) {
        // A page that is not known, or knows other images, is opened anew, and sends it then.
        const kept = !(error instanceof Refused) || [403, 404, 409].includes(error.status);
        if (!kept) this.forget(id);
        if (error instanceof Refused && error.changed) {
          // The points may have been defined anew; where the server is gone meanwhile, the change
          // is refused once more when it is back.
          if (!(await this.callbacks.renew())) return;
          const { current } = error.changed;
          const now = this.changes.get(id) ?? change;
          const mine = carried(now.points, error.changed);
          const known = now.sent.map((points) => carried(points, error.changed as Changed));
          if (known.some((points) => samePoints(points, current.points))) {
            // It was this tab.
            this.changes.set(id, { ...now, points: mine, base: current.version, sent: [] });
            this.callbacks.arrived(id, mine, current);
            continue;
          }
          this.callbacks.conflicted(id, mine, current);
        } else this.callbacks.failed(id, error);
        return;
      }
    }
  }

  private remember(): void {
    this.callbacks.counted(this.changes.size);
    if (this.store === null) return;
    try {
      if (this.changes.size === 0) sessionStorage.removeItem(this.store);
      else sessionStorage.setItem(this.store, JSON.stringify([...this.changes.values()]));
    } catch {
      // No room or not allowed: the changes are still held here.
    }
  }
}
