// The built-in page: where the couriers are, how the pipeline does, and the track of one order. It only reads the public API.
const poll_ms = 2000;
const poll_orders_ms = 20000;  // while the stream tells what moves: what it may have missed
const seen_minutes_max = 15;
const pages_max = 5;  // of 1000 orders; where more have moved, the page looks back less far
const orders_shown_max = 200;
const tail_points_max = 20;

const element = (id) => document.getElementById(id);
const canvas = element("map");
const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const view = { longitude: -8.62, latitude: 41.157, scale: 0, touched: false };  // scale: pixels a degree of longitude
let streets = [];
let orders = [];
let track = null;  // {order, points}
let seen_minutes = seen_minutes_max;
let before = null; // {accepted, at}
let streaming = false;
let orders_read_at = -Infinity;
let drawing = false;
const tails = new Map();  // order to the positions that this page has seen it at

const squeeze = () => Math.cos((view.latitude * Math.PI) / 180);
function place(longitude, latitude) {
  return [
    canvas.clientWidth / 2 + (longitude - view.longitude) * view.scale,
    canvas.clientHeight / 2 - ((latitude - view.latitude) * view.scale) / squeeze(),
  ];
}

function fit(points) {
  if (points.length === 0) return;
  const longitudes = points.map((p) => p[0]);
  const latitudes = points.map((p) => p[1]);
  const [west, east] = [Math.min(...longitudes), Math.max(...longitudes)];
  const [south, north] = [Math.min(...latitudes), Math.max(...latitudes)];
  view.longitude = (west + east) / 2;
  view.latitude = (south + north) / 2;
  const wide = canvas.clientWidth / Math.max(east - west, 0.02);
  const high = (canvas.clientHeight / Math.max(north - south, 0.012)) * squeeze();
  view.scale = Math.min(wide, high) * 0.9;
}

const located = () => orders.filter((order) => order.last).map((order) => [order.last.longitude, order.last.latitude]);

function line(context, points) {
  points.forEach(([longitude, latitude], index) => {
    const [x, y] = place(longitude, latitude);
    if (index === 0) context.moveTo(x, y);
    else context.lineTo(x, y);
  });
}

function draw() {
  const ratio = devicePixelRatio || 1;
  canvas.width = Math.round(canvas.clientWidth * ratio);
  canvas.height = Math.round(canvas.clientHeight * ratio);
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.lineJoin = context.lineCap = "round";
  context.strokeStyle = style("--street");
  context.lineWidth = Math.min(Math.max(view.scale / 12000, 0.8), 6);
  context.beginPath();
  for (const street of streets) line(context, street);
  context.stroke();
  if (track) {
    for (const [colour, width] of [["--card", 8], ["--track", 4]]) {
      context.strokeStyle = style(colour);
      context.lineWidth = width;
      context.beginPath();
      line(context, track.points);
      context.stroke();
    }
  }
  const colours = { start: style("--start"), on_the_way: style("--way"), arrived: style("--arrived") };
  context.globalAlpha = 0.45;
  context.lineWidth = 3;
  for (const order of orders) {
    context.strokeStyle = colours[order.state] || style("--dim");
    context.beginPath();
    line(context, tails.get(order.order_id) || []);
    context.stroke();
  }
  for (const order of orders.toReversed()) {  // the newest on top
    if (!order.last) continue;
    const [x, y] = place(order.last.longitude, order.last.latitude);
    context.fillStyle = colours[order.state] || style("--dim");
    context.globalAlpha = order.stale ? 0.35 : 1;
    context.beginPath();
    context.arc(x, y, track && track.order === String(order.order_id) ? 8 : 5, 0, 2 * Math.PI);
    context.fill();
    context.strokeStyle = style("--card");
    context.lineWidth = 1.5;
    context.stroke();
  }
  context.globalAlpha = 1;
}

function age(milliseconds) {
  if (milliseconds == null) return "–";
  const seconds = Math.round(milliseconds / 1000);
  if (seconds < 100) return `${seconds} s`;
  return seconds < 6000 ? `${Math.round(seconds / 60)} min` : `${Math.round(seconds / 3600)} h`;
}

