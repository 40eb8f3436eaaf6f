// How fast a run is, and how long it will take.

/** How far back the pace is measured, in milliseconds. */
const LATELY = 10_000;

/**
 * A time as people say it.
 * @param {number} seconds
 */
export function lasting(seconds) {
  const whole = Math.ceil(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min ${whole % 60} s` : `${whole} s`;
}

const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const tenths = new Intl.NumberFormat("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });

/**
 * Targets a second as people read it, `1,234` or `0.4`; empty where that would be 0.
 * @param {number | null} rate
 */
export function speed(rate) {
  if (rate === null || rate < 0.05) return "";
  return (rate < 9.95 ? tenths : whole).format(rate);
}

/** How fast a run is, by what was done lately. */
export class Pace {
  /** @type {{at: number, done: number}[]} */
  #seen = [];

  /**
   * @param {number} at In milliseconds.
   * @param {number} done
   * @returns {number | null} Targets a second; null: not known yet.
   */
  note(at, done) {
    // A run that was begun again, or whose targets are executed once more.
    if (this.#seen.length && done < this.#seen[this.#seen.length - 1].done) this.#seen = [];
    this.#seen.push({ at, done });
    while (this.#seen.length > 2 && this.#seen[1].at <= at - LATELY) this.#seen.shift();
    const [first] = this.#seen;
    return at > first.at ? ((done - first.done) * 1000) / (at - first.at) : null;
  }
}
