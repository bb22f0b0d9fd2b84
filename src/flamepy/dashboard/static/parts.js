// The small things that several views are made of.

import { h, s } from "./dom.js";
import { ago, count, moment } from "./format.js";

export const TASK_STATES = ["Running", "Pending", "Failed", "Succeed", "Cancelled"];

/** The address of a view, with its parameters. */
export function to(view, parameters) {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(given).toString();
  return `#/${view}${query ? `?${query}` : ""}`;
}

/** A state, in words and colour. */
export function badge(state) {
  return h("span", { class: `badge ${state.toLowerCase()}` }, state);
}

/** A moment, as how long ago it was. */
export function when(seconds) {
  if (!seconds) return h("span", { class: "muted" }, "–");
  return h("time", { datetime: new Date(seconds * 1000).toISOString(), title: moment(seconds) }, ago(seconds));
}

/** What became of a session's tasks, as one bar. */
export function progress(session) {
  const parts = ["succeed", "failed", "cancelled", "running", "pending"];
  const total = parts.reduce((sum, part) => sum + session[part], 0);
  const about = total ? parts.filter((part) => session[part]).map((part) => `${count(session[part])} ${part}`).join(", ") : "no tasks yet";
  let x = 0;
  const rects = parts.filter((part) => session[part]).map((part) => {
    const width = (100 * session[part]) / total;
    x += width;
    return s("rect", { "data-key": part, class: part, x: (x - width).toFixed(2), y: 0, width: width.toFixed(2), height: 8 });
  });
  return s("svg", { class: "progress", viewBox: "0 0 100 8", preserveAspectRatio: "none", role: "img", "aria-label": about },
    s("title", null, about), rects);
}

/** A number with what it counts. */
export function tile(label, value, more, kind) {
  return h("div", { class: `tile ${kind ?? ""}`, "data-key": label }, h("span", { class: "label" }, label), h("strong", null, value), h("span", { class: "muted" }, more ?? ""));
}

/** Labels and values. */
export function facts(pairs) {
  return h("dl", { class: "facts" }, pairs.filter(([, value]) => value !== null && value !== undefined && value !== "").map(([label, value]) =>
    h("div", { "data-key": label }, h("dt", null, label), h("dd", null, value))));
}

/**
 * A table that becomes a list of cards where there is no room.
 * @param columns [heading, class] of each; "optional" ones are left out where no row has them.
 * @param rows {key, cells}
 */
export function table(label, columns, rows, nothing) {
  if (!rows.length) return h("p", { class: "empty" }, nothing);
  const told = columns.map(([, kind], index) => kind !== "optional" || rows.some(({ cells }) => cells[index]));
  columns = columns.filter((_, index) => told[index]);
  rows = rows.map(({ key, cells }) => ({ key, cells: cells.filter((_, index) => told[index]) }));
  return h("div", { class: "scroll" }, h("table", { "aria-label": label },
    h("thead", null, h("tr", null, columns.map(([heading, kind]) => h("th", { scope: "col", class: kind }, heading)))),
    h("tbody", null, rows.map(({ key, cells }) => h("tr", { "data-key": key },
      cells.map((cell, index) => h("td", { class: columns[index][1], "data-label": columns[index][0] }, cell)))))));
}

/** Links of which one is where we are. */
export function choices(label, options, chosen) {
  return h("nav", { class: "choices", "aria-label": label }, options.map(([text, value, href]) =>
    h("a", { href, "data-key": value || "all", "aria-current": value === chosen ? "true" : null }, text)));
}

/** Links to the parts before and after this one. */
export function pager(view, parameters, offset, size, total) {
  if (total <= size && !offset) return null;
  const last = Math.min(total, offset + size);
  const newer = offset > 0 ? h("a", { href: to(view, { ...parameters, offset: Math.max(0, offset - size) || "" }) }, "← Newer") : null;
  const older = last < total ? h("a", { href: to(view, { ...parameters, offset: offset + size }) }, "Older →") : null;
  return h("nav", { class: "pager", "aria-label": "Pages" }, newer, h("span", { class: "muted" }, `${count(offset + 1)}–${count(last)} of ${count(total)}`), older);
}

/** A button that asks before it does something; main.js listens. */
export function command(action, text, about, data) {
  const attributes = Object.fromEntries(Object.entries(data).map(([name, value]) => [`data-${name}`, value]));
  return h("button", { type: "button", class: "quiet danger", "data-action": action, "aria-label": about, ...attributes }, text);
}
