// The customer's page: one order, by the link in the address, as far as the privacy rules show it.
import { age_words, clock_words, element, follow, metres_words, read_json, say, span_words, state_words } from "/web/words.js";
import { all, bind_zoom, circle, colour, Glide, heading_of, line, make_map, metres_between } from "/web/map.js";

const link = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const with_link = `link=${encodeURIComponent(link)}`;
const quiet_ms_max = 20_000;  // no event for so long: ask, it may be that the connection is dead and nobody said so
const old_ms = 120_000;
const wide = matchMedia("(min-width: 800px)");

let order = null;      // as the server last told it
let order_id = "";
let heard_at = 0;      // when that was
let fix_at = null;     // on this page's clock
let last_fix = null;   // its own time, as text
let broken = false;
let over = false;
let way = [];          // of the way that it came, oldest first
let map = null;
let courier = null;
let home = null;
let following = true;
let stream = null;
let placed = false;      // whether the map has shown something

const steps = ["open", "start", "on_the_way", "arrived"];
const states = { open: "We have your order", start: "Your order was picked up", on_the_way: "Your order is on the way", arrived: "The courier is there",
  closed: "Delivered", cancelled: "This order was cancelled" };

// ---- what the page says

const under_way = () => order.state === "start" || order.state === "on_the_way";
const minutes_words = (minutes) => (minutes < 1.5 ? "about a minute" : `about ${Math.round(minutes)} min`);

function headline() {
  if (under_way() && order.minutes_left_estimate != null) return `Here in ${minutes_words(order.minutes_left_estimate)}`;
  return states[order.state] ?? state_words(order.state);
}

function lead() {
  if (order.state === "closed") return order.closed_at ? `at ${clock_words(order.closed_at)}` : "";
  if (order.state === "cancelled") return "";
  if (order.state === "arrived") return "It is at your address or close to it.";
  const left = order.metres_left != null ? `${metres_words(order.metres_left)} to go` : "";
  if (under_way() && order.minutes_left_estimate != null) return `${states[order.state]}, ${left}. The time is an estimate.`;
  if (order.position === "area") return order.stops_before > 0 ? `${order.stops_before} ${order.stops_before === 1 ? "stop" : "stops"} before yours` : "On its round";
  return left;
}

function note() {
  const ended = order.state === "closed" || order.state === "cancelled";
  if (ended || order.state === "open") return ["", false];
  const age = fix_at === null ? null : performance.now() - fix_at;
  if (order.silent_since || (age !== null && age > old_ms)) {
    const silent = age ?? Date.now() - Date.parse(order.silent_since);
    return [`Nothing was heard from the courier for ${span_words(silent)}. ${order.last ? "The map shows where it was last." : ""}`, true];
  }
  if (order.position === "area") return ["The courier is still with other customers. You see the area it is in; the exact place comes when you are next.", false];
  return ["", false];
}

function facts() {
  const rows = [];
  const open = order.state !== "closed" && order.state !== "cancelled";
  if (open && order.minutes_left_estimate != null && order.state !== "arrived")
    rows.push(["Arrives, estimated", clock_words(Date.now() + order.minutes_left_estimate * 60_000)]);
  if (open && order.promised_at) rows.push(["Promised by", clock_words(order.promised_at)]);
  if (open && order.position === "exact" && order.stops_before > 0) rows.push(["Stops before yours", String(order.stops_before)]);
  if (fix_at !== null && order.last) rows.push(["Position from", age_words(performance.now() - fix_at)]);
  if (order.destination?.address) rows.push(["To", order.destination.address]);
  return rows;
}

