// Values as people read them.

let offset = 0;

/** Learn how far the server's clock is from ours, in seconds. */
export function setServerTime(seconds) {
  if (Number.isFinite(seconds)) offset = seconds - Date.now() / 1000;
}

/** The server's time, in seconds. */
export function now() {
  return Date.now() / 1000 + offset;
}

/** A duration. */
export function span(seconds) {
  if (seconds < 0) seconds = 0;
  if (seconds < 0.0005) return "0 ms";
  if (seconds < 1) return `${Number((seconds * 1000).toPrecision(3))} ms`;
  if (seconds < 60) return `${Number(seconds.toPrecision(3))} s`;
  if (seconds < 3600) return two(seconds, 60, "min", "s");
  if (seconds < 86400) return two(seconds, 3600, "h", "min");
  return two(seconds, 86400, "d", "h");
}

/** How long ago something was, in whole units, so that it does not flicker. */
export function ago(seconds) {
  const past = Math.max(0, now() - seconds);
  if (past < 5) return "just now";
  if (past < 60) return `${Math.floor(past / 5) * 5} s ago`;
  if (past < 3600) return `${Math.floor(past / 60)} min ago`;
  if (past < 86400) return `${Math.floor(past / 3600)} h ago`;
  return new Date(seconds * 1000).toLocaleDateString();
}

/** A moment in full. */
export function moment(seconds) {
  return new Date(seconds * 1000).toLocaleString();
}

/** A moment of a day, with milliseconds. */
export function clock(seconds) {
  const date = new Date(seconds * 1000);
  return `${date.toLocaleTimeString([], { hour12: false })}.${String(date.getMilliseconds()).padStart(3, "0")}`;
}

/** Bytes. */
export function bytes(size) {
  for (const [unit, factor] of [["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]]) {
    if (size >= factor) return `${Number((size / factor).toPrecision(3))} ${unit}`;
  }
  return `${size} B`;
}

/** A count, with the separators of the reader's language. */
export function count(number) {
  return number.toLocaleString();
}

function two(seconds, unit, big, small) {
  const lower = { 60: 1, 3600: 60, 86400: 3600 }[unit];
  const rest = Math.floor((seconds % unit) / lower);
  return `${Math.floor(seconds / unit)} ${big}${rest ? ` ${rest} ${small}` : ""}`;
}
