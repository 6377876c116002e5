/**
 * A WebSocket that reconnects: it sends commands and matches their replies, sends heartbeats, and renews the token.
 * It knows nothing of rooms and messages; frames that are no replies are passed on as `event`.
 */

import { isUnauthorized } from "./chat-error.js";
import { backoffMs } from "./backoff.js";
import { afterClose } from "./close-codes.js";
import { disconnected, errorOf, parsed, resolveWithAck, tooLarge } from "./socket-frames.js";

const WELCOME_TIMEOUT_MS = 10_000;
const ANSWER_TIMEOUT_MS = 15_000; // the server answers each command within 10 s
const PROBED_WITHIN_MS = 3000; // where the browser says that there is no network
const STABLE_MS = 10_000; // a connection that lasted this long resets the backoff
const COMMANDS_MAX = 500;
const TIMER_MAX_MS = 2 ** 31 - 1;
const RENEWAL_RETRY_MS = 1000;

/**
 * `state`: idle, connecting, online, waiting (with `reason`, and `retryAt` in epoch ms), ended (the user must log in
 * again), replaced (by another connection of the same client). Where the browser says that there is no network, `state`
 * is waiting (`offline`) at once, and `isOnline` false as soon as the server does not answer either.
 * Events: `state`; `welcome` (detail: the data of the frame); `event` (detail: {event, data}).
 */
export class Connection extends EventTarget {
  state = "idle";
  reason = null;
  retryAt = null;
  connectionId = null;

  #socket = null;
  #socketNumber = 0; // of the current socket: callbacks of earlier sockets are ignored
  #attempt = 0;
  #onlineSince = null;
  #token = null;
  #refusedToken = null;
  #restartMs = null;
  #saysOffline = false; // whether the browser says that there is no network
  #commands = new Map();
  #lastId = 0;
  #onRenewed = () => this.#authenticate();
  #timers = { retry: null, welcome: null, heartbeat: null, silence: null, renew: null, probe: null };

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

  /** Whether there is a socket on which the server has said welcome. */
  get isOnline() {
    return this.#onlineSince !== null;
  }