function show() {
  if (!order) return;
  say(element("which"), `Order ${order_id}`);
  say(element("headline"), headline());
  say(element("lead"), lead());
  const step = order.state === "closed" ? steps.length : steps.indexOf(order.state);
  element("steps").hidden = order.state === "cancelled";
  for (const item of element("steps").children) {
    const place = Number(item.dataset.step);
    item.classList.toggle("done", place < step);
    if (place === step) item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
  const [words, warns] = note();
  element("note").hidden = !words;
  element("note").classList.toggle("warn", warns);
  say(element("note"), words);
  courier?.getElement().classList.toggle("old", warns || broken);
  const shown = facts();
  const list = element("facts");
  if (list.children.length !== shown.length) list.replaceChildren(...shown.map(() => fact_row()));
  shown.forEach(([name, value], index) => {
    say(list.children[index].firstChild, name);
    say(list.children[index].lastChild, value);
  });
  document.title = `${headline()} · ${order_id}`;
  // For screen readers: not each second, but when something has changed that matters.
  say(element("spoken"), `${element("headline").textContent}. ${element("lead").textContent}. ${warns ? "Nothing was heard from the courier for a while." : ""}`);
}

function fact_row() {
  const row = document.createElement("div");
  row.append(document.createElement("dt"), document.createElement("dd"));
  return row;
}

function say_connection() {
  const banner = element("banner");
  banner.hidden = !broken || over;
  say(banner, broken && !over ? (order ? `No connection. This is as of ${clock_words(Date.now() - (performance.now() - heard_at))}; trying again…` : "No connection. Trying again…") : "");
  if (order) show();
}

function end_with(headline, lead) {
  over = true;
  stream?.end();
  element("banner").hidden = true;
  say(element("headline"), headline);
  say(element("lead"), lead);
  for (const id of ["steps", "note"]) element(id).hidden = true;
  element("facts").replaceChildren();
  document.body.classList.add("plain");
  say(element("spoken"), `${headline}. ${lead}`);
}

// ---- the map

const courier_sign = `<svg viewBox="0 0 34 34" aria-hidden="true"><circle class="ground" cx="17" cy="17" r="14"/><path class="arrow" d="M17 7.5 24 24 17 20.2 10 24Z"/></svg>`;
const home_sign = `<svg viewBox="0 0 34 42" aria-hidden="true"><path class="ground" d="M17 41C10 32 3 26 3 16a14 14 0 0 1 28 0c0 10-7 16-14 25Z"/><path class="sign" d="m17 8-8 7h2v8h4.5v-5h3v5H23v-8h2Z"/></svg>`;

function marker(kind, sign, label, anchor) {
  const node = document.createElement("div");
  node.className = kind;
  node.setAttribute("role", "img");
  node.setAttribute("aria-label", label);
  node.innerHTML = sign;
  return new maplibregl.Marker({ element: node, anchor });
}

const glide = new Glide((place, heading) => {
  if (!courier) return;
  const node = courier.getElement();
  courier.setLngLat(place);
  if (!node.isConnected) courier.addTo(map);
  node.setAttribute("aria-label", "The courier");
  node.dataset.longitude = place[0].toFixed(6);
  node.dataset.latitude = place[1].toFixed(6);
  node.querySelector(".arrow").setAttribute("transform", `rotate(${Math.round(heading ?? 0)} 17 17)`);
  draw_way(false);
  keep_in_sight();
});

// Until it has moved on this page, its way says where it is going.
function face_ahead() {
  if (glide.heading !== null || way.length < 2 || !glide.place || !courier) return;
  glide.heading = heading_of(way.at(-2), way.at(-1));
  glide.jump(glide.place);
}

let way_drawn_at = 0;
function draw_way(now) {
  if (!map || (!now && performance.now() - way_drawn_at < 150)) return;
  way_drawn_at = performance.now();
  const exact = order?.position === "exact" && glide.place;
  // Fixes that the marker has not come to are not drawn yet.
  const done = exact ? [...way.slice(0, Math.max(0, way.length - Math.max(1, glide.ahead.length - glide.passed))), glide.place] : [];
  map.getSource("way").setData(all(done.length > 1 ? [line(done)] : []));
  const area = order?.position === "area" && order.last;
  map.getSource("area").setData(all(area ? [circle([order.last.longitude, order.last.latitude], order.last.radius_m)] : []));
}

function sheet_padding() {
  return wide.matches ? { top: 70, right: 80, bottom: 70, left: element("order").getBoundingClientRect().right + 60 } : { top: 60, right: 85, bottom: 75, left: 40 };
}

function corners() {
  const points = [];
  if (glide.place && order?.position === "exact") points.push(glide.place);
  if (order?.position === "area" && order.last) points.push(...circle([order.last.longitude, order.last.latitude], order.last.radius_m, 8).geometry.coordinates[0]);
  if (order?.destination) points.push([order.destination.longitude, order.destination.latitude]);
  return points;
}

function show_all(animate = true) {
  const points = corners();
  if (!map || points.length === 0) return;
  const box = points.reduce((found, point) => found.extend(point), new maplibregl.LngLatBounds(points[0], points[0]));
  map.fitBounds(box, { padding: sheet_padding(), maxZoom: 16, animate: animate && !matchMedia("(prefers-reduced-motion: reduce)").matches, duration: 900 });
}

function keep_in_sight() {
  if (!following || map.isMoving()) return;
  const at = map.project(glide.place);
  const { top, right, bottom, left } = sheet_padding();
  const inside = at.x > left * 0.7 && at.x < map.getContainer().clientWidth - right * 0.5 && at.y > top * 0.5 && at.y < map.getContainer().clientHeight - bottom * 0.5;
  if (!inside) show_all();
}

function add_layers() {
  for (const name of ["area", "way"]) map.addSource(name, { type: "geojson", data: all([]) });
  map.addLayer({ id: "area", type: "fill", source: "area", paint: { "fill-color": colour("--accent"), "fill-opacity": 0.16 }, metadata: { paint: "--accent" } });
  map.addLayer({ id: "area-edge", type: "line", source: "area", paint: { "line-color": colour("--accent"), "line-width": 1.5, "line-opacity": 0.7 }, metadata: { paint: "--accent" } });
  map.addLayer({ id: "way", type: "line", source: "way", layout: { "line-cap": "round", "line-join": "round" }, metadata: { paint: "--accent" },
    paint: { "line-color": colour("--accent"), "line-width": 5, "line-opacity": 0.55 } });
}

async function open_map() {
  const made = await make_map("map", { label: "Map of your order", attribution: element("attribution") });
  if (!made) return document.body.classList.add("plain");
  map = made;
  add_layers();
  bind_zoom(map, { closer: element("closer"), farther: element("farther") });
  element("whole").addEventListener("click", () => { following = true; show_all(); });
  for (const moved of ["dragstart", "wheel", "touchstart"]) map.on(moved, () => { following = false; });
  courier = marker("courier", courier_sign, "The courier", "center");
  home = marker("home", home_sign, "Your address", "bottom");
  if (!order) return;
  place_all(null, false);
  show();
}

function place_all(gap_ms, animate = true) {
  if (!map) return;
  if (order.destination) home.setLngLat([order.destination.longitude, order.destination.latitude]).addTo(map);
  const first = !placed;
  if (order.position === "exact" && order.last) {
    const place = [order.last.longitude, order.last.latitude];
    if (gap_ms === null || !courier.getElement().isConnected) glide.jump(place);
    else glide.to(place, gap_ms);
  } else {
    courier.remove();
    glide.place = null;
  }
  placed = true;
  face_ahead();
  draw_way(true);
  if (first || order.position === "area") show_all(animate && !first);
}

// ---- what the server tells

function take(name, told) {
  heard_at = performance.now();
  const missed = told.location !== undefined;  // one of the fixes between: the order itself comes behind them
  const fix = missed ? told.location : told.last;
  const place = fix && (missed || told.position === "exact") ? [fix.longitude, fix.latitude] : null;
  const newer = place && (last_fix === null || fix.timestamp > last_fix);
  const gap_ms = newer && last_fix !== null ? Date.parse(fix.timestamp) - Date.parse(last_fix) : 0;
  if (!missed) {
    const closer = order && order.position !== told.position;
    order = told;
    fix_at = told.fix_age_ms === null ? null : performance.now() - told.fix_age_ms;
    if (closer || name === "correction") read_way();
  }
  if (newer) {
    last_fix = fix.timestamp;
    way.push(place);
    if (missed && order && map && glide.place) glide.to(place, Math.min(gap_ms, 1500));
  }
  if (missed) return;
  // Nothing between two fixes of long ago is known: it goes there without haste, but not for minutes.
  place_all(newer && glide.place && metres_between(glide.place, place) > 5000 ? 1 : gap_ms);
  show();
}

async function read_way() {
  try {
    const track = await read_json(`/v1/orders/${encodeURIComponent(order_id)}/track?limit=10000&${with_link}`, { open: true });
    way = track.locations.filter((fix) => !fix.ahead).map((fix) => [fix.longitude, fix.latitude]);
    face_ahead();
    draw_way(true);
  } catch { /* the way that it came is shown from here on */ }
}

// After a refusal: whether it is for good.
async function gone() {
  try {
    await read_json(`/v1/orders/${encodeURIComponent(order_id)}?${with_link}`, { open: true });
    return false;
  } catch (error) {
    if (![401, 403, 404, 410].includes(error.status)) return false;
    if (error.status === 410 && order?.state === "closed") end_with("Delivered", "This order is done. Thank you!");
    else if (error.status === 410) end_with("This order is over", "It can no longer be watched.");
    else end_with("This link does not work any more", "Ask the shop for a new one.");
    return true;
  }
}

async function ask_when_quiet() {
  if (over || !order || performance.now() - heard_at < quiet_ms_max) return;
  try {
    const told = await read_json(`/v1/orders/${encodeURIComponent(order_id)}?${with_link}`, { open: true });
    const missed_something = told.last && last_fix !== null && told.last.timestamp > last_fix;
    if (missed_something && told.position === "exact") stream.again();
    take("snapshot", told);
  } catch (error) {
    if ([401, 403, 404, 410].includes(error.status)) gone();
  }
}

async function open_order() {
  for (;;) {
    try {
      const who = await read_json(`/v1/session?${with_link}`, { open: true });
      if (who.role === "customer") return who.subject;
      throw Object.assign(new Error("not a link"), { status: 401 });
    } catch (error) {
      if (error.status === 401 || error.status === 403) return null;
      broken = true;
      say_connection();
      await new Promise((again) => setTimeout(again, 2000));
    }
  }
}

async function begin() {
  order_id = await open_order();
  broken = false;
  if (order_id === null) return end_with("This link does not work", "It may be too old, or not whole. Ask the shop for a new one.");
  say_connection();
  read_way();
  stream = follow(`/v1/orders/${encodeURIComponent(order_id)}/live?${with_link}`, {
    names: ["snapshot", "location", "correction", "state", "assigned", "silent", "heard"],
    tell: take,
    lost: (gone_now) => { broken = gone_now; say_connection(); },
    gone,
  });
  setInterval(show, 1000);
  setInterval(ask_when_quiet, 5000);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden && stream && !over) stream.again(); });
begin();
open_map();
