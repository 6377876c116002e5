/**
 * One WebSocket that is kept up: connecting, answers to commands, heartbeats, token renewal, reconnecting.
 * Knows no room and no message; what the server sends besides answers is passed on as `event`.
 */

import { ChatError } from "./api.js";
import { afterClose, backoffMs } from "./retry.js";

const WELCOME_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 15_000; // the server ends each command within 10 s
const STABLE_MS = 10_000; // a connection that lived this long starts the backoff anew
const COMMANDS_MAX = 500;
const TIMER_MAX_MS = 2 ** 31 - 1;
const RENEW_AGAIN_MS = 1000;

/**
 * `state`: idle, connecting, online, waiting (`reason`, `retryAt` epoch ms), ended (log in again), replaced.
 * Events: `state`; `welcome` (detail: its data); `event` (detail: {event, data}).
 */
export class Link extends EventTarget {
  state = "idle";
  reason = null;
  retryAt = null;
  connectionId = null;

  #socket = null;
  #turn = 0; // of connecting: what an older socket still says is not heard
  #attempt = 0;
  #upSince = null;
  #token = null;
  #refused = null;
  #restartMs = null;
  #commands = new Map();
  #lastId = 0;
  #onRenewed = () => this.#authenticate();
  #timers = { retry: null, welcome: null, heartbeat: null, dead: null, renew: null };

  /** `now` and `timed`: the clocks of ChatClient, in ms. */
  constructor({ url, tokens, WebSocket, random, now, timed }) {
    super();
    this.url = url;
    this.tokens = tokens;
    this.WebSocket = WebSocket;
    this.random = random;
    this.now = now;
    this.timed = timed;
  }

  get isOnline() {
    return this.state === "online";
  }

  /** Begin, or begin again after `ended` or `replaced`. */
  start() {
    this.tokens.addEventListener("renewed", this.#onRenewed);
    if (["idle", "ended", "replaced"].includes(this.state)) this.#connect();
  }

  /** Close for good. */
  stop() {
    this.tokens.removeEventListener("renewed", this.#onRenewed);
    this.#letGo("disconnected");
    this.#set("idle");
  }

  /** The network is back, or somebody is looking again: do not wait any longer, or see whether the link still lives. */
  wake() {
    if (this.state === "waiting" && this.reason !== "refused") {
      this.#attempt = 0;
      this.#connect();
    } else if (this.isOnline) this.#beat();
  }

  /**
   * Send a command; resolves to the ack's data. Throws ChatError (`disconnected` if no answer came: it may have been
   * done).
   * `onAck(data)` is called before any later frame is looked at, which the promise cannot promise everywhere.
   */
  command(event, data = {}, { onAck } = {}) {
    if (!this.isOnline || this.#commands.size >= COMMANDS_MAX) return Promise.reject(disconnected());
    const id = String(++this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#answer(id, () => reject(disconnected())), ANSWER_TIMEOUT_MS);
      this.#commands.set(id, { resolve, reject, timer, onAck });
      this.#socket.send(JSON.stringify({ event, id, data }));
    });
  }

  // ---- connecting ---------------------------------------------------------------------------------------------------

  async #connect() {
    this.#letGo("disconnected");
    const turn = this.#turn;
    this.#set("connecting");
    try {
      this.#token = await this.tokens.fresh({ refused: this.#refused });
    } catch (error) {
      if (turn !== this.#turn) return;
      if (error.status === 401) this.#end("revoked");
      else this.#wait("lost");
      return;
    }
    if (turn !== this.#turn) return;
    const url = new URL(this.url);
    if (this.connectionId) url.searchParams.set("replaces", this.connectionId);
    const socket = new this.WebSocket(url.href, ["chat.v1", `bearer.${this.#token}`]);
    this.#socket = socket;
    socket.onmessage = ({ data }) => turn === this.#turn && this.#receive(data);
    socket.onclose = ({ code }) => turn === this.#turn && this.#closed(code);
    socket.onerror = () => {}; // a close follows
    this.#timers.welcome = setTimeout(() => this.#closed(4408), WELCOME_TIMEOUT_MS);
  }

  #closed(code) {
    const { next, reason, leastMs = 0 } = afterClose(code);
    const restartMs = this.#restartMs;
    if (this.#upSince !== null && this.timed() - this.#upSince > STABLE_MS) this.#attempt = 0;
    this.#letGo(reason === "too_large" ? "too_large" : "disconnected");
    if (next === "nothing") return this.#set("replaced", reason);
    if (next === "relogin" && this.#sameSession()) return this.#end(reason);
    this.#refused = next === "refresh" ? this.#token : null;
    if (next === "refresh" && this.#attempt === 0) {
      this.#attempt += 1;
      this.#connect();
      return;
    }
    this.#wait(restartMs === null ? reason : "restarting", { leastMs, exactlyMs: restartMs });
  }

  #wait(reason, { leastMs = 0, exactlyMs = null } = {}) {
    const delay = exactlyMs ?? leastMs + backoffMs(this.#attempt, { random: this.random });
    if (exactlyMs === null) this.#attempt += 1;
    this.retryAt = this.now() + delay;
    this.#timers.retry = setTimeout(() => this.#connect(), delay);
    this.#set("waiting", reason);
  }

  /** Whether storage still holds the session that was refused; another tab may have logged in again since. */
  #sameSession() {
    const session = this.tokens.read();
    return !session || session.accessToken === this.#token;
  }

  #end(reason) {
    this.connectionId = null;
    this.#attempt = 0;
    this.#set("ended", reason);
    this.tokens.clear();
  }

  /** Drop the socket and all that hangs on it; its commands are answered with `code`. */
  #letGo(code) {
    this.#turn += 1;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#restartMs = null;
    this.#upSince = null;
    if (socket) {
      socket.onmessage = socket.onclose = null;
      socket.close();
    }
    const commands = [...this.#commands.values()];
    this.#commands.clear();
    for (const { reject, timer } of commands) {
      clearTimeout(timer);
      reject(code === "too_large" ? tooLarge() : disconnected());
    }
  }

  #set(state, reason = null) {
    this.state = state;
    this.reason = reason;
    this.dispatchEvent(new Event("state"));
  }

  // ---- what comes ---------------------------------------------------------------------------------------------------

  #receive(text) {
    const frame = JSON.parse(text);
    clearTimeout(this.#timers.dead);
    if (frame.event === "ack") this.#answer(frame.id, (command) => acked(command, frame.data));
    else if (frame.event === "error") this.#answer(frame.id, ({ reject }) => reject(refusal(frame.data)));
    else if (frame.event === "welcome") this.#welcomed(frame.data);
    else {
      if (frame.event === "serverRestarting") this.#restartMs = frame.data.reconnectAfterMs;
      this.dispatchEvent(new CustomEvent("event", { detail: frame }));
    }
  }

  #answer(id, settle) {
    const command = this.#commands.get(id);
    if (!command) return;
    this.#commands.delete(id);
    clearTimeout(command.timer);
    settle(command);
  }

