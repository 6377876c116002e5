/**
 * Asks the server for a snapshot every few seconds, one request each time, and keeps the newest one and the histories.
 * `state`: `connecting`, `live`, `away` (no answer; it tries again by itself), `paused` (by the reader), `forbidden`
 * (until `pollNow`). Events: `change`. Timers and the clock are passed in; uses no document.
 */

import { backoffMs } from "../client/backoff.js";
import { ChatError } from "../client/chat-error.js";
import { SPANS } from "./address.js";
import { newestSample } from "./metrics.js";
import { Series } from "./series.js";

const HIDDEN_MS = 60_000;
// Requests with a token count against the user's limit (1000 an hour by default): poll less when little of it is left.
const LOW_ALLOWANCE_MS = 15_000;
const VERY_LOW_ALLOWANCE_MS = 60_000;
const RETRY_MIN_MS = 1000;
const RETRY_CAP_MS = 15_000;
const SERIES_MAX = 8;
// What the newest point may be ahead of a reply: the clocks of several machines differ by a little.
const SET_BACK_MS = 30_000;

export class SnapshotPoller extends EventTarget {
  state = "connecting";
  snapshot = null;
  receivedAt = null; // of the snapshot, by this computer's clock, in epoch ms
  error = null;
  retryAt = null; // of the next try while it is away; null: it is under way
  /** Why what is shown is not what was chosen: the process has ended. */
  endedProcess = null;
  /** From when on a zoom shows the history, in epoch ms: it stays, also when the span has moved on. Null without one. */
  zoomFrom = null;
  /** Whether the history of the chosen span is still to come. */
  isLoading = true;

  #api;
  #intervalMs;
  #timers;
  #now;
  #random;
  #timer = null;
  #round = 0; // replies to earlier rounds are discarded
  #failures = 0;
  #isHidden = false;
  #choice = { scope: "process", process: null, span: "1h" };
  #followed = null; // the process that answered first: behind a proxy another one may answer each time
  #series = new Map();

  constructor({ api, intervalMs = 5000, timers = globalThis, now = Date.now, random = Math.random }) {
    super();
    this.#api = api;
    this.#intervalMs = intervalMs;
    this.#timers = timers;
    this.#now = now;
    this.#random = random;
  }

  /** The series of what is shown. */
  get series() {
    return this.#seriesOf(this.#subject);
  }

  /** Show this process, or all, over this span; after a pause, go on. */
  choose({ scope, process, span }) {
    const before = this.#choice;
    this.#choice = { scope, process, span };
    if (process !== before.process) this.endedProcess = null;
    this.isLoading = true;
    if (this.state === "paused") this.resume();
    else this.pollNow();
  }

  pollNow() {
    if (this.state === "paused") return;
    this.#timers.clearTimeout(this.#timer);
    this.#round += 1;
    if (this.state === "away") {
      this.retryAt = null;
      this.#setState("away");
    }
    void this.#run(this.#round);
  }

  /** Stop: what is shown stands still. */
  pause() {
    this.#timers.clearTimeout(this.#timer);
    this.#round += 1;
    this.#setState("paused");
  }

  resume() {
    if (this.state !== "paused") return;
    this.#setState("connecting");
    this.pollNow();
  }

  /** Forget all that is known, for whoever comes next; `pollNow` asks again. */
  forget() {
    this.close();
    this.#series.clear();
    this.#followed = null;
    this.snapshot = null;
    this.receivedAt = null;
    this.endedProcess = null;
    this.isLoading = true;
    this.#setState("connecting");
  }

  /** A tab that nobody sees asks once a minute, so that its title stays true. */
  setHidden(isHidden) {
    if (isHidden === this.#isHidden) return;
    this.#isHidden = isHidden;
    if (!isHidden && this.state !== "forbidden") this.pollNow();
  }

  close() {
    this.#timers.clearTimeout(this.#timer);
    this.#round += 1;
  }

  get #subject() {
    return this.#choice.scope === "cluster" ? "cluster" : (this.#choice.process ?? this.#followed ?? "");
  }

