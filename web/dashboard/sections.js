/** What the sections of the page hold besides tiles and charts: alerts, forecasts, processes. */

import { alertWords, count, duration, moment, ms, number, percent, UNKNOWN } from "../ui/format.js";
import { classes, h } from "../ui/view.js";
import { hashOf } from "./address.js";
import { forecasts } from "./forecast.js";
import { table } from "./table.js";
import { memoryWords, processesWords, stateOfProcess } from "./verdict.js";

/** What is shown, in a line: process, uptime, version, store, cache. */
export function about({ about: { version, store, cache, uptime }, processId, answeredBy, processes }) {
  const shown = processes.find((one) => one.processId === (processId ?? answeredBy));
  return [
    processId ? `Process ${processId}` : processesWords(processes.length),
    ` · up for ${duration(shown?.uptimeS ?? uptime)} · version ${version} · store ${store} · cache ${cache}`,
  ].join("");
}

/** The active alerts of what is shown. */
export function activeAlerts({ processes, processId, at }) {
  const shown = processes.filter((one) => processId === null || one.processId === processId);
  const active = shown.flatMap((one) => one.alerts.map((alert) => ({ ...alert, processId: one.processId })));
  if (active.length === 0) return null; // the verdict says so
  return h(
    "ul",
    { class: "active-alerts" },
    active.map((alert) => {
      const { title, value, threshold } = alertWords(alert);
      return h(
        "li",
        { key: `${alert.processId} ${alert.name}`, class: classes("alert", alert.severity), "data-alert": alert.name },
        h("strong", null, title),
        h("span", { class: "alert-severity" }, alert.severity),
        value && h("span", null, `${value}, threshold ${threshold}`),
        processId === null && h("span", null, `process ${alert.processId}`),
        h("span", { class: "alert-since" }, `since ${moment(alert.since, Date.parse(at))}`),
      );
    }),
  );
}

/** When limits would be reached, in words; null where nothing is known. */
export function forecastSection(snapshot) {
  const list = forecasts(snapshot);
  return (
    list &&
    h(
      "section",
      { class: "forecast", "aria-labelledby": "forecast-title" },
      h("h3", { id: "forecast-title" }, "Forecast"),
      list,
      h("p", { class: "hint" }, "If it goes on as it did; in brackets with a probability of 95 %."),
    )
  );
}

/** What the charts are of, where that is not plain. */
export function chartsHint({ scope, processes, processId, answeredBy }) {
  if (scope === "cluster" && processes.length > 1)
    return "Each process keeps a history of its own: that of all is collected while this page is open.";
  if (processId !== null && processId !== answeredBy)
    return `Another process answers: what it knows of ${processId} is newest values.`;
  return h("span", { class: "with-mouse" }, "Drag to zoom in, double click to zoom out.");
}

/** All live processes, each with a link to it. */
export function processTable({ processes, thresholds, answeredBy }, choice) {
  return h(
    "div",
    { class: "card" },
    table({
      label: "Processes of the cluster",
      columns: [
        "Process",
        "State",
        "Up for",
        "Connections",
        "Peak",
        "Messages in",
        "Loop lag",
        "CPU",
        "Memory",
        "Queue",
        "Shedding",
      ],
      texts: 2,
      rows: processes.map((one) => {
        const { processId, sample, uptimeS, connections, connectionsPeak } = one;
        const state = stateOfProcess(one, thresholds);
        return {
          key: processId,
          attributes: { "data-process-id": processId },
          cells: [
            [
              h("a", { href: hashOf({ ...choice, scope: "process", process: processId, section: null }) }, processId),
              processId === answeredBy && " (answers)",
            ],
            h("span", { class: `pill ${state}` }, state),
            duration(uptimeS),
            count(connections),
            count(connectionsPeak),
            sample.messagesIn === undefined ? UNKNOWN : `${number(sample.messagesIn)}/s`,
            ms(sample.loopLagMs),
            percent(sample.cpu),
            memoryWords(sample),
            count(sample.storeQueue),
            sample.shedLevel === undefined ? UNKNOWN : `level ${sample.shedLevel}`,
          ],
        };
      }),
    }),
  );
}

/** The alerts that have ended. */
export function pastAlerts({ alerts, at }) {
  const now = Date.parse(at);
  return table({
    label: "Past alerts, newest first",
    columns: ["Alert", "Severity", "Worst", "Threshold", "Raised", "Resolved", "Lasted"],
    texts: 2,
    rows: alerts.history.map((alert) => {
      const { title, value, threshold } = alertWords(alert);
      const lastedS = (Date.parse(alert.resolvedAt) - Date.parse(alert.since)) / 1000;
      return [
        title,
        alert.severity,
        value,
        threshold,
        moment(alert.since, now),
        moment(alert.resolvedAt, now),
        duration(lastedS),
      ];
    }),
    empty: "None since the start.",
  });
}