  /** Connect, also after `ended` or `replaced`. */
  start() {
    this.tokens.addEventListener("renewed", this.#onRenewed);
    if (["idle", "ended", "replaced"].includes(this.state)) this.#connect();
  }

  /** Close the connection and do not reconnect. */
  stop() {
    this.tokens.removeEventListener("renewed", this.#onRenewed);
    this.#closeSocket("disconnected");
    this.#setState("idle");
  }

  /**
   * Called when the browser says that there is no network, which is believed at once; but the server is asked, because
   * browsers err: about a virtual network, or a server on this machine.
   */
  networkLost() {
    this.#saysOffline = true;
    if (this.state === "waiting" && this.reason === "lost") return this.#setState("waiting", "offline");
    if (this.state !== "online") return;
    this.retryAt = this.now() + PROBED_WITHIN_MS;
    this.#timers.probe = setTimeout(() => this.#onClose(4408), PROBED_WITHIN_MS);
    this.#setState("waiting", "offline");
    this.command("heartbeat").then(
      () => this.#onProbed(),
      () => {}, // the connection is closed
    );
  }

  #onProbed() {
    clearTimeout(this.#timers.probe);
    this.#saysOffline = false;
    if (this.isOnline) this.#setState("online");
  }

  /** Called when the browser says that there is a network again. */
  networkFound() {
    this.#saysOffline = false;
    this.wake();
  }

  /** Called when the network is back or the page is visible again: reconnect now, or check the connection. */
  wake() {
    if (this.isOnline && this.state !== "online") return; // it is being checked
    if (this.state === "waiting" && this.reason !== "refused") {
      this.#attempt = 0;
      this.#connect();
    } else if (this.isOnline) this.#sendHeartbeat();
  }

  /**
   * Send a command; resolves to the data of its ack. Throws ChatError; after `disconnected` (no reply came) the command
   * may have been executed.
   * `onAck(data)` runs before any later frame is handled; code that awaits the promise runs later on some engines.
   * @param {string} event
   * @param {object} [data]
   * @param {{onAck?: (data: any) => void}} [options]
   * @returns {Promise<any>}
   */
  command(event, data = {}, { onAck } = {}) {
    if (!this.isOnline || this.#commands.size >= COMMANDS_MAX) return Promise.reject(disconnected());
    const id = String(++this.#lastId);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#settleCommand(id, () => reject(disconnected())), ANSWER_TIMEOUT_MS);
      this.#commands.set(id, { resolve, reject, timer, onAck });
      this.#socket.send(JSON.stringify({ event, id, data }));
    });
  }

  // ---- connecting ---------------------------------------------------------------------------------------------------

  async #connect() {
    this.#closeSocket("disconnected");
    const socketNumber = this.#socketNumber;
    this.#setState("connecting");
    try {
      this.#token = await this.tokens.getAccessToken({ refused: this.#refusedToken });
    } catch (error) {
      if (socketNumber !== this.#socketNumber) return;
      if (isUnauthorized(error)) this.#endSession("revoked");
      else this.#waitToReconnect("lost");
      return;
    }
    if (socketNumber !== this.#socketNumber) return;
    const url = new URL(this.url);
    if (this.connectionId) url.searchParams.set("replaces", this.connectionId);
    let socket;
    try {
      socket = new this.WebSocket(url.href, ["chat.v1", `bearer.${this.#token}`]);
    } catch {
      this.#waitToReconnect("lost"); // the page's policy forbids it, or the browser has no sockets left
      return;
    }
    this.#socket = socket;
    socket.onmessage = ({ data }) => socketNumber === this.#socketNumber && this.#onMessage(data);
    socket.onclose = ({ code }) => socketNumber === this.#socketNumber && this.#onClose(code);
    socket.onerror = () => {}; // `onclose` follows
    this.#timers.welcome = setTimeout(() => this.#onClose(4408), WELCOME_TIMEOUT_MS);
  }

  #onClose(code) {
    const { next, reason, minDelayMs = 0 } = afterClose(code);
    const restartMs = this.#restartMs;
    if (this.#onlineSince !== null && this.timed() - this.#onlineSince > STABLE_MS) this.#attempt = 0;
    this.#closeSocket(reason === "too_large" ? "too_large" : "disconnected");
    if (next === "nothing") return this.#setState("replaced", reason);
    if (next === "relogin" && this.#sameSession()) return this.#endSession(reason);
    this.#refusedToken = next === "refresh" ? this.#token : null;
    if (next === "refresh" && this.#attempt === 0) {
      this.#attempt += 1;
      this.#connect();
      return;
    }
    this.#waitToReconnect(restartMs === null ? reason : "restarting", { minDelayMs, exactDelayMs: restartMs });
  }

  #waitToReconnect(reason, { minDelayMs = 0, exactDelayMs = null } = {}) {
    const delay = exactDelayMs ?? minDelayMs + backoffMs(this.#attempt, { random: this.random });
    if (exactDelayMs === null) this.#attempt += 1;
    this.retryAt = this.now() + delay;
    this.#timers.retry = setTimeout(() => this.#connect(), delay);
    this.#setState("waiting", this.#saysOffline && reason === "lost" ? "offline" : reason);
  }

  /** False if another tab has replaced the refused session by a login since. */
  #sameSession() {
    const session = this.tokens.read();
    return !session || session.accessToken === this.#token;
  }

  #endSession(reason) {
    this.connectionId = null;
    this.#attempt = 0;
    this.#setState("ended", reason);
    this.tokens.clear();
  }

  /** Close the socket, stop its timers, and reject its commands with `code`. */
  #closeSocket(code) {
    this.#socketNumber += 1;
    for (const timer of Object.values(this.#timers)) clearTimeout(timer);
    const socket = this.#socket;
    this.#socket = null;
    this.#restartMs = null;
    this.#onlineSince = null;
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

  #setState(state, reason = null) {
    this.state = state;
    this.reason = reason;
    this.dispatchEvent(new Event("state"));
  }

  // ---- receiving ----------------------------------------------------------------------------------------------------

  #onMessage(text) {
    const frame = parsed(text);
    if (frame === null) return this.#onClose(1002); // whoever said that is no chat server
    clearTimeout(this.#timers.silence);
    if (frame.event === "ack") this.#settleCommand(frame.id, (command) => resolveWithAck(command, frame.data));
    else if (frame.event === "error") this.#settleCommand(frame.id, ({ reject }) => reject(errorOf(frame.data)));
    else if (frame.event === "welcome") this.#onWelcome(frame.data);
    else {
      if (frame.event === "serverRestarting") this.#restartMs = frame.data.reconnectAfterMs;
      this.dispatchEvent(new CustomEvent("event", { detail: frame }));
    }
  }

  #settleCommand(id, settle) {
    const command = this.#commands.get(id);
    if (!command) return;
    this.#commands.delete(id);
    clearTimeout(command.timer);
    settle(command);
  }

  #onWelcome(data) {
    clearTimeout(this.#timers.welcome);
    this.connectionId = data.connectionId;
    this.#onlineSince = this.timed();
    this.#refusedToken = null;
    this.#saysOffline = false;
    this.#timers.heartbeat = setInterval(() => this.#sendHeartbeat(), data.heartbeatInterval * 1000);
    this.#planRenewal();
    this.#setState("online");
    this.dispatchEvent(new CustomEvent("welcome", { detail: data }));
  }

  // ---- heartbeat and renewal ----------------------------------------------------------------------------------------

  /** Send a heartbeat; if no frame arrives in time, the connection counts as lost. */
  #sendHeartbeat() {
    clearTimeout(this.#timers.silence);
    this.#timers.silence = setTimeout(() => this.#onClose(4408), ANSWER_TIMEOUT_MS);
    this.command("heartbeat").catch(() => {});
  }

  /** Schedule the renewal of the token for when it is due, but not before `minDelayMs`. */
  #planRenewal({ minDelayMs = 0 } = {}) {
    clearTimeout(this.#timers.renew);
    const delay = Math.min(Math.max(minDelayMs, this.tokens.renewalDueInMs()), TIMER_MAX_MS);
    this.#timers.renew = setTimeout(() => this.#renew(), delay);
  }

  async #renew() {
    const [socketNumber, token] = [this.#socketNumber, this.#token];
    let minDelayMs = RENEWAL_RETRY_MS; // otherwise a clock that stands still causes a busy loop
    try {
      await this.tokens.getAccessToken({ renew: true }); // a new token fires `renewed`: see #authenticate
    } catch (error) {
      if (isUnauthorized(error)) return; // the server closes the connection when the token expires
      minDelayMs += backoffMs(3, { random: this.random });
    }
    if (socketNumber === this.#socketNumber) void this.#authenticate(); // another tab's token, of which no event came
    // The token is unchanged: the refresh failed, or the token is not due yet, because the clock was set back or the
    // delay was cut to TIMER_MAX_MS.
    if (socketNumber === this.#socketNumber && token === this.#token) this.#planRenewal({ minDelayMs });
  }

  async #authenticate() {
    const token = this.tokens.read()?.accessToken;
    if (!this.isOnline || !token || token === this.#token) return;
    this.#token = token;
    this.#planRenewal();
    await this.command("authenticate", { token }).catch(() => {}); // if it fails, the server closes with 4401
  }
}
