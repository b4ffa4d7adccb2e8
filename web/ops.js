// The dispatcher's screen: who moves where, told by /v1/live of what the map shows; the list beside it; what is chosen of it.
import { age_words, element, follow, make, read_json, say, state_words } from "/web/words.js";
import { bind_zoom, colour, make_map } from "/web/map.js";
import { Chosen } from "/web/ops_order.js";
import { Quarantine } from "/web/ops_quarantine.js";
import { Replay } from "/web/ops_replay.js";

const list_max = 200;
const list_ms = 1000;
const health_ms = 5000;
const pages_max = 10;        // of 1000 orders, where a region has more than a stream begins with
const seen_minutes_max = 60; // the map begins where somebody moved within that
const glide_ms_min = 600;
const glide_ms_max = 8000;
const hit_px = 16;

const orders = new Map();    // id to what is known of it
let map = null;
let stream = null;
let region = null;           // [west, south, east, north] that is followed
let lost = false;
let chosen = null;
let replay = null;
let frame = 0;
let moving_until = 0;
let say_opened = null;
const opened = new Promise((done) => { say_opened = done; });  // the map, or that there is none

// ---- where each one is on the map, between two fixes

const world = (map) => 512 * 2 ** map.getZoom();
const mercator_x = (longitude) => (longitude + 180) / 360;
const mercator_y = (latitude) => 0.5 - Math.log(Math.tan(Math.PI / 4 + (latitude * Math.PI) / 360)) / (2 * Math.PI);

function projection() {
  const { lng, lat } = map.getCenter();
  const canvas = element("couriers");
  const size = world(map);
  const [x, y] = [mercator_x(lng), mercator_y(lat)];
  return ([longitude, latitude]) => [canvas.clientWidth / 2 + (mercator_x(longitude) - x) * size, canvas.clientHeight / 2 + (mercator_y(latitude) - y) * size];
}

function place_of(order, now) {
  if (!order.to) return null;
  if (!order.from || now >= order.until) return order.to;
  const part = (now - order.since) / (order.until - order.since);
  return [order.from[0] + (order.to[0] - order.from[0]) * part, order.from[1] + (order.to[1] - order.from[1]) * part];
}

function move(order, place, gap_ms) {
  const now = performance.now();
  order.from = order.to && !document.hidden ? place_of(order, now) : null;
  order.to = place;
  order.since = now;
  order.until = now + Math.min(Math.max(gap_ms, glide_ms_min), glide_ms_max);
  moving_until = Math.max(moving_until, order.until);
  redraw();
}

function redraw() {
  if (!frame && map) frame = requestAnimationFrame(draw);
}

const kinds = [
  { of: (order) => order.state === "closed" || order.state === "cancelled" || order.state === "open", size: 3, fill: "--dim", edge: "--card" },
  { of: (order) => order.state === "arrived", size: 4.5, fill: "--dim", edge: "--card" },
  { of: (order) => silent(order), size: 5, fill: "--silent", edge: "--card", square: true },
  { of: (order) => order.state === "start", size: 4, fill: "--card", edge: "--accent" },
  { of: () => true, size: 5, fill: "--accent", edge: "--card" },
];

function canvas_context() {
  const canvas = element("couriers");
  const ratio = devicePixelRatio || 1;
  const [width, height] = [Math.round(canvas.clientWidth * ratio), Math.round(canvas.clientHeight * ratio)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, canvas.clientWidth, canvas.clientHeight);
  return context;
}

