// The chosen order: what is known of it, and its track on the map with what is odd about it.
import { age_words, clock_words, element, make, metres_words, read_json, say, span_words, state_words } from "/web/words.js";
import { all, circle, colour, line, metres_between } from "/web/map.js";

const gap_ms_min = 60_000;   // a longer time without a fix is a gap, where the phone usually tells more often
const gap_times = 5;         // and so many times the usual
const late_ms_min = 60_000;  // a fix that came so much later than it was made is late
const stop_ms_min = 180_000; // so long within
const stop_radius_m = 40;    // that: a stop
const pages_max = 10;

const place = (fix) => [fix.longitude, fix.latitude];
const at = (fix) => Date.parse(fix.timestamp);

// What a track shows beside its line. Fixes come oldest first.
export function look_at(fixes) {
  const honest = fixes.filter((fix) => !fix.ahead);
  const steps = honest.slice(1).map((fix, index) => at(fix) - at(honest[index])).sort((a, b) => a - b);
  const usual = steps[Math.floor(steps.length / 2)] ?? 0;
  const gap_ms = Math.max(gap_ms_min, gap_times * usual);
  const runs = [];
  const gaps = [];
  let metres = 0;
  for (const [index, fix] of honest.entries()) {
    const before = honest[index - 1];
    if (before) metres += metres_between(place(before), place(fix));
    if (!before || at(fix) - at(before) > gap_ms) {
      if (before) gaps.push({ from: place(before), to: place(fix), ms: at(fix) - at(before) });
      runs.push([]);
    }
    runs.at(-1).push(place(fix));
  }
  return { runs, gaps, metres, stops: stops_of(honest), late: honest.filter((fix) => Date.parse(fix.received_at) - at(fix) > late_ms_min), ahead: fixes.filter((fix) => fix.ahead),
    span_ms: honest.length ? at(honest.at(-1)) - at(honest[0]) : 0, count: fixes.length };
}

function stops_of(fixes) {
  const stops = [];
  for (let first = 0; first < fixes.length;) {
    let end = first + 1;
    while (end < fixes.length && metres_between(place(fixes[first]), place(fixes[end])) <= stop_radius_m) ++end;
    const ms = at(fixes[end - 1]) - at(fixes[first]);
    if (ms >= stop_ms_min) stops.push({ at: place(fixes[first]), from: fixes[first].timestamp, ms });
    first = ms >= stop_ms_min ? end : first + 1;
  }
  return stops;
}

const point = (at, properties) => ({ type: "Feature", properties, geometry: { type: "Point", coordinates: at } });

export class Chosen {
  constructor({ map, closed, quarantine }) {
    this.map = map;
    this.closed = closed;
    this.quarantine = quarantine;
    this.id = null;
    this.fixes = [];
    this.held = [];
  }

  add_layers() {
    const map = this.map();
    for (const name of ["track", "marks"]) map.addSource(name, { type: "geojson", data: all([]) });
    const round = { "line-cap": "round", "line-join": "round" };
    map.addLayer({ id: "track-edge", type: "line", source: "track", filter: ["==", ["get", "kind"], "run"], layout: round, metadata: { paint: "--card" }, paint: { "line-color": colour("--card"), "line-width": 7.5 } });
    map.addLayer({ id: "track-run", type: "line", source: "track", filter: ["==", ["get", "kind"], "run"], layout: round, metadata: { paint: "--accent" }, paint: { "line-color": colour("--accent"), "line-width": 4 } });
    map.addLayer({ id: "track-gap", type: "line", source: "track", filter: ["==", ["get", "kind"], "gap"], metadata: { paint: "--dim" }, paint: { "line-color": colour("--dim"), "line-width": 2.5, "line-dasharray": [2, 2] } });
    map.addLayer({ id: "stops", type: "fill", source: "track", filter: ["==", ["get", "kind"], "stop"], metadata: { paint: "--ink" }, paint: { "fill-color": colour("--ink"), "fill-opacity": 0.18 } });
    map.addLayer({ id: "marks", type: "circle", source: "marks", paint: this.mark_paint() });
    map.addLayer({ id: "stop-words", type: "symbol", source: "marks", filter: ["==", ["get", "kind"], "stop"], metadata: { paint: "--ink", halo: "--card" },
      layout: { "text-field": ["get", "words"], "text-font": ["sans-serif"], "text-size": 12, "text-offset": [0, -1.1], "text-allow-overlap": true }, paint: { "text-color": colour("--ink"), "text-halo-color": colour("--card"), "text-halo-width": 1.6 } });
    map.on("click", "marks", ({ features }) => this.tell_mark(features[0].properties.told));
    this.draw();
  }

