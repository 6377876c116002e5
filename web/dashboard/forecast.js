/** When the process would reach its limits, in words. */

import { bytes, count, hourRange, hours, percent } from "../ui/format.js";
import { byId, el } from "../ui/dom.js";

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

export class ForecastView {
  #shown = "";

  constructor({ poller }) {
    this.poller = poller;
  }

  render() {
    const { forecast = {} } = this.poller.data.performance;
    const known = [...RESOURCES.keys()].filter((name) => forecast[name]);
    byId("forecast").hidden = known.length === 0;
    const items = known.map((name) => ({ name, ...forecastWords(name, forecast[name]) }));
    const shown = JSON.stringify(items);
    if (shown === this.#shown) return;
    this.#shown = shown;
    byId("forecasts").replaceChildren(
      ...items.map(({ name, title, words, isUrgent }) =>
        el("div", { "data-resource": name }, el("dt", {}, title), el("dd", isUrgent ? { class: "urgent" } : {}, words)),
      ),
    );
  }
}
