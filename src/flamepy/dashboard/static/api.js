// Questions to the server. Of each address the newest answer is kept, and asked for again by its tag.

import { setServerTime } from "./format.js";

const answers = new Map();
const KEPT = 60;

/** What the server refused, in its words. */
export class Refusal extends Error {
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/** The address of a question. */
export function address(name, parameters) {
  const given = Object.entries(parameters ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== "");
  const query = new URLSearchParams(given).toString();
  return `/api/${name}${query ? `?${query}` : ""}`;
}

/** The answer that is here already, if there is one. */
export function kept(url) {
  return answers.get(url)?.data;
}

/** Ask; return {data, changed}. */
export async function ask(url) {
  const known = answers.get(url);
  const headers = known ? { "If-None-Match": known.tag } : {};
  const response = await fetch(url, { headers, cache: "no-store", signal: AbortSignal.timeout(15000) });
  setServerTime(Number(response.headers.get("X-Flame-Time") ?? NaN));
  if (response.status === 304) return { data: known.data, changed: false };
  if (!response.ok) {
    answers.delete(url);
    throw await refusal(response);
  }
  const isPicture = response.headers.get("Content-Type").startsWith("image/svg");
  const data = isPicture ? await response.text() : await response.json();
  remember(url, { tag: response.headers.get("ETag"), data });
  return { data, changed: true };
}

/** Tell the server to do something; return its sentence. */
export async function tell(name, command) {
  const body = JSON.stringify(command);
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(`/api/${name}`, { method: "POST", headers, body, signal: AbortSignal.timeout(30000) });
  if (!response.ok) throw await refusal(response);
  return (await response.json()).done;
}

function remember(url, answer) {
  answers.delete(url);
  answers.set(url, answer);
  if (answers.size > KEPT) answers.delete(answers.keys().next().value);
}

async function refusal(response) {
  if (response.status === 401) location.assign("/login");
  const text = await response.text();
  try {
    return new Refusal(JSON.parse(text).error, response.status);
  } catch {
    return new Refusal(text || `the server answered ${response.status}`, response.status);
  }
}