  mark_paint() {
    const by = (late, ahead, stop, held) => ["match", ["get", "kind"], "late", late, "ahead", ahead, "stop", stop, held];
    return { "circle-radius": by(4, 5, 5, 6), "circle-color": by(colour("--silent"), colour("--card"), colour("--card"), colour("--bad")),
      "circle-stroke-color": by(colour("--card"), colour("--silent"), colour("--ink"), colour("--card")), "circle-stroke-width": by(1, 2, 2, 1.5) };
  }

  recolour() {
    const map = this.map();
    for (const [name, value] of Object.entries(this.mark_paint())) map.setPaintProperty("marks", name, value);
  }

  async open(id) {
    this.id = id;
    this.fixes = [];
    const panel = element("detail");
    panel.hidden = false;
    document.querySelector("main").classList.add("chosen");
    panel.replaceChildren(this.head(id, "…"));
    try {
      await this.read();
    } catch (error) {
      panel.replaceChildren(this.head(id, error.message));
    }
    if (this.id === id && this.fixes.length) this.fit();
    panel.querySelector(".close").focus({ preventScroll: true });
  }

  async read() {
    const id = this.id;
    const order = await read_json(`/v1/orders/${encodeURIComponent(id)}`);
    const fixes = [];
    let cursor = "";
    for (let page = 0; page < pages_max && cursor !== null; ++page) {
      const answer = await read_json(`/v1/orders/${encodeURIComponent(id)}/track?limit=10000&cursor=${encodeURIComponent(cursor)}`);
      fixes.push(...answer.locations);
      cursor = answer.next_cursor;
    }
    const held = await this.quarantine.of(order);
    if (this.id !== id) return;
    this.order = order;
    this.order_read_at = performance.now();
    this.fixes = fixes;
    this.held = held;
    this.show();
    this.draw();
  }

  // An event of the stream of the region.
  told(name, told) {
    if (name === "location" && told.location && this.order) {
      this.fixes.push(told.location);
      Object.assign(this.order, { last: told.location, fix_age_ms: told.fix_age_ms, state: told.state, silent_since: null });
      this.order_read_at = performance.now();
      this.show();
      this.draw();
      return;
    }
    clearTimeout(this.again);
    this.again = setTimeout(() => { if (this.id) this.read().catch(() => {}); }, 500);
  }

  close() {
    this.id = null;
    this.fixes = [];
    this.held = [];
    this.order = null;
    element("detail").hidden = true;
    document.querySelector("main").classList.remove("chosen");
    this.draw();
    this.closed();
  }

  head(id, words) {
    return make("header", {}, make("div", {}, make("h2", {}, `Order ${id}`), make("p", { class: "state" }, words)),
      make("button", { type: "button", class: "close", "aria-label": "Close the order", onclick: () => this.close() }, "×"));
  }

