// The map of the screens: MapLibre on the vector tiles that this server gives. No other host is asked.

const tiles = new URL("/web/tiles.pmtiles", location.origin).href;
const dark = matchMedia("(prefers-color-scheme: dark)");
const still = matchMedia("(prefers-reduced-motion: reduce)");
const again_ms = 5000;
const earth_m = 6_371_008.8;
const radian = Math.PI / 180;

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// Flat, which is right for what is near each other.
export function metres_between([west, south], [east, north]) {
  const x = (east - west) * radian * Math.cos(((south + north) / 2) * radian);
  return Math.hypot(x, (north - south) * radian) * earth_m;
}

export function heading_of([west, south], [east, north]) {
  return (Math.atan2((east - west) * Math.cos(south * radian), north - south) / radian + 360) % 360;
}

export function circle([longitude, latitude], radius_m, corners = 72) {
  const ring = [];
  for (let corner = 0; corner <= corners; ++corner) {
    const angle = (corner / corners) * 2 * Math.PI;
    const north = ((radius_m * Math.cos(angle)) / earth_m) / radian;
    const east = ((radius_m * Math.sin(angle)) / earth_m) / radian / Math.cos(latitude * radian);
    ring.push([longitude + east, latitude + north]);
  }
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [ring] } };
}

export const line = (points, properties = {}) =>
  ({ type: "Feature", properties, geometry: { type: "LineString", coordinates: points } });
export const all = (features) => ({ type: "FeatureCollection", features });

// ---- what the tiles hold, drawn: layers are known by their names, as our own tiles and those of the usual city files call them.

const drawn = [
  { like: /^(earth|land)$/, layers: (id) => [fill(id, "--map-land")] },
  { like: /landuse|landcover|park|green|wood/, layers: (id) => [fill(id, "--map-green")] },
  { like: /^(water|ocean|water_polygons)/, layers: (id) => [fill(id, "--map-water")] },
  { like: /waterway|water_lines/, layers: (id) => [stroke(id, "", "--map-water", 0.6)] },
  { like: /building/, layers: (id) => [{ ...fill(id, "--map-building"), minzoom: 14 }] },
  { like: /^(roads?|streets?|transportation|highways?)$/, layers: (id) => [stroke(id, "casing", "--map-casing", 1.3), stroke(id, "", "--map-street", 1, "--map-far")] },
  { like: /name|label/, layers: (id) => [label(id, 14)] },
  { like: /^places?$/, layers: (id) => [label(id, 8)] },
];

const paint_of = ({ paint, far }) => (far ? ["step", ["zoom"], colour(far), 13.7, colour(paint)] : colour(paint));
const fill = (id, paint) => ({ id, source: "tiles", "source-layer": id, type: "fill", filter: ["==", ["geometry-type"], "Polygon"],
  paint: { "fill-color": colour(paint), "fill-antialias": false }, metadata: { paint } });

// Wider where the tiles say that it is a large street.
const rank = ["match", ["coalesce", ["get", "kind"], ["get", "class"], ["get", "highway"], ""],
  ["highway", "motorway", "trunk"], 1.9, ["major_road", "primary", "secondary"], 1.4,
  ["path", "footway", "track", "steps", "rail", "ferry"], 0.35, 1];
// `far`: its colour where the map shows much, and the street is a hair.
const stroke = (id, part, paint, width, far) => ({ id: id + part, source: "tiles", "source-layer": id, type: "line",
  filter: ["match", ["geometry-type"], ["LineString", "MultiLineString"], true, false],
  layout: { "line-cap": "round", "line-join": "round" }, metadata: { paint, far },
  paint: { "line-color": paint_of({ paint, far }),
    "line-width": ["interpolate", ["exponential", 1.6], ["zoom"], 10, ["*", rank, 0.7 * width], 14, ["*", rank, 2.8 * width], 18, ["*", rank, 17 * width]] } });

const street_names = /road|street|transportation|highway/;
const label = (id, minzoom) => ({ id: id + "label", source: "tiles", "source-layer": id, type: "symbol", minzoom, metadata: { paint: "--map-label", halo: "--map-land" },
  filter: ["has", "name"], layout: { "text-field": ["get", "name"], "text-size": 11.5, "text-font": ["sans-serif"],
    "symbol-placement": street_names.test(id) ? "line" : "point" },
  paint: { "text-color": colour("--map-label"), "text-halo-color": colour("--map-land"), "text-halo-width": 1.4 } });

function style_of(held) {
  const layers = [{ id: "land", type: "background", paint: { "background-color": colour("--map-land") }, metadata: { paint: "--map-land" } }];
  if (!held) return { version: 8, sources: {}, layers };
  const labels = [];
  for (const { like, layers: make } of drawn)
    for (const { id, fields } of held.layers) {
      if (!like.test(id)) continue;
      for (const layer of make(id)) (layer.type === "symbol" ? labels : layers).push(layer);
      if (fields?.name && /^(roads?|streets?|highways?)$/.test(id)) labels.push(label(id, 14));
    }
  return { version: 8, sources: { tiles: { type: "vector", url: "pmtiles://" + tiles } }, layers: [...layers, ...labels] };
}

