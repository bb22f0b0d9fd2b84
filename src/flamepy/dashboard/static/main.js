// Where we are, what that needs of the server, and what the reader does.

import { address, ask, kept, Refusal, tell } from "./api.js";
import { h, morphChildren } from "./dom.js";
import * as views from "./views.js";

const LOOK_AGAIN_MS = 1000;
const PICTURE_MS = 3000;
const TYPING_MS = 150;
const LOG_CHARACTERS = 400_000;
const FIRST_LOG_BYTES = 131_072;
const TOAST_MS = 6000;

const main = document.getElementById("main");
const pulse = document.getElementById("pulse");
const dialog = document.getElementById("confirm");

/** What each view asks for, by the name under which it gets it. */
const NEEDS = {
  sessions: ({ state, q, offset }) => ({ overview: address("overview"), sessions: address("sessions", { state, q, offset, limit: views.PAGE_SIZE }) }),
  session: ({ id, tab, state, offset }) => ({
    session: address("session", { session: id }),
    timeline: address("timeline", { session: id, width: pictureWidth() }),
    ...(tab ? {} : { tasks: address("tasks", { session: id, state, offset, limit: views.PAGE_SIZE }) }),
  }),
  task: ({ id, task }) => ({ task: address("task", { session: id, task }) }),
  executors: () => ({ overview: address("overview") }),
  applications: () => ({ overview: address("overview") }),
};

const COMMANDS = {
  close: ({ session }) => ["Close this session?", `${session}: running tasks are stopped, pending ones cancelled.`, "Close session", { session }],
  cancel: ({ session, task }) => ["Cancel this task?", `Task ${task} of ${session} is stopped; its call fails with TaskCancelled.`, "Cancel task", { session, task }],
};

let route = readRoute();
const logs = new Map();
let refusal = null;
let timer = 0;
let looking = null;
let pictured = 0;

