/** Formats numbers, durations and times. Pure. An unknown value (null, undefined, not finite) is shown as a dash. */

export const UNKNOWN = "–";

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const ONE_DIGIT = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const TWO_DIGITS = new Intl.NumberFormat("en", { maximumFractionDigits: 2 });
const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });
const UNITS = ["B", "KiB", "MiB", "GiB", "TiB"];

function known(format) {
  return (value) => (typeof value === "number" && Number.isFinite(value) ? format(value) : UNKNOWN);
}

/** Rounded to significant digits: 0.12, 3.4, 56, 1,234, 1.2M. */
export const number = known((value) => {
  const size = Math.abs(value);
  if (size >= 1e6) return COMPACT.format(value);
  if (size >= 100 || Number.isInteger(value)) return WHOLE.format(value);
  return (size >= 10 ? ONE_DIGIT : TWO_DIGITS).format(value);
});

export const count = known((value) => (Math.abs(value) >= 1e6 ? COMPACT : WHOLE).format(value));

export const percent = known((value) => `${(Math.abs(value) >= 10 ? WHOLE : ONE_DIGIT).format(value)} %`);

/** A share from 0 to 1 as percent. */
export const share = known((value) => `${ONE_DIGIT.format(value * 100)} %`);

export const ms = known((value) => {
  const size = Math.abs(value);
  if (size >= 1000) return `${number(value / 1000)} s`;
  return size > 0 && size < 0.1 ? `${number(value * 1000)} µs` : `${number(value)} ms`;
});

export const bytes = known((value) => {
  let unit = 0;
  let size = value;
  while (Math.abs(size) >= 1024 && unit < UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${number(size)} ${UNITS[unit]}`;
});

/** A number of seconds in at most two units: 45 s, 3 min 20 s, 2 h 5 min, 4 d 3 h. */
export const duration = known((seconds) => {
  const whole = Math.max(0, Math.floor(seconds));
  if (whole < 60) return `${whole} s`;
  const [days, hours, minutes] = [
    Math.floor(whole / 86_400),
    Math.floor((whole % 86_400) / 3600),
    Math.floor((whole % 3600) / 60),
  ];
  const parts = days
    ? [days, "d", hours, "h"]
    : hours
      ? [hours, "h", minutes, "min"]
      : [minutes, "min", whole % 60, "s"];
  return parts[2] ? parts.join(" ") : `${parts[0]} ${parts[1]}`;
});

function two(value) {
  return String(value).padStart(2, "0");
}

/** The local time of day, with or without seconds. */
export function clock(at, { seconds = true } = {}) {
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return `${two(date.getHours())}:${two(date.getMinutes())}${seconds ? `:${two(date.getSeconds())}` : ""}`;
}

/** The local time, with the date if it is not today. */
export function moment(at, now) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date(now).toDateString();
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())} `;
  return Number.isNaN(date.getTime()) ? UNKNOWN : `${isToday ? "" : day}${clock(at)}`;
}

/**
 * `[size in hours, name]` of the unit in which so many hours are shown.
 * @returns {[number, string]}
 */
function hourUnit(value) {
  if (value < 1) return [1 / 60, "min"];
  return value < 48 ? [1, "h"] : [24, "d"];
}

/** A number of hours, roughly, in one unit: 12 min, 9.5 h, 3 d. */
export const hours = known((value) => {
  const [size, unit] = hourUnit(value);
  return `${rough(value / size)} ${unit}`;
});

/** An interval around `middle` hours, in the unit of that: "7–14 h"; "7 h or later" where the end is not known. */
export function hourRange(first, last, middle) {
  const [size, unit] = hourUnit(middle);
  const [from, to] = [first / size, last / size].map(rough);
  if (typeof last !== "number") return `${from} ${unit} or later`;
  return from === to ? `${from} ${unit}` : `${from}–${to} ${unit}`;
}

function rough(value) {
  return (value >= 10 ? WHOLE : ONE_DIGIT).format(value);
}

const ALERTS = new Map([
  ["cpu", ["CPU", percent]],
  ["memory", ["Memory", percent]],
  ["connections", ["Connections", count]],
  ["slow_query", ["Slow query", ms]],
  ["cache_misses", ["Cache misses", percent]],
  ["pool", ["Connection pool", percent]],
  ["loop_lag", ["Event loop lag", ms]],
  ["store_queue", ["Store queue", percent]],
  ["bus", ["Bus lost", null]],
  ["disk", ["Disk used", percent]],
  ["errors", ["Server errors", percent]],
  ["forecast", ["Forecast", hours]],
]);

/** Camel case to words: "loopLagMs" becomes "loop lag ms". */
export function spaced(name) {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** `{title, value, threshold}` of an alert as texts. */
export function alertWords({ name, subject, value, threshold }) {
  const [kind, format = number] = ALERTS.get(name) ?? [name];
  const title = subject ? `${kind}: ${spaced(subject)}` : kind;
  return { title, value: format ? format(value) : "", threshold: format ? format(threshold) : "" };
}