const painted = { background: "background-color", fill: "fill-color", line: "line-color", symbol: "text-color" };

// ---- the map

async function what_tiles_hold() {
  const archive = new pmtiles.PMTiles(tiles);
  const protocol = new pmtiles.Protocol();
  protocol.add(archive);
  maplibregl.addProtocol("pmtiles", protocol.tile);
  const [header, told] = await Promise.all([archive.getHeader(), archive.getMetadata()]);
  const attribution = new DOMParser().parseFromString(told?.attribution ?? "", "text/html").body.textContent;
  return { layers: told?.vector_layers ?? [], attribution, box: [header.minLon, header.minLat, header.maxLon, header.maxLat] };
}

// Nothing where this browser cannot draw one; the page goes on without. `label` is what a screen reader calls it.
export async function make_map(container, { label: name, attribution, recoloured }) {
  let held = null;
  try {
    held = await what_tiles_hold();
  } catch (error) {
    console.warn("no tiles:", error.message);  // what is on the map is shown on plain ground
  }
  let map = null;
  try {
    maplibregl.setWorkerUrl("/web/maplibre-worker.js");
    map = new maplibregl.Map({ container, style: style_of(held), attributionControl: false, dragRotate: false, pitchWithRotate: false,
      touchPitch: false, fadeDuration: 0, bounds: held?.box ?? [-8.69, 41.13, -8.55, 41.19], maxZoom: 19, locale: { "Map.Title": name } });
  } catch (error) {
    console.warn("no map:", error.message);
    return null;
  }
  // A tile that could not be had: the server may be away for a moment.
  let again = 0;
  map.on("error", ({ error }) => {
    console.warn("the map:", error?.message);
    if (!again && map.getSource("tiles")) again = setTimeout(() => { again = 0; map.refreshTiles("tiles"); }, again_ms);
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  if (attribution) attribution.textContent = held?.attribution ?? "";
  dark.addEventListener("change", () => {
    for (const { id, type, metadata } of map.getStyle().layers) {
      if (metadata?.paint) map.setPaintProperty(id, painted[type], paint_of(metadata));
      if (metadata?.halo) map.setPaintProperty(id, "text-halo-color", colour(metadata.halo));
    }
    recoloured?.(map);
  });
  await new Promise((done) => map.once("load", done));
  return map;
}

// Buttons for who cannot drag or pinch.
export function bind_zoom(map, { closer, farther }) {
  closer.addEventListener("click", () => map.zoomIn());
  farther.addEventListener("click", () => map.zoomOut());
}

// ---- a place that moves smoothly along the fixes that come

const glide_ms_min = 700;
const glide_ms_max = 8000;

export class Glide {
  constructor(moved) {
    this.moved = moved;  // (place, heading) for each frame
    this.place = null;
    this.heading = null;
    this.ahead = [];     // fixes that it has not come to, and before them `passed` that it has
    this.passed = 0;
    this.frame = 0;
  }

  // `gap_ms`: between this fix and the one before. What is not reached yet stays on the way, so that nothing jumps.
  to(place, gap_ms) {
    if (!this.place || still.matches || document.hidden) return this.jump(place);
    const end = this.ahead.at(-1) ?? this.place;
    if (metres_between(end, place) < 0.3) return;
    this.ahead = [...this.ahead.slice(this.passed), place];
    this.passed = 0;
    const left = Math.max(0, (this.until ?? 0) - performance.now());
    this.from = performance.now();
    this.until = this.from + Math.min(Math.max(left / 2 + (gap_ms || 0), glide_ms_min), glide_ms_max);
    this.start = this.place;
    this.lengths = this.ahead.map((to, index) => metres_between(index ? this.ahead[index - 1] : this.start, to));
    if (!this.frame) this.frame = requestAnimationFrame(() => this.step());
  }

  jump(place) {
    cancelAnimationFrame(this.frame);
    this.frame = 0;
    this.ahead = [];
    this.passed = 0;
    this.place = place;
    this.moved(place, this.heading);
  }

  step() {
    this.frame = 0;
    const part = Math.min(1, (performance.now() - this.from) / (this.until - this.from));
    let left = part * this.lengths.reduce((sum, length) => sum + length, 0);
    let from = this.start;
    let passed = 0;
    while (passed < this.ahead.length - 1 && left > this.lengths[passed]) left -= this.lengths[passed], from = this.ahead[passed++];
    const to = this.ahead[passed];
    this.passed = passed;
    const share = part >= 1 || this.lengths[passed] === 0 ? 1 : left / this.lengths[passed];
    this.place = [from[0] + (to[0] - from[0]) * share, from[1] + (to[1] - from[1]) * share];
    if (this.lengths[passed] > 2) this.heading = heading_of(from, to);
    if (part >= 1) this.ahead = [], this.passed = 0;
    this.moved(this.place, this.heading);
    if (part < 1) this.frame = requestAnimationFrame(() => this.step());
  }
}
