// What the screens say in words, and how they follow a stream that may break.

export const element = (id) => document.getElementById(id);

export function age_words(milliseconds) {
  if (milliseconds == null) return "never";
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s ago`;
  if (seconds < 5400) return `${Math.round(seconds / 60)} min ago`;
  if (seconds < 129_600) return `${Math.round(seconds / 3600)} h ago`;
  return `${Math.round(seconds / 86_400)} days ago`;
}

export function span_words(milliseconds) {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 90) return `${seconds} s`;
  return seconds < 5400 ? `${Math.round(seconds / 60)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function metres_words(metres) {
  if (metres < 950) return `${Math.max(10, Math.round(metres / 10) * 10)} m`;
  return `${(metres / 1000).toFixed(metres < 9950 ? 1 : 0)} km`;
}

export const bytes_words = (bytes) => {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let unit = 0;
  for (; bytes >= 1024 && unit + 1 < units.length; ++unit) bytes /= 1024;
  return `${bytes.toFixed(unit === 0 || bytes >= 100 ? 0 : 1)} ${units[unit]}`;
};

export const state_words = (state) => (state === "open" ? "not started" : state === "start" ? "picked up" : state.replaceAll("_", " "));

export const clock_words = (time) => new Date(time).toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });

// Sets a text only where it differs, so that a screen reader is not told the same again.
export function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

const again_ms_min = 1000;
const again_ms_spread = 2000;
const lost_ms_min = 2500;  // a break that is shorter is not spoken of

// Follows a stream of server-sent events and comes back, also where the server refuses for a while: an EventSource alone gives up then.
// names: of the events; tell(name, data); lost(broken): whether the connection is gone; gone(): asked after a refusal, true ends it.
export function follow(path, { names, tell, lost, gone }) {
  let source = null;
  let last_id = "";
  let ended = false;
  let lost_timer = 0;
  let again_timer = 0;
  const back = () => {
    clearTimeout(lost_timer);
    lost_timer = 0;
    lost(false);
  };
  const broken = () => {
    if (!lost_timer && !ended) lost_timer = setTimeout(() => lost(true), lost_ms_min);
  };
  function connect() {
    if (ended) return;
    source?.close();
    const url = new URL(path, location.origin);
    if (last_id) url.searchParams.set("last_event_id", last_id);
    source = new EventSource(url);
    source.addEventListener("open", back);
    source.addEventListener("error", () => {
      broken();
      if (source.readyState === EventSource.CLOSED) refused();
    });
    for (const name of names)
      source.addEventListener(name, (event) => {
        if (event.lastEventId) last_id = event.lastEventId;
        tell(name, JSON.parse(event.data));
      });
  }
  async function refused() {
    if (gone && (await gone())) return end();
    clearTimeout(again_timer);
    if (!ended) again_timer = setTimeout(connect, again_ms_min + Math.random() * again_ms_spread);
  }
  function end() {
    ended = true;
    clearTimeout(again_timer);
    clearTimeout(lost_timer);
    source?.close();
  }
  addEventListener("offline", () => { if (!ended) lost(true); });
  addEventListener("online", connect);
  connect();
  return { end, again: connect };
}

export async function read(path, options = {}) {
  const answer = await fetch(path, { cache: "no-store", ...options });
  if (answer.status === 401 && !options.open) location.assign("/login?next=" + encodeURIComponent(location.pathname));
  if (!answer.ok) {
    const problem = await answer.json().catch(() => ({}));
    const error = new Error(problem.detail || `${path} answered ${answer.status}`);
    error.status = answer.status;
    throw error;
  }
  return answer;
}

export const read_json = async (path, options) => (await read(path, options)).json();

// A node with attributes and children; every text goes in as text.
export function make(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (name === "class") node.className = value;
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value != null) node.setAttribute(name, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}