const short = (id) => (id.length > 12 ? `${id.slice(0, 4)}…${id.slice(-7)}` : id);

function list() {
  const rows = orders.slice(0, orders_shown_max).map((order) => {
    const row = document.createElement("tr");
    const open = document.createElement("button");
    open.type = "button";
    open.textContent = short(String(order.order_id));
    open.title = order.order_id;
    row.classList.toggle("chosen", track !== null && track.order === String(order.order_id));
    open.addEventListener("click", () => show_track(String(order.order_id)));
    row.insertCell().append(open);
    row.insertCell().textContent = order.deliverer_id ?? "–";
    const state = row.insertCell();
    state.textContent = order.state.replaceAll("_", " ");
    state.className = order.state;
    row.insertCell().textContent = age(order.heard_at === undefined ? null : performance.now() - order.heard_at);
    return row;
  });
  element("orders").replaceChildren(...rows);
  const counts = Object.groupBy ? Object.groupBy(orders, (order) => order.state) : {};
  element("legend").replaceChildren(...["start", "on_the_way", "arrived"].filter((state) => counts[state]).map((state) => {
    const item = document.createElement("li");
    item.className = state;
    item.textContent = `${counts[state].length} ${state.replaceAll("_", " ")}`;
    return item;
  }));
  element("empty").hidden = orders.length > 0;
}

async function read(path) {
  const answer = await fetch(path, { cache: "no-store" });
  if (answer.status === 401) location.assign("/login?next=" + encodeURIComponent(location.pathname));
  if (!answer.ok) throw new Error(`${path} answered ${answer.status}`);
  return answer;
}

async function read_orders() {
  if (streaming && performance.now() - orders_read_at < poll_orders_ms) return;
  orders_read_at = performance.now();
  const since = new Date(Date.now() - seen_minutes * 60000).toISOString();
  const found = [];
  let cursor = "";
  for (let page = 0; page < pages_max && cursor !== null; ++page) {
    const answer = await (await read(`/v1/orders?updated_since=${since}&limit=1000&cursor=${encodeURIComponent(cursor)}`)).json();
    found.push(...answer.orders);
    cursor = answer.next_cursor;
  }
  if (cursor !== null) seen_minutes = Math.max(seen_minutes / 2, 0.5);
  for (const order of found) if (order.fix_age_ms !== null) order.heard_at = performance.now() - order.fix_age_ms;
  orders = found;
  remember_tails();
}

function remember_tails() {
  const shown = new Set(orders.map((order) => order.order_id));
  for (const order of tails.keys()) if (!shown.has(order)) tails.delete(order);
  orders.forEach(remember_tail);
}

function remember_tail({ order_id, last }) {
  if (!last) return;
  const tail = tails.get(order_id) || [];
  const end = tail.at(-1);
  if (!end || end[0] !== last.longitude || end[1] !== last.latitude) tail.push([last.longitude, last.latitude]);
  tails.set(order_id, tail.slice(-tail_points_max));
}

// What happens, as it happens; the browser comes back by itself and says where it was.
function follow() {
  const source = new EventSource("/v1/live?bbox=-180,-90,180,90");
  source.addEventListener("open", () => { streaming = true; });
  source.addEventListener("error", () => { streaming = false; });
  source.addEventListener("behind", () => { orders_read_at = -Infinity; });
  for (const name of ["location", "state", "assigned", "silent", "heard"])
    source.addEventListener(name, (event) => take(name, JSON.parse(event.data)));
}

function take(name, told) {
  if (told.order_id === undefined) return;
  let order = orders.find((one) => one.order_id === told.order_id);
  if (!order) orders.push((order = { order_id: told.order_id, last: null }));
  order.state = told.state;
  order.deliverer_id = told.deliverer_id ?? order.deliverer_id;
  if (name === "location") {
    order.last = told.location;
    order.heard_at = performance.now() - told.fix_age_ms;
    order.stale = false;
    remember_tail(order);
  }
  if (name === "silent") order.stale = true;
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => { drawing = false; draw(); });
}