function draw() {
  frame = 0;
  if (replay?.shown) return replay.draw();
  const context = canvas_context();
  const [width, height] = [element("couriers").clientWidth, element("couriers").clientHeight];
  const project = projection();
  const now = performance.now();
  const groups = kinds.map(() => []);
  for (const order of orders.values()) {
    const place = place_of(order, now);
    if (!place) continue;
    const [x, y] = project(place);
    if (x < -10 || y < -10 || x > width + 10 || y > height + 10) continue;
    groups[kinds.findIndex((kind) => kind.of(order))].push([x, y, order]);
  }
  groups.forEach((group, index) => {
    const { size, fill, edge, square } = kinds[index];
    context.beginPath();
    for (const [x, y] of group) {
      if (square) context.rect(x - size, y - size, 2 * size, 2 * size);
      else context.moveTo(x + size, y), context.arc(x, y, size, 0, 2 * Math.PI);
    }
    context.fillStyle = colour(fill);
    context.strokeStyle = colour(edge);
    context.lineWidth = 1.75;
    context.fill();
    context.stroke();
  });
  const mine = chosen?.id === null ? null : orders.get(chosen?.id);
  const place = mine && place_of(mine, now);
  if (place) {
    const [x, y] = project(place);
    context.beginPath();
    context.arc(x, y, 11, 0, 2 * Math.PI);
    context.strokeStyle = colour("--ink");
    context.lineWidth = 2.5;
    context.stroke();
  }
  if (now < moving_until) redraw();
}

function order_at(point) {
  const project = projection();
  const now = performance.now();
  let best = null;
  let nearest = hit_px;
  for (const order of orders.values()) {
    const place = place_of(order, now);
    if (!place) continue;
    const [x, y] = project(place);
    const far = Math.hypot(x - point.x, y - point.y);
    if (far < nearest) [nearest, best] = [far, order];
  }
  return best;
}

// ---- what the server tells

const silent = (order) => Boolean(order.silent) && order.state !== "closed" && order.state !== "cancelled" && order.state !== "arrived";

function known(id) {
  const key = String(id);
  if (!orders.has(key)) orders.set(key, { id: key, state: "open", deliverer: null, to: null, fix: null, fix_at: null, silent: false });
  return orders.get(key);
}

function take_order(told) {
  const order = known(told.order_id);
  order.state = told.state;
  order.deliverer = told.deliverer_id;
  order.silent = Boolean(told.silent_since) || (told.stale && (told.state === "on_the_way" || told.state === "start"));
  if (!told.last) return;
  order.fix_at = performance.now() - told.fix_age_ms;
  take_fix(order, told.last);
}

function take_fix(order, fix) {
  const before = order.fix;
  if (before === fix.timestamp) return;
  order.fix = fix.timestamp;
  move(order, [fix.longitude, fix.latitude], before ? Date.parse(fix.timestamp) - Date.parse(before) : 0);
}

function take(name, told) {
  if (name === "behind") return read_region();
  if (told.order_id === undefined) return;
  if (name === "snapshot") take_order(told);
  else {
    const order = known(told.order_id);
    order.state = told.state;
    order.deliverer = told.deliverer_id ?? order.deliverer;
    if (name === "silent") order.silent = true;
    if (name === "heard" || name === "location") order.silent = false;
    if (name === "location") {
      order.fix_at = performance.now() - told.fix_age_ms;
      take_fix(order, told.location);
    }
  }
  if (String(told.order_id) === chosen.id) chosen.told(name, told);
}

const inside = ([longitude, latitude], [west, south, east, north]) => longitude >= west && longitude <= east && latitude >= south && latitude <= north;

// The region that is followed is larger than the map, so that a small move of it asks for nothing.
function follow_region() {
  const bounds = map.getBounds();
  const seen = [bounds.getWest(), bounds.getSouth(), bounds.getEast(), bounds.getNorth()];
  const covers = region && inside([seen[0], seen[1]], region) && inside([seen[2], seen[3]], region);
  if (covers && (seen[2] - seen[0]) * 8 > region[2] - region[0]) return;
  const [wide, high] = [(seen[2] - seen[0]) / 2, (seen[3] - seen[1]) / 2];
  region = [Math.max(-180, seen[0] - wide), Math.max(-90, seen[1] - high), Math.min(180, seen[2] + wide), Math.min(90, seen[3] + high)];
  for (const order of orders.values()) if (order.to && !inside(order.to, region) && order.id !== chosen.id) orders.delete(order.id);
  stream?.end();
  stream = follow(`/v1/live?bbox=${region.map((side) => side.toFixed(5)).join(",")}`, {
    names: ["snapshot", "location", "correction", "state", "assigned", "silent", "heard", "behind"],
    tell: take,
    lost: (is) => { lost = is; say_health(); },
    gone: async () => { await read_json("/v1/session").catch(() => {}); return false; },
  });
}

