// Data to elements: one function for each view. None of them keeps anything.

import { h, picture } from "./dom.js";
import { bytes, clock, count, now, span } from "./format.js";
import { badge, choices, command, facts, pager, progress, table, tile, TASK_STATES, to, when } from "./parts.js";

export const PAGE_SIZE = 100;

/** All sessions, and how the server is. */
export function sessions({ overview, sessions: page }, route) {
  const { state = "", q = "" } = route.parameters;
  const options = [["All", ""], ["Open", "Open"], ["Closed", "Closed"]].map(([text, value]) => [text, value, to("sessions", { q, state: value })]);
  const nothing = q || state ? "No session is like that." : "No sessions yet. A FlameRunner’s services appear here as they are made.";
  return [
    h("h1", { class: "hidden-title" }, "Sessions"),
    overview && tiles(overview),
    h("div", { class: "toolbar" },
      choices("Which sessions", options, state),
      h("input", { type: "search", id: "q", placeholder: "Find by id, name or application", "aria-label": "Find sessions", value: q, autocomplete: "off", spellcheck: "false" })),
    page && h("section", { class: "card", "data-key": "list" }, table("Sessions", SESSION_COLUMNS, page.sessions.map(sessionRow), nothing)),
    page && pager("sessions", { q, state }, Number(route.parameters.offset ?? 0), PAGE_SIZE, page.total),
  ];
}

/** One session: its picture, its tasks or its log. */
export function session({ session: detail, tasks: page, timeline, log }, route) {
  if (!detail) return [h("p", { class: "empty" }, "…")];
  const { session: it, events, executors } = detail;
  const { tab = "", state = "", offset = 0 } = route.parameters;
  const tabs = [["Tasks", ""], ["Log", "log"], [`Events (${events.length})`, "events"]].map(([text, value]) => [text, value, to("session", { id: it.id, tab: value })]);
  return [
    crumbs(["Sessions", "#/sessions"]),
    h("div", { class: "title" },
      h("h1", null, it.name || it.id), badge(it.state),
      it.state === "Open" && command("close", "Close session", `Close session ${it.id}`, { session: it.id })),
    it.reason && h("p", { class: "notice" }, it.reason),
    h("section", { class: "card", "data-key": "facts" }, sessionFacts(it, executors), progress(it), legend(it)),
    h("section", { class: "card picture", "data-key": "timeline", "aria-label": "Timeline" }, h("h2", null, "Timeline"),
      h("div", { id: "timeline" }, timeline ? picture(timeline) : h("p", { class: "empty" }, "…"))),
    choices("About this session", tabs, tab),
    tab === "" && tasksOf(it, page, state, Number(offset)),
    tab === "log" && logOf(log),
    tab === "events" && eventsOf(events),
  ];
}

/** One task: what it did, what went wrong, what it printed. */
export function task({ task: detail, log }, route) {
  if (!detail) return [h("p", { class: "empty" }, "…")];
  const { task: it, events } = detail;
  const ends = it.ended ?? (it.state === "Running" ? now() : null);
  const began = it.started ?? it.created;
  return [
    crumbs(["Sessions", "#/sessions"], [it.session, to("session", { id: it.session })]),
    h("div", { class: "title" },
      h("h1", null, `Task ${it.id}`), badge(it.state),
      ["Pending", "Running"].includes(it.state) && command("cancel", "Cancel task", `Cancel task ${it.id}`, { session: route.parameters.id, task: it.id })),
    h("section", { class: "card", "data-key": "facts" }, facts([
      ["Method", it.method && h("code", null, it.method)],
      ["Executor", it.executor && h("code", null, it.executor)],
      ["Created", it.created && when(it.created)],
      ["Waited", it.started && it.created && span(it.started - it.created)],
      ["Ran", ends && began && it.state !== "Pending" && span(ends - began)],
    ])),
    it.message && h("section", { class: "card", "data-key": "message" }, h("h2", null, it.state === "Failed" ? "Why it failed" : "Message"),
      h("pre", { class: it.state === "Failed" ? "trace" : null, tabindex: "0", "aria-label": "Message" }, it.message)),
    h("section", { class: "card", "data-key": "events" }, h("h2", null, "Events"), eventList(events)),
    logOf(log),
  ];
}

/** What runs the tasks, and on which machines. */
export function executors({ overview }) {
  if (!overview) return [h("p", { class: "empty" }, "…")];
  const columns = [["Executor"], ["State"], ["Session"], ["Node"], ["Process", "number"], ["Since"]];
  const rows = overview.executors.map((it) => ({
    key: it.id,
    cells: [h("code", null, it.id), badge(it.state), it.session ? h("a", { href: to("session", { id: it.session }) }, it.session) : "–", it.node || "–", it.pid || "–", when(it.created)],
  }));
  return [
    h("h1", null, "Executors"),
    h("section", { class: "card", "data-key": "executors" }, table("Executors", columns, rows, "No executor runs. They start when a session has tasks.")),
    h("h1", null, "Nodes"),
    h("section", { class: "card", "data-key": "nodes" }, table("Nodes",
      [["Name"], ["State"], ["CPU", "number"], ["Memory", "number"], ["GPU", "number"], ["System"]],
      overview.nodes.map((it) => ({ key: it.name, cells: [it.name, badge(it.state), it.cpu, bytes(it.memory), it.gpu, `${it.os} ${it.arch}`] })), "No node is known.")),
  ];
}