async function show_track(order) {
  element("order").value = order;
  try {
    const answer = await (await read(`/v1/orders/${encodeURIComponent(order)}/track?limit=10000`)).json();
    track = { order, points: answer.locations.map((location) => [location.longitude, location.latitude]) };
    element("found").textContent = `${track.points.length} locations`;
    fit(track.points);
    view.touched = true;
    list();
  } catch (error) {
    track = null;
    element("found").textContent = `Order ${order} is not known.`;
  }
  draw();
}

// name{labels} value lines of Prometheus' text format; the values of one name are added up.
function sum_of(text, name, label = "") {
  let sum = 0;
  for (const row of text.split("\n"))
    if (row.startsWith(name) && (row[name.length] === " " || row[name.length] === "{") && row.includes(label))
      sum += Number(row.slice(row.lastIndexOf(" ")));
  return sum;
}

function median_of(text, name) {
  const rows = [...text.matchAll(new RegExp(`^${name}_bucket\\{le="([^"]+)"\\} (\\d+)`, "gm"))].map((m) => [m[1], Number(m[2])]);
  const all = rows.length ? rows.at(-1)[1] : 0;
  const found = rows.find((row) => row[1] * 2 >= all);
  return all === 0 ? "–" : `≤ ${Number(found[0]) * 1000} ms`;
}

async function read_numbers() {
  const text = await (await read("/metrics")).text();
  const accepted = sum_of(text, "waybill_ingest_accepted_total");
  const now = performance.now();
  element("accepted").textContent = accepted.toLocaleString("en");
  element("lag").textContent = sum_of(text, "waybill_ingest_lag_records").toLocaleString("en");
  element("sync").textContent = median_of(text, "waybill_journal_sync_seconds");
  if (before) element("rate").textContent = Math.max(0, ((accepted - before.accepted) * 1000) / (now - before.at)).toFixed(1);
  before = { accepted, at: now };
}

async function read_health() {
  const answer = await fetch("/readyz", { cache: "no-store" });
  const health = element("health");
  health.classList.toggle("bad", !answer.ok);
  health.textContent = answer.ok ? "ready" : `not ready: ${((await answer.json()).reasons || []).join("; ")}`;
}

async function tick() {
  try {
    await Promise.all([read_orders(), read_numbers(), read_health()]);
    orders.sort((a, b) => (b.heard_at ?? -Infinity) - (a.heard_at ?? -Infinity));
    if (!view.touched) fit(located());
    list();
    draw();
  } catch (error) {
    element("health").classList.add("bad");
    element("health").textContent = `no answer: ${error.message}`;
  }
  setTimeout(tick, poll_ms);
}

function zoom(factor) {
  view.scale = Math.min(Math.max(view.scale * factor, 50), 5e6);
  view.touched = true;
  draw();
}

let held = null;
canvas.addEventListener("pointerdown", (event) => { held = [event.clientX, event.clientY]; canvas.setPointerCapture(event.pointerId); });
canvas.addEventListener("pointerup", () => { held = null; });
canvas.addEventListener("pointermove", (event) => {
  if (!held) return;
  view.longitude -= (event.clientX - held[0]) / view.scale;
  view.latitude += ((event.clientY - held[1]) / view.scale) * squeeze();
  held = [event.clientX, event.clientY];
  view.touched = true;
  draw();
});
canvas.addEventListener("wheel", (event) => { event.preventDefault(); zoom(event.deltaY < 0 ? 1.2 : 1 / 1.2); }, { passive: false });
canvas.addEventListener("keydown", (event) => {
  if (event.key === "+") zoom(1.3);
  if (event.key === "-") zoom(1 / 1.3);
  if (event.key === "0") { view.touched = false; track = null; fit(located()); draw(); }
});
addEventListener("resize", draw);
element("find").addEventListener("submit", (event) => {
  event.preventDefault();
  const order = element("order").value.trim();
  if (order) show_track(order);
});

fetch("/web/streets.geojson").then(async (answer) => {
  if (!answer.ok) return;
  const drawn = await answer.json();
  streets = drawn.features.map((feature) => feature.geometry.coordinates);
  element("attribution").textContent = drawn.attribution;
  draw();
});
fit([[-8.67, 41.14], [-8.57, 41.18]]);
follow();
tick();