  get #minutes() {
    return SPANS.get(this.#choice.span)?.minutes ?? 60;
  }

  #seriesOf(subject) {
    const found = this.#series.get(subject) ?? new Series();
    this.#series.delete(subject); // the one that was used last is the last
    this.#series.set(subject, found);
    while (this.#series.size > SERIES_MAX) this.#series.delete(this.#series.keys().next().value);
    return found;
  }

  async #run(round) {
    let waitMs;
    try {
      const query = this.#query();
      const snapshot = await this.#api.get("metrics/snapshot", query);
      if (round !== this.#round) return;
      this.#accept(snapshot, query);
      this.#failures = 0;
      this.error = null;
      this.retryAt = null;
      this.#setState("live");
      waitMs = this.#pollIntervalMs;
    } catch (error) {
      if (round !== this.#round) return;
      // A bug must not stop the polling
      if (!(error instanceof ChatError)) globalThis.reportError?.(error);
      if (error.status === 403 || error.status === 401) return this.#setState("forbidden");
      if (error.code === "not_found" && this.#forgetProcess()) return this.pollNow();
      waitMs = Math.max(
        RETRY_MIN_MS + backoffMs(this.#failures, { random: this.#random, capMs: RETRY_CAP_MS }),
        1000 * (error.retryAfterS ?? 0),
      );
      this.#failures += 1;
      this.error = error;
      this.retryAt = this.#now() + waitMs;
      this.#setState("away");
    }
    if (round === this.#round) this.#timer = this.#timers.setTimeout(() => this.pollNow(), waitMs);
  }

  #query() {
    const { scope, process } = this.#choice;
    const query = /** @type {Record<string, any>} */ ({ scope, minutes: this.#minutes });
    const followed = process ?? this.#followed;
    if (scope === "process" && followed) query.process = followed;
    const { minutes, newestAt } = this.series;
    // What was collected of several processes must not become the history of the last one
    if (scope === "cluster" && minutes === 0 && newestAt !== null) delete query.minutes;
    else if (minutes === this.#minutes && newestAt !== null) query.since = new Date(newestAt).toISOString();
    return query;
  }

  #accept(snapshot, query) {
    if (snapshot.scope === "process") this.#followed ??= snapshot.processId;
    const { series } = this;
    const at = Date.parse(snapshot.at);
    // Until the clock was there again, the charts would stand still.
    if (series.newestAt !== null && series.newestAt - at > SET_BACK_MS) series.dropAfter(at);
    if (snapshot.history) {
      if (query.since) series.merge(snapshot.history);
      else series.replace(snapshot.history, query.minutes);
      series.dropAfter(at + SET_BACK_MS);
      series.dropBefore(Math.min(at - query.minutes * 60_000, this.zoomFrom ?? Infinity));
    } else if (snapshot.complete || snapshot.processId !== null) {
      // The sum of a part of the processes would be a drop that there was not
      const shown = snapshot.processes.find(({ processId }) => processId === snapshot.processId);
      series.append(Date.parse(shown?.at ?? snapshot.at), newestSample(snapshot));
    }
    this.isLoading = false;
    this.snapshot = snapshot;
    this.receivedAt = this.#now();
  }

  /** The process has ended: go on with the one that answers. Whether there was one to forget. */
  #forgetProcess() {
    const { process } = this.#choice;
    if (!process && !this.#followed) return false;
    this.endedProcess = process;
    this.#choice = { ...this.#choice, process: null };
    this.#followed = null;
    return true;
  }

  get #pollIntervalMs() {
    const { allowance } = this.#api;
    const least = allowance > 0.3 ? 0 : allowance > 0.1 ? LOW_ALLOWANCE_MS : VERY_LOW_ALLOWANCE_MS;
    return Math.max(this.#intervalMs, least, this.#isHidden ? HIDDEN_MS : 0);
  }

  #setState(state) {
    this.state = state;
    this.dispatchEvent(new Event("change"));
  }
}