  show() {
    const { order } = this;
    const seen = look_at(this.fixes);
    const focused = document.activeElement?.id;
    const told = element("detail").querySelector(".told");
    const pairs = (rows) => make("dl", { class: "pairs" }, ...rows.filter(([, value]) => value != null && value !== "").map(([name, value]) => make("div", {}, make("dt", {}, name), make("dd", {}, String(value)))));
    const longest = Math.max(0, ...seen.gaps.map((gap) => gap.ms));
    element("detail").replaceChildren(
      this.head(order.order_id, state_words(order.state)),
      make("h3", {}, "Order"),
      pairs([["Deliverer", order.deliverer_id], ["Last fix", this.last_words()],
        ["Silent since", order.silent_since ? `${clock_words(order.silent_since)}${order.silence_reason ? `, ${order.silence_reason.replaceAll("_", " ")}` : ""}` : null],
        ["Promised by", order.promised_at ? clock_words(order.promised_at) : null], ["Stop", order.sequence], ["To", order.destination?.address],
        ["Had by", order.assignments.length > 1 ? order.assignments.map((one) => one.deliverer_id).join(", then ") : null]]),
      make("h3", {}, "Track"),
      pairs([["Fixes", seen.count], ["Way", seen.metres ? metres_words(seen.metres) : null], ["Time", seen.span_ms ? span_words(seen.span_ms) : null], ["Stops", seen.stops.length],
        ["Gaps", seen.gaps.length ? `${seen.gaps.length}, the longest ${span_words(longest)}` : 0], ["Came late", seen.late.length], ["Ahead of our clock", seen.ahead.length || null], ["In quarantine", this.held.length || null]]),
      make("ul", { class: "key", "aria-label": "What the marks on the track mean" }, make("li", {}, "the way that it went"), make("li", { class: "gap" }, "nothing was heard"),
        make("li", { class: "stop" }, "stood still"), make("li", { class: "late" }, "came late"), seen.ahead.length ? make("li", { class: "ahead" }, "ahead of our clock") : null, this.held.length ? make("li", { class: "held" }, "in quarantine") : null),
      make("div", { class: "row" }, make("button", { type: "button", id: "link", onclick: () => this.link() }, "Customer's link"),
        make("button", { type: "button", id: "fit", onclick: () => this.fit() }, "Whole track"), make("a", { href: `/v1/orders/${encodeURIComponent(order.order_id)}/track?format=gpx`, download: `${order.order_id}.gpx`, class: "download" }, "GPX")),
      told ?? make("p", { class: "told", role: "status" }));
    this.last_node = [...element("detail").querySelectorAll("dt")].find((name) => name.textContent === "Last fix").nextSibling;
    if (focused) element(focused)?.focus({ preventScroll: true });
  }

  last_words() {
    return this.order.fix_age_ms === null ? "none" : age_words(this.order.fix_age_ms + performance.now() - this.order_read_at);
  }

  tick() {
    if (this.order && this.last_node) say(this.last_node, this.last_words());
  }

  tell_mark(words) {
    const told = element("detail").querySelector(".told");
    if (told) told.textContent = words;
  }

  async link() {
    const told = element("detail").querySelector(".told");
    try {
      const made = await read_json(`/v1/orders/${encodeURIComponent(this.id)}/links`, { method: "POST", headers: { "Content-Type": "application/json" }, body: "{}" });
      const url = new URL(`/t/${made.link}`, location.origin).href;
      told.replaceChildren("For the customer, until ", new Date(made.expires_at).toLocaleDateString(), ": ", make("a", { href: url, target: "_blank", rel: "noopener" }, url));
      navigator.clipboard?.writeText(url).then(() => told.append(" (copied)"), () => {});
    } catch (error) {
      told.textContent = error.message;
    }
  }

  fit() {
    const points = this.fixes.filter((fix) => !fix.ahead).map(place);
    const map = this.map();
    if (!map || points.length === 0) return;
    const box = points.reduce((found, at) => found.extend(at), new maplibregl.LngLatBounds(points[0], points[0]));
    const desk = matchMedia("(min-width: 800px)").matches;
    map.fitBounds(box, { padding: { top: 60, bottom: 60, left: 60, right: desk ? 400 : 60 }, maxZoom: 17, animate: !matchMedia("(prefers-reduced-motion: reduce)").matches });
  }

  draw() {
    const map = this.map();
    if (!map?.getSource("track")) return;
    const seen = look_at(this.fixes);
    const words = (fix) => `${fix.timestamp}: `;
    map.getSource("track").setData(all([
      ...seen.runs.filter((run) => run.length > 1).map((run) => line(run, { kind: "run" })),
      ...seen.gaps.map((gap) => line([gap.from, gap.to], { kind: "gap" })),
      ...seen.stops.map((stop) => Object.assign(circle(stop.at, stop_radius_m, 32), { properties: { kind: "stop" } }))]));
    map.getSource("marks").setData(all([
      ...seen.late.map((fix) => point(place(fix), { kind: "late", told: `${words(fix)}came ${span_words(Date.parse(fix.received_at) - at(fix))} late` })),
      ...seen.ahead.map((fix) => point(place(fix), { kind: "ahead", told: `${words(fix)}ahead of our clock` })),
      ...seen.stops.map((stop) => point(stop.at, { kind: "stop", words: span_words(stop.ms), told: `stood here for ${span_words(stop.ms)} from ${clock_words(stop.from)}` })),
      ...this.held.filter((item) => item.at).map((item) => point(item.at, { kind: "held", told: `In quarantine: ${item.field}: ${item.reason}` }))]));
  }
}