function readRoute() {
  const [path, query = ""] = location.hash.replace(/^#\/?/, "").split("?", 2);
  const name = path in NEEDS ? path : "sessions";
  return { name, parameters: Object.fromEntries(new URLSearchParams(query)) };
}

function pictureWidth() {
  const room = document.getElementById("timeline")?.clientWidth ?? main.clientWidth - 32;
  return Math.max(280, Math.floor(room / 20) * 20);
}

function draw() {
  const needs = NEEDS[route.name](route.parameters);
  const data = Object.fromEntries(Object.entries(needs).map(([name, url]) => [name, kept(url)]));
  data.log = logs.get(logKey());
  const log = document.getElementById("log");
  const atEnd = !log || log.scrollTop + log.clientHeight >= log.scrollHeight - 8;
  const content = refusal ? views.trouble(refusal) : views[route.name](data, route);
  morphChildren(main, h("main", null, content));
  const drawn = document.getElementById("log");
  if (drawn && atEnd) drawn.scrollTop = drawn.scrollHeight;
  const title = main.querySelector("h1")?.textContent ?? "";
  document.title = title ? `${title} – Flame` : "Flame";
  for (const link of document.querySelectorAll("header nav a")) {
    const here = { session: "sessions", task: "sessions" }[route.name] ?? route.name;
    if (link.hash === `#/${here}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
}

function logKey() {
  const { id, task, tab } = route.parameters;
  if (route.name === "task") return `${id}\n${task}`;
  return route.name === "session" && tab === "log" ? id : null;
}

async function readLog() {
  const key = logKey();
  if (key === null) return;
  const [session, task] = key.split("\n");
  const log = logs.get(key) ?? { text: "", start: -FIRST_LOG_BYTES };
  logs.set(key, log);
  try {
    const { data } = await ask(address("log", { session, task, start: log.start }));
    if (log.start !== data.next && data.lines.length) log.text = (log.text + data.lines.map(logLine).join("")).slice(-LOG_CHARACTERS);
    log.start = data.next;
    log.trouble = "";
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    log.trouble = error.message;
  }
}

function logLine(line) {
  const parts = /^\d{4}-\d\d-\d\dT(\d\d:\d\d:\d\d)(?:\.\d+)?Z (\d+) (stdout|stderr) (.*)$/s.exec(line);
  return parts ? `${parts[1]}  (${parts[2]}) ${parts[4]}\n` : `${line}\n`;
}

/** Drawing costs the server more than anything else; a picture that is here is asked for less often. */
function isDue(url) {
  if (!url.startsWith("/api/timeline") || kept(url) === undefined) return true;
  const now = performance.now();
  if (now - pictured < PICTURE_MS) return false;
  pictured = now;
  return true;
}

/** Ask for everything that the view needs, and draw it. */
async function look() {
  const asked = route;
  const needs = Object.values(NEEDS[route.name](route.parameters)).filter(isDue);
  try {
    await Promise.all([...needs.map(ask), readLog()]);
    refusal = null;
    say("live", "live");
  } catch (error) {
    if (asked !== route) return;
    if (error instanceof Refusal) refusal = error.message;
    else say("offline, trying again", "lost");
  }
  if (asked === route) draw();
}

/** Look now, and go on looking while somebody sees the page. */
async function lookAgain() {
  clearTimeout(timer);
  while (looking) await looking;
  looking = look().finally(() => {
    looking = null;
  });
  await looking;
  clearTimeout(timer);
  if (!document.hidden) timer = setTimeout(lookAgain, LOOK_AGAIN_MS);
}

function say(text, kind) {
  if (pulse.textContent !== text) pulse.textContent = text;
  pulse.className = `pulse ${kind}`;
}

function toast(text, kind) {
  const box = document.getElementById("toast");
  box.textContent = text;
  box.className = `toast ${kind}`;
  box.hidden = false;
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => {
    box.hidden = true;
  }, TOAST_MS);
}

let asked = 0;

async function confirmed(title, text, yes) {
  document.getElementById("confirm-title").textContent = title;
  document.getElementById("confirm-text").textContent = text;
  document.getElementById("confirm-yes").textContent = yes;
  dialog.returnValue = "";
  dialog.showModal();
  // The event of a dialog that was closed a moment ago may still be on its way; whoever asked then has had the answer no.
  const mine = ++asked;
  while (dialog.open && mine === asked) await new Promise((resolve) => dialog.addEventListener("close", resolve, { once: true }));
  return mine === asked && dialog.returnValue === "yes";
}

async function run(action, data) {
  const [title, text, yes, command] = COMMANDS[action](data);
  if (!(await confirmed(title, text, yes))) return;
  try {
    toast(await tell(action, command), "done");
  } catch (error) {
    toast(error.message, "failed");
  }
  await lookAgain();
}

function arrived() {
  if (location.hash === "#main") {
    history.replaceState(null, "", `#/${route.name}?${new URLSearchParams(route.parameters)}`);
    main.focus();
    return;
  }
  const before = route;
  route = readRoute();
  refusal = null;
  draw();
  const moved = before.name !== route.name || before.parameters.id !== route.parameters.id;
  if (moved) {
    scrollTo(0, 0);
    main.focus({ preventScroll: true });
  }
  lookAgain();
}

let typing = 0;

addEventListener("hashchange", arrived);
addEventListener("resize", () => {
  clearTimeout(typing);
  typing = setTimeout(lookAgain, TYPING_MS);
});
document.addEventListener("visibilitychange", () => {
  if (!document.hidden) lookAgain();
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-action]");
  if (button) run(button.dataset.action, { ...button.dataset });
});
document.addEventListener("input", (event) => {
  if (event.target.id !== "q") return;
  clearTimeout(typing);
  typing = setTimeout(() => {
    const parameters = { ...route.parameters, q: event.target.value, offset: "" };
    const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
    history.replaceState(null, "", `#/sessions?${query}`);
    route = readRoute();
    lookAgain();
  }, TYPING_MS);
});
document.addEventListener("keydown", (event) => {
  if (event.key !== "/" || event.ctrlKey || event.metaKey || event.target.matches("input, textarea")) return;
  const field = document.getElementById("q");
  if (field) {
    event.preventDefault();
    field.focus();
  }
});

draw();
lookAgain();
