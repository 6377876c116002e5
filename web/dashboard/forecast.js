/** When the process would reach its limits, in words. */

import { bytes, count, hourRange, hours, percent } from "../ui/format.js";
import { h } from "../ui/view.js";

const URGENT_HOURS = 24; // as the alert

// By the resource's name in the reply: its title, what its limit is, and the format of its values.
const RESOURCES = new Map([
  ["connections", { title: "Connections", limit: (at) => `the limit of ${count(at)}`, format: count }],
  ["memory", { title: "Memory", limit: (at) => `${percent(at)} of its limit`, format: percent }],
  ["disk", { title: "Disk", limit: () => "its end", format: (free) => `${bytes(free)} free` }],
  ["storeQueue", { title: "Store queue", limit: () => "its limit", format: percent }],
]);

/** `{title, words, isUrgent}` of the forecast of one resource. */
export function forecastWords(name, forecast) {
  const { title, limit, format } = RESOURCES.get(name);
  if (forecast.state === "too_few_points")
    return { title, words: "Not known yet: it takes half an hour.", isUrgent: false };
  if (forecast.state !== "limit_in_sight")
    return { title, words: `No limit in sight. Now ${format(forecast.value)}.`, isUrgent: false };
  const range = hourRange(forecast.hoursEarliest, forecast.hoursLatest, forecast.hours);
  const words =
    forecast.hours === 0
      ? `At ${limit(forecast.limit)}, and still growing.`
      : `Reaches ${limit(forecast.limit)} in about ${hours(forecast.hours)} (${range}). Now ${format(forecast.value)}.`;
  return { title, words, isUrgent: forecast.hours <= URGENT_HOURS };
}

/** The list of all forecasts, or null where there is none. */
export function forecasts({ performance }) {
  const forecast = performance.forecast ?? {};
  const known = [...RESOURCES.keys()].filter((name) => forecast[name]);
  if (known.length === 0) return null;
  return h(
    "dl",
    { class: "card forecasts" },
    known.map((name) => {
      const { title, words, isUrgent } = forecastWords(name, forecast[name]);
      return h(
        "div",
        { key: name, "data-resource": name },
        h("dt", null, title),
        h("dd", { class: isUrgent ? "urgent" : null }, words),
      );
    }),
  );
}