/** What sessions can be made of. */
export function applications({ overview }) {
  if (!overview) return [h("p", { class: "empty" }, "…")];
  const rows = overview.applications.map((it) => ({
    key: it.name,
    cells: [
      h("a", { href: to("sessions", { q: it.name }) }, it.name), badge(it.state), count(it.open),
      h("code", { class: "command" }, [it.command, ...it.arguments].join(" ") || "–"),
      it.description || "–", it.tags.join(", ") || "–", when(it.created),
    ],
  }));
  const columns = [["Name"], ["State"], ["Open", "number"], ["Command", "wide"], ["Description", "wide"], ["Tags"], ["Created"]];
  return [h("h1", null, "Applications"), h("section", { class: "card", "data-key": "list" }, table("Applications", columns, rows, "No application is registered."))];
}

/** What is shown when the server refuses. */
export function trouble(message) {
  return [h("div", { class: "empty" }, h("h1", null, "That did not work"), h("p", null, message), h("p", null, h("a", { href: "#/sessions" }, "All sessions")))];
}

const SESSION_COLUMNS = [["Session"], ["State"], ["Application"], ["Tasks", "wide"], ["Done", "number"], ["Failed", "number"], ["Created"], ["", "actions"]];

function sessionRow(it) {
  return {
    key: it.id,
    cells: [
      h("span", { class: "names" }, h("a", { href: to("session", { id: it.id }) }, it.name || it.id), it.name && it.name !== it.id && h("code", { class: "muted" }, it.id)),
      badge(it.state),
      it.application,
      h("span", { class: "tasks" }, progress(it), h("span", { class: "muted" }, it.running || it.pending ? `${count(it.running)} running, ${count(it.pending)} waiting` : null),
        it.reason && h("span", { class: "reason" }, it.reason)),
      count(it.succeed),
      h("span", { class: it.failed ? "failed-text" : null }, count(it.failed)),
      when(it.created),
      it.state === "Open" && command("close", "Close", `Close session ${it.id}`, { session: it.id }),
    ],
  };
}

function tiles(it) {
  const bound = it.executor_states.Bound ?? 0;
  const cpu = it.nodes.reduce((sum, node) => sum + node.cpu, 0);
  const memory = it.nodes.reduce((sum, node) => sum + node.memory, 0);
  return h("section", { class: "tiles", "aria-label": "Summary", "data-key": "tiles" },
    tile("Open sessions", count(it.sessions.Open ?? 0), `${count(it.sessions.Closed ?? 0)} closed`),
    tile("Running tasks", count(it.tasks.running), `${count(it.tasks.pending)} waiting`, "running"),
    tile("Succeeded", count(it.tasks.succeed), it.tasks.cancelled ? `${count(it.tasks.cancelled)} cancelled` : "tasks", "succeed"),
    tile("Failed", count(it.tasks.failed), "tasks", it.tasks.failed ? "failed" : ""),
    tile("Executors", count(it.executors.length), `${count(bound)} bound; ${cpu} CPU, ${bytes(memory)}`));
}

function sessionFacts(it, running) {
  return facts([
    ["Session", h("code", null, it.id)],
    ["Application", it.application],
    ["Runner", it.runner],
    ["Resources", it.resources],
    ["Priority", it.priority || null],
    ["Executors", count(running.length)],
    ["Created", when(it.created)],
    ["Ended", it.ended && when(it.ended)],
  ]);
}

function legend(it) {
  return h("p", { class: "legend" }, ["succeed", "failed", "cancelled", "running", "pending"].map((part) =>
    h("span", { class: part, "data-key": part }, `${count(it[part])} ${part}`)));
}

function tasksOf(it, page, state, offset) {
  const options = [["All", ""], ...TASK_STATES.map((each) => [each, each])].map(([text, value]) => [text, value, to("session", { id: it.id, state: value })]);
  const columns = [["Task"], ["State"], ["Method", "optional"], ["Executor", "optional"], ["Created"], ["Ran", "number"], ["Message", "wide"], ["", "actions"]];
  return h("section", { class: "card", "data-key": "tasks" },
    choices("Which tasks", options, state),
    page ? table("Tasks", columns, page.tasks.map((each) => taskRow(each, it)), state ? `No task is ${state}.` : "No tasks yet.") : h("p", { class: "empty" }, "…"),
    page && pager("session", { id: it.id, state }, offset, PAGE_SIZE, page.total));
}

function taskRow(each, it) {
  const ends = each.ended ?? (each.state === "Running" ? now() : null);
  const began = each.started ?? (each.state === "Pending" ? null : each.created);
  return {
    key: each.id,
    cells: [
      h("a", { href: to("task", { id: it.id, task: each.id }) }, each.id),
      badge(each.state),
      each.method && h("code", null, each.method),
      each.executor && h("code", null, each.executor),
      when(each.created),
      ends && began ? span(ends - began) : "–",
      each.message ? h("span", { class: "message" }, each.message) : "",
      ["Pending", "Running"].includes(each.state) && command("cancel", "Cancel", `Cancel task ${each.id}`, { session: it.id, task: each.id }),
    ],
  };
}

function logOf(log) {
  const body = log?.text ? h("pre", { id: "log", class: "log", tabindex: "0", "aria-label": "Log" }, log.text) : h("p", { class: "empty" }, log?.trouble || "Nothing was printed.");
  return h("section", { class: "card", "data-key": "log" }, h("h2", null, "Log"), body);
}

function eventsOf(events) {
  return h("section", { class: "card", "data-key": "events" }, h("h2", null, "Events"), eventList(events));
}

function eventList(events) {
  if (!events.length) return h("p", { class: "empty" }, "Nothing happened yet.");
  return h("ol", { class: "events" }, events.map((each, index) => h("li", { "data-key": `${index}` },
    h("time", { datetime: new Date(each.created * 1000).toISOString() }, clock(each.created)),
    h("span", null, each.message), h("span", { class: "muted" }, `(${each.code})`))));
}

function crumbs(...links) {
  return h("nav", { class: "crumbs", "aria-label": "Where you are" }, links.map(([text, href]) => h("a", { href }, text)));
}