async function read_pages(query) {
  let cursor = "";
  const found = [];
  for (let page = 0; page < pages_max && cursor !== null; ++page) {
    const answer = await read_json(`/v1/orders?limit=1000&${query}&cursor=${encodeURIComponent(cursor)}`);
    found.push(...answer.orders);
    cursor = answer.next_cursor;
  }
  return found;
}

const since = (minutes) => `updated_since=${new Date(Date.now() - minutes * 60_000).toISOString()}`;

async function read_region() {
  for (const order of await read_pages(`bbox=${region.join(",")}&${since(24 * 60)}`)) take_order(order);
}

// ---- the list

const rows = new Map();  // order id to its list item

function row_of(order) {
  if (rows.has(order.id)) return rows.get(order.id);
  const parts = { name: make("b"), age: make("small", { class: "right" }), deliverer: make("small"), state: make("small", { class: "right" }) };
  const button = make("button", { type: "button", onclick: () => choose(order.id) }, parts.name, parts.state, parts.deliverer, parts.age);
  const row = { item: make("li", {}, button), button, parts };
  rows.set(order.id, row);
  return row;
}

function fill_row(order) {
  const { button, parts } = row_of(order);
  say(parts.name, order.id);
  say(parts.deliverer, order.deliverer === null ? "no deliverer" : `deliverer ${order.deliverer}`);
  say(parts.state, state_words(order.state));
  say(parts.age, order.fix_at === null ? "no fix" : `${silent(order) ? "silent, " : ""}${age_words(performance.now() - order.fix_at)}`);
  button.classList.toggle("silent", silent(order));
  if (order.id === chosen.id) button.setAttribute("aria-current", "true");
  else button.removeAttribute("aria-current");
}

// Silent ones first; then by id, so that nothing moves away under the pointer.
const names = new Intl.Collator(undefined, { numeric: true });
const by_need = (a, b) => Number(silent(b)) - Number(silent(a)) || names.compare(a.id, b.id);

function show_list() {
  const wanted = element("search").value.trim().toLowerCase();
  const state = element("state").value;
  const only_silent = element("silent").checked;
  const fits = (order) => (!state || order.state === state) && (!only_silent || silent(order)) &&
    (!wanted || order.id.toLowerCase().includes(wanted) || String(order.deliverer ?? "").toLowerCase().includes(wanted));
  const found = [...orders.values()].filter(fits).sort(by_need);
  const shown = found.slice(0, list_max);
  shown.forEach(fill_row);
  const items = shown.map((order) => row_of(order).item);
  const list = element("list");
  if (items.length !== list.children.length || items.some((item, index) => list.children[index] !== item)) {
    const focused = document.activeElement;
    list.replaceChildren(...items);
    if (focused && focused !== document.activeElement && list.contains(focused)) focused.focus({ preventScroll: true });
  }
  for (const id of rows.keys()) if (!orders.has(id)) rows.delete(id);
  const quiet = found.filter(silent).length;
  const many = found.length > list_max ? `, the first ${list_max} shown` : "";
  say(element("count"), orders.size === 0 ? "No order was moved in this area for a day." : `${found.length} of ${orders.size} orders here${quiet ? `, ${quiet} silent` : ""}${many}`);
}

