/**
 * Dates and times as people read them, in the reader's locale and time zone. Pure: `now` is always passed in.
 *
 * Labels that depend on the day are drawn again after `msUntilMidnight(now)`. A timer stands still while a machine
 * sleeps and knows nothing of a clock that is set, so whoever has one asks again when the page becomes visible.
 */

const TIME = { hour: "2-digit", minute: "2-digit" };
const DAY = { weekday: "long", day: "numeric", month: "long" };
const SHORT_DAY = { day: "numeric", month: "short" };
const FULL = { ...DAY, year: "numeric", ...TIME, second: "2-digit" };
const MINUTE_MS = 60_000;

const formats = new Map(); // a memo: to make a format takes a hundred times as long as to use it
const FORMATS_MAX = 20;

function formatted(date, locale, options) {
  const key = JSON.stringify([locale, options, date.getTimezoneOffset()]); // a format keeps the time zone it was made in
  let format = formats.get(key);
  if (!format) {
    if (formats.size >= FORMATS_MAX) formats.clear();
    format = new Intl.DateTimeFormat(locale, options);
    formats.set(key, format);
  }
  return format.format(date);
}

/** "09:05", or "09:05 AM" where the locale counts to twelve. `locale`: the reader's unless given. */
export function timeLabel(date, locale = []) {
  return formatted(date, locale, TIME);
}

/** All there is to say of a moment, for a tooltip. */
export function fullLabel(date, locale = []) {
  return formatted(date, locale, FULL);
}

export function sameDay(one, other) {
  return (
    one.getDate() === other.getDate() &&
    one.getMonth() === other.getMonth() &&
    one.getFullYear() === other.getFullYear()
  );
}

function isYesterday(date, now) {
  return sameDay(date, new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1));
}

function withYear(date, now, format) {
  return date.getFullYear() === now.getFullYear() ? format : { ...format, year: "numeric" };
}

/** A moment to come: "14:05", or "14:05 on Friday, 4 May" */
export function momentLabel(date, now, locale = []) {
  const time = timeLabel(date, locale);
  return sameDay(date, now) ? time : `${time} on ${dayLabel(date, now, locale)}`;
}

/** "Today", "Yesterday", or the date, with the year if it is not the current one. */
export function dayLabel(date, now, locale = []) {
  if (sameDay(date, now)) return "Today";
  if (isYesterday(date, now)) return "Yesterday";
  return formatted(date, locale, withYear(date, now, DAY));
}

/** For lists: "now", "5 min", the time of today, "yesterday", "12 Mar", "12 Mar 2025". */
export function relativeLabel(date, now, locale = []) {
  const passedMs = now.getTime() - date.getTime();
  // What comes from a clock that goes a little before ours has been sent now.
  if (Math.abs(passedMs) < MINUTE_MS) return "now";
  if (passedMs > 0 && passedMs < 60 * MINUTE_MS) return `${Math.floor(passedMs / MINUTE_MS)} min`;
  if (sameDay(date, now)) return timeLabel(date, locale);
  if (isYesterday(date, now)) return "yesterday";
  return formatted(date, locale, withYear(date, now, SHORT_DAY));
}

/** Milliseconds until the next day begins here: 23 or 25 hours where the clocks change; always more than 0. */
export function msUntilMidnight(now) {
  return Math.max(1, new Date(now.getFullYear(), now.getMonth(), now.getDate() + 1).getTime() - now.getTime());
}