  #welcomed(data) {
    clearTimeout(this.#timers.welcome);
    this.connectionId = data.connectionId;
    this.#upSince = this.timed();
    this.#refused = null;
    this.#timers.heartbeat = setInterval(() => this.#beat(), data.heartbeatInterval * 1000);
    this.#planRenewal();
    this.#set("online");
    this.dispatchEvent(new CustomEvent("welcome", { detail: data }));
  }

  // ---- staying up ---------------------------------------------------------------------------------------------------

  /** Ask for a sign of life; any frame is one. */
  #beat() {
    clearTimeout(this.#timers.dead);
    this.#timers.dead = setTimeout(() => this.#closed(4408), ANSWER_TIMEOUT_MS);
    this.command("heartbeat").catch(() => {});
  }

  /** Renew when the token is due, in `leastMs` at the soonest. */
  #planRenewal({ leastMs = 0 } = {}) {
    clearTimeout(this.#timers.renew);
    const delay = Math.min(Math.max(leastMs, this.tokens.dueInMs()), TIMER_MAX_MS);
    this.#timers.renew = setTimeout(() => this.#renew(), delay);
  }

  async #renew() {
    const [turn, token] = [this.#turn, this.#token];
    let leastMs = RENEW_AGAIN_MS; // so that a clock that stands still does not make it spin
    try {
      await this.tokens.fresh({ renew: true }); // if it is replaced, `renewed` authenticates, and plans the next
    } catch (error) {
      if (error.status === 401) return; // the server ends the connection when the time comes
      leastMs += backoffMs(3, { random: this.random });
    }
    // Nor is it replaced where it is not due by now: a timer cannot wait for longer than TIMER_MAX_MS, and clocks are
    // set back.
    if (turn === this.#turn && token === this.#token) this.#planRenewal({ leastMs });
  }

  async #authenticate() {
    const token = this.tokens.read()?.accessToken;
    if (!this.isOnline || !token || token === this.#token) return;
    this.#token = token;
    this.#planRenewal();
    await this.command("authenticate", { token }).catch(() => {}); // if it failed, 4401 comes, and a new connection
  }
}

function acked({ resolve, reject, onAck }, data) {
  try {
    onAck?.(data);
    resolve(data);
  } catch (error) {
    reject(error); // who waits for it would wait for ever
  }
}

function disconnected() {
  return new ChatError({ code: "disconnected", message: "The connection was lost.", retryable: true });
}

function tooLarge() {
  return new ChatError({ code: "payload_too_large", message: "This is too large to be sent." });
}

function refusal({ code, message, details, retryable, retryAfter }) {
  return new ChatError({ code, message, details, retryable, retryAfterS: retryAfter });
}