async function choose(id, fly = true) {
  element("search").blur();
  await chosen.open(id);
  const order = orders.get(id);
  if (fly && order?.to && matchMedia("(min-width: 800px)").matches === false) scrollTo({ top: 0 });
  show_list();
  redraw();
}

async function find(event) {
  event.preventDefault();
  const id = element("search").value.trim();
  if (!id) return;
  const shown = element("list").querySelector("button");
  if (!orders.has(id) && shown) return shown.click();
  try {
    take_order(await read_json(`/v1/orders/${encodeURIComponent(id)}`));
    choose(id);
  } catch {
    say(element("count"), `Nothing here has ${id} in its name, and no order is called so.`);
  }
}

// ---- all of it together

let health = { ok: true, words: "…" };
function say_health() {
  const bad = lost || !health.ok;
  element("health").classList.toggle("bad", bad);
  say(element("health"), lost ? "no connection, trying again" : health.words);
}

async function read_health() {
  try {
    const answer = await fetch("/readyz", { cache: "no-store" });
    const told = await answer.json();
    health = { ok: answer.ok, words: answer.ok ? "ready" : `not ready: ${told.reasons.join("; ")}` };
  } catch {
    health = { ok: false, words: "no answer" };
  }
  say_health();
  setTimeout(read_health, health_ms);
}

const tabs = ["orders", "quarantine", "replay"];
function open_tab(name) {
  for (const tab of tabs) {
    const button = element(`tab-${tab}`);
    button.setAttribute("aria-selected", String(tab === name));
    button.tabIndex = tab === name ? 0 : -1;
    element(`panel-${tab}`).hidden = tab !== name;
  }
  if (name === "quarantine") quarantine.read();
}

function bind_tabs() {
  for (const tab of tabs) element(`tab-${tab}`).addEventListener("click", () => open_tab(tab));
  element("tabs").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!step) return;
    const at = tabs.findIndex((tab) => element(`tab-${tab}`).getAttribute("aria-selected") === "true");
    const next = tabs[(at + step + tabs.length) % tabs.length];
    open_tab(next);
    element(`tab-${next}`).focus();
  });
}

const quarantine = new Quarantine();

async function begin() {
  chosen = new Chosen({ map: () => map, closed: () => { show_list(); redraw(); }, quarantine });
  replay = new Replay({ opened, region: () => region, read_pages, redraw, projection, canvas_context });
  bind_tabs();
  read_health();
  quarantine.count();
  for (const id of ["search", "state", "silent"]) element(id).addEventListener("input", show_list);
  element("find").addEventListener("submit", find);
  const first = await read_pages(since(seen_minutes_max)).catch(() => []);
  first.forEach(take_order);
  show_list();
  setInterval(() => { show_list(); chosen.tick(); }, list_ms);
  map = await make_map("map", { label: "Map of the couriers", attribution: element("attribution"), recoloured: () => { chosen.recolour(); redraw(); } });
  if (!map) {
    region = [-180, -90, 180, 90];
    return say_opened();
  }
  bind_zoom(map, { closer: element("closer"), farther: element("farther") });
  chosen.add_layers();
  const places = [...orders.values()].filter((order) => order.to).map((order) => order.to);
  if (chosen.id !== null) chosen.fit();
  else if (places.length > 0) {
    const box = places.reduce((found, place) => found.extend(place), new maplibregl.LngLatBounds(places[0], places[0]));
    map.fitBounds(box, { padding: 60, maxZoom: 15, animate: false });
  }
  follow_region();
  say_opened();
  map.on("move", redraw);
  map.on("resize", redraw);
  map.on("moveend", follow_region);
  map.on("click", (event) => {
    const order = replay.shown ? null : order_at(event.point);
    if (order) choose(order.id, false);
  });
  map.on("mousemove", (event) => { map.getCanvas().style.cursor = !replay.shown && order_at(event.point) ? "pointer" : ""; });
  redraw();
}

begin();
