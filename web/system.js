// The system's screen: each hop from phone to table with its lag, the books, the lake's tables, and a question to them.
import { age_words, bytes_words, element, make, read, read_json, say, span_words } from "/web/words.js";

const every_ms = 2000;
const kept_samples = 60;      // of the small curves
const curve_samples_min = 9;  // fewer do not fill its width
const late_records = 5000;    // a hop that is so far behind is shown as late
const late_rows = 1_000_000;  // of the treated tables, which are made every few minutes
const answer_rows_max = 500;
const bars_max = 40;
const busy_ms_max = 2000;

// ---- Prometheus' text format

class Sample {
  constructor(text) {
    this.at = performance.now();
    this.rows = text.split("\n").filter((row) => row && row[0] !== "#").map((row) => {
      const end = row.lastIndexOf(" ");
      const brace = row.indexOf("{");
      return { name: row.slice(0, brace < 0 ? end : brace), labels: brace < 0 ? "" : row.slice(brace, end), value: Number(row.slice(end + 1)) };
    });
  }
  // Nothing where there is no such metric.
  sum(name, label = "") {
    const found = this.rows.filter((row) => row.name === name && row.labels.includes(label));
    return found.length ? found.reduce((sum, row) => sum + row.value, 0) : null;
  }
  // Of what happened between that sample and this one.
  quantile(before, name, part) {
    const buckets = new Map();
    for (const { name: found, labels, value } of this.rows) {
      const upper = found === `${name}_bucket` && labels.match(/le="([^"]+)"/)?.[1];
      if (upper) buckets.set(upper, (buckets.get(upper) ?? 0) + value);
    }
    for (const { name: found, labels, value } of before?.rows ?? []) {
      const upper = found === `${name}_bucket` && labels.match(/le="([^"]+)"/)?.[1];
      if (upper && buckets.has(upper)) buckets.set(upper, buckets.get(upper) - value);
    }
    const all = buckets.get("+Inf");
    if (!all) return null;
    const found = [...buckets].sort((a, b) => limit(a[0]) - limit(b[0])).find(([, count]) => count >= all * part);
    return found && Number.isFinite(limit(found[0])) ? limit(found[0]) : null;
  }
}

const limit = (text) => (text === "+Inf" ? Infinity : Number(text));
const number = (value) => (value == null ? "–" : Math.round(value).toLocaleString("en"));
const rate_words = (rate) => (rate == null ? "–" : `${rate < 100 ? rate.toFixed(1) : number(rate)} /s`);
const short_span = (seconds) => (seconds == null ? "–" : seconds < 1 ? `${(seconds * 1000).toFixed(seconds < 0.01 ? 1 : 0)} ms` : span_words(seconds * 1000));

// ---- the pipeline

const curves = new Map();  // hop to its last rates
let samples = [];

function rate(name, label = "") {
  const [before, now] = [samples.at(-2), samples.at(-1)];
  if (!before || now.sum(name, label) === null) return null;
  return Math.max(0, ((now.sum(name, label) - (before.sum(name, label) ?? 0)) * 1000) / (now.at - before.at));
}

function hops_now() {
  const now = samples.at(-1);
  const before = samples.length > 5 ? samples.at(-6) : samples[0] === now ? null : samples[0];
  const end = now.sum("waybill_journal_durable_offset");
  const behind = (mark) => (mark === null || end === null ? null : Math.max(0, end - mark));
  // Of the last seconds; where nothing happened in them, of all since the start.
  const p50 = (name) => now.quantile(before, name, 0.5) ?? now.quantile(null, name, 0.5);
  const p99 = (name) => now.quantile(before, name, 0.99) ?? now.quantile(null, name, 0.99);
  const shown = behind(now.sum("waybill_store_visible_offset"));
  const lake = now.sum("waybill_lake_bronze_end_offset");
  const treated = now.sum("waybill_transform_lag_rows");
  const made = now.sum("waybill_transform_last_success_timestamp_seconds");
  const first = [
    { name: "Door", big: rate_words(rate("waybill_ingest_accepted_total")), small: [`${rate_words(rate("waybill_http_requests_total"))} requests, p99 ${short_span(p99("waybill_http_request_seconds"))}`,
      `${number(now.sum("waybill_ingest_rejected_total"))} rejected since the start`], curve: rate("waybill_ingest_accepted_total") },
    { name: "Journal", big: number(end), small: [`sync ${short_span(p50("waybill_journal_sync_seconds"))}, p99 ${short_span(p99("waybill_journal_sync_seconds"))}`, `${bytes_words(now.sum("waybill_journal_disk_bytes") ?? 0)} on disk`], curve: rate("waybill_journal_records_total") },
    { name: "Store", big: `${number(shown)} behind`, small: [`received to shown: p99 ${short_span(p99("waybill_ingest_received_to_visible_seconds"))}`, `${bytes_words(now.sum("waybill_store_disk_bytes") ?? 0)} on disk`], late: shown > late_records, curve: rate("waybill_store_taken_total") },
    { name: "Screens", big: `${number(now.sum("waybill_live_viewers"))} watching`, small: [`${rate_words(rate("waybill_live_told_total"))} told`, `${number(now.sum("waybill_live_behind_total"))} times too slow`], curve: rate("waybill_live_told_total") },
    webhooks(now),
  ];
  const relay = now.sum("waybill_relay_lag_records");
  const second = [
    { name: "Lake, raw", big: lake === null ? "off" : `${number(behind(lake))} behind`, small: lake === null ? ["no lake is written here"] : [`${number(now.sum("waybill_lake_bronze_rows_total"))} rows written`, failures(now.sum("waybill_lake_failures_total"))], late: behind(lake) > late_records * 20 },
    { name: "Lake, treated and final", big: treated === null ? "–" : `${number(treated)} rows behind`, small: [made ? `made ${age_words(Date.now() - made * 1000)}` : "not made yet", failures(now.sum("waybill_transform_failures_total"))], late: treated > late_rows || now.sum("waybill_transform_failures_total") > 0 },
    { name: "Questions", big: `${number(now.sum("waybill_http_requests_total", "/v1/query"))} asked`, small: ["SQL, below"] },
  ];
  if (relay !== null) second.push({ name: "Followers", big: `${number(relay)} behind`, small: ["over the broker"], late: relay > late_records });
  return [first, second];
}

function webhooks(now) {
  const delivered = now.sum("waybill_notify_delivered_total");
  if (delivered === null) return { name: "Webhooks", big: "none", small: ["nobody is told by a webhook"] };
  const failed = now.sum("waybill_notify_failed");
  return { name: "Webhooks", big: `${short_span(now.sum("waybill_notify_lag_seconds"))} behind`, small: [`${number(delivered)} delivered`, failed ? `${number(failed)} have failed` : "none has failed"], late: failed > 0 };
}

const failures = (times) => (times ? `failed ${number(times)} times` : "no failure");

function show_hops(list, hops) {
  while (list.children.length > hops.length) list.lastChild.remove();
  hops.forEach((hop, index) => {
    const item = list.children[index] ?? list.appendChild(make("li", {}, make("h3"), make("p", { class: "big" }), make("p", { class: "small" }), make("p", { class: "small" }), make("div", { class: "curve" })));
    const [name, big, first, second, curve] = item.children;
    item.classList.toggle("late", Boolean(hop.late));
    say(name, hop.name);
    say(big, hop.big);
    say(first, hop.small[0] ?? "");
    say(second, hop.small[1] ?? "");
    if (hop.curve !== undefined) show_curve(curve, hop.name, hop.curve);
  });
}

const svg = (tag, attributes = {}, ...children) => {
  const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.append(...children);
  return node;
};

function show_curve(into, name, value) {
  const values = [...(curves.get(name) ?? []), value ?? 0].slice(-kept_samples);
  curves.set(name, values);
  const most = Math.max(...values, 1e-9);
  const points = values.map((one, index) => `${((index * 100) / Math.max(values.length - 1, curve_samples_min)).toFixed(1)},${(27 - (one / most) * 25).toFixed(1)}`).join(" ");
  const line = into.querySelector("polyline");
  if (line) line.setAttribute("points", points);
  else into.append(svg("svg", { viewBox: "0 0 100 28", preserveAspectRatio: "none", "aria-hidden": "true" }, svg("polyline", { points })));
}

// ---- the books

function show_books() {
  const now = samples.at(-1);
  const end = now.sum("waybill_journal_durable_offset");
  const visible = now.sum("waybill_store_visible_offset");
  const rows = [
    ["journal", end, null, `from ${number(now.sum("waybill_journal_begin_offset"))} on still in its files`],
    ["store, shown", visible, end - visible, store_words(now)],
    ["store, durable", now.sum("waybill_store_durable_offset"), null, "made durable from time to time; a start reads the rest again"],
    ["lake, raw", now.sum("waybill_lake_bronze_end_offset"), null, "every position once: location, command, quarantined"],
  ].filter(([, mark]) => mark !== null);
  element("books").tBodies[0].replaceChildren(...rows.map(([hop, mark, , words]) => make("tr", {}, make("th", { scope: "row" }, hop), make("td", { class: "right" }, number(mark)),
    make("td", { class: "right" }, hop === "journal" ? "" : number(Math.max(0, end - mark))), make("td", {}, words))));
  const wrong = rows.filter(([, mark]) => mark > end).map(([hop]) => hop);
  element("books-told").classList.toggle("bad", wrong.length > 0);
  say(element("books-told"), wrong.length ? `Ahead of the journal, which must not be: ${wrong.join(", ")}. Run waybill verify.` : "No hop is ahead of the one before it. waybill verify adds them up to the last record.");
}

function store_words(now) {
  const by = new Map();
  for (const { name, labels, value } of now.rows) if (name === "waybill_store_taken_total") by.set(labels.match(/="([^"]+)"/)?.[1] ?? "taken", value);
  return [...by].filter(([, value]) => value).map(([what, value]) => `${number(value)} ${what}`).join(", ");
}

// ---- one location

async function follow_one(event) {
  event.preventDefault();
  const id = element("one-id").value.trim();
  if (!id) return;
  const steps = element("one-steps");
  steps.replaceChildren();
  try {
    const answer = await read_json(`/v1/custody/${encodeURIComponent(id)}`);
    say(element("one-told"), answer.items.length > 1 ? `${answer.items.length} have this id; the first:` : "");
    const item = answer.items[0];
    const step = (kind, words, more) => make("li", { class: kind }, make("span", {}, words, more ? make("small", {}, more) : null));
    const lake = item.bronze && { taken: ["yes", "in the raw tables"], waiting: ["waits", "not in the raw tables yet"], before: ["no", "came before the lake was begun"], unknown: ["waits", "the lake does not answer"] }[item.bronze.state];
    const fix = item.location;
    steps.append(...[
      step("yes", `on disk in the journal as ${item.position}`, fix && `${fix.order_id ?? fix.deliverer_id}, ${fix.timestamp}`),
      item.quarantined ? step("no", "in quarantine", `${item.field}: ${item.reason}`) : step(item.stored ? "yes" : "waits", item.let_go ? "the store has let go of it" : item.stored ? "in the store, shown" : "not shown yet"),
      lake && step(lake[0], lake[1], item.bronze.files?.map((file) => file.key).join(", ")),
      item.silver && step(item.silver.state === "made" ? "yes" : "waits", item.silver.state === "made" ? "in the treated tables" : "not in the treated tables yet", item.silver.dates.join(", ")),
    ].filter(Boolean));
  } catch (error) {
    say(element("one-told"), error.message);
  }
}

// ---- the lake

const quoted = (name) => name.split(".").map((part) => `"${part.replaceAll('"', '""')}"`).join(".");

// One question at a time, as many as the server answers for sure.
let before = Promise.resolve();
function ask_lake(sql) {
  const ask_now = () => read_json("/v1/query", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify({ sql }) });
  // The server may be busy with somebody else's: that is said at once, and worth another try.
  const ask_again = async () => {
    const began = performance.now();
    try {
      return await ask_now();
    } catch (error) {
      if (error.status !== 503 || performance.now() - began > busy_ms_max) throw error;
      await new Promise((done) => setTimeout(done, busy_ms_max));
      return ask_now();
    }
  };
  const answer = before.then(ask_again);
  before = answer.catch(() => {});
  return answer;
}

// Of each table its time column, in the order in which the zones follow.
const tables_sql = `SELECT t.table_schema || '.' || t.table_name AS name,
  min(column_name) FILTER (WHERE c.data_type LIKE 'TIMESTAMP%' AND ends_with(column_name, '_at')) AS time,
  min(column_name) FILTER (WHERE c.data_type = 'BIGINT' AND ends_with(column_name, '_us')) AS micros
  FROM information_schema.tables AS t JOIN information_schema.columns AS c USING (table_schema, table_name)
  WHERE t.table_schema IN ('raw', 'treated', 'final', 'external') GROUP BY t.table_schema, t.table_name
  ORDER BY list_position(['raw', 'treated', 'final', 'external'], t.table_schema), t.table_name`;

async function read_tables() {
  const told = element("tables-told");
  say(told, "Reading…");
  let found = [];
  try {
    found = (await ask_lake(tables_sql)).rows;
  } catch (error) {
    return say(told, error.status === 404 ? "No lake is asked here." : error.message);
  }
  element("tables").hidden = found.length === 0;
  say(told, found.length === 0 ? "No table is made yet." : "");
  const body = element("tables").tBodies[0];
  const cells = found.map(([name]) => ({ name, rows: make("td", { class: "right" }, "…"), newest: make("td", { class: "right" }), checked: make("td") }));
  body.replaceChildren(...cells.map(({ name, rows, newest, checked }) => make("tr", {}, make("th", { scope: "row" }, name), rows, newest, checked,
    make("td", { class: "right" }, make("button", { type: "button", class: "small", "aria-label": `Look into ${name}`, onclick: () => ask(`SELECT * FROM ${quoted(name)} LIMIT 100`) }, "look")))));
  try {
    await read_counts(found, cells);
    if (found.some(([name]) => name === "treated.test_result")) await read_tests(cells);
  } catch (error) {
    say(told, error.message);
  }
}

async function read_counts(found, cells) {
  if (found.length === 0) return;
  const newest_of = (time, micros) => (time ? `epoch_ms(max("${time}"))` : micros ? `max("${micros}") // 1000` : "NULL");
  const counts = await ask_lake(found.map(([name, time, micros], index) => `SELECT ${index}, count(*), ${newest_of(time, micros)} FROM ${quoted(name)}`).join(" UNION ALL "));
  for (const [index, count, at] of counts.rows) {
    say(cells[index].rows, number(count));
    say(cells[index].newest, at === null ? "" : age_words(Date.now() - at));
  }
}

// What the last run of each model's tests said.
async function read_tests(cells) {
  const last = "SELECT model, count(*), count(*) FILTER (WHERE failing_rows > 0) FROM treated.test_result AS t WHERE run = (SELECT max(run) FROM treated.test_result AS s WHERE s.model = t.model) GROUP BY model";
  const found = new Map((await ask_lake(last).catch(() => ({ rows: [] }))).rows.map(([model, tests, failed]) => [model, [tests, failed]]));
  for (const { name, checked } of cells) {
    const [tests, failed] = found.get(name) ?? [];
    if (tests === undefined) continue;
    checked.className = failed ? "bad" : "good";
    say(checked, failed ? `${failed} of ${tests} tests fail` : `${tests} tests`);
  }
}

async function ask(sql) {
  element("sql").value = sql;
  const told = element("ask-told");
  say(told, "Asking…");
  const began = performance.now();
  try {
    const answer = await ask_lake(sql);
    const shown = answer.rows.slice(0, answer_rows_max);
    say(told, `${answer.rows.length.toLocaleString("en")} rows${answer.cut ? ", there are more" : ""}${shown.length < answer.rows.length ? `, the first ${answer_rows_max} shown` : ""}, ${span_words(performance.now() - began)}`);
    show_answer(answer.columns, shown);
    show_chart(answer.columns, answer.rows);
  } catch (error) {
    say(told, error.message);
    element("answer-part").hidden = true;
    element("chart").replaceChildren();
  }
}

const is_number = (type) => /INT|DOUBLE|FLOAT|DECIMAL/.test(type);

function show_answer(columns, rows) {
  const right = columns.map(({ type }) => is_number(type));
  element("answer").replaceChildren(make("thead", {}, make("tr", {}, ...columns.map(({ name, type }, index) => make("th", { scope: "col", title: type, class: right[index] ? "right" : null }, name)))),
    make("tbody", {}, ...rows.map((row) => make("tr", {}, ...row.map((value, index) => make("td", { class: right[index] ? "right" : null }, value === null ? "NULL" : typeof value === "number" ? value.toLocaleString("en", { maximumFractionDigits: 6 }) : String(value)))))));
  element("answer-part").hidden = rows.length === 0;
}

// The first column names, the first number after it is drawn: bars where they are few, a line where they are many.
function show_chart(columns, rows) {
  const chart = element("chart");
  chart.replaceChildren();
  const value = columns.findIndex(({ type }, index) => index > 0 && is_number(type));
  if (value < 0 || rows.length < 2) return;
  const values = rows.map((row) => Number(row[value] ?? 0));
  const [low, high] = [Math.min(0, ...values), Math.max(...values, 0)];
  if (!Number.isFinite(low) || low === high) return;
  const [width, height, left, bottom] = [900, 220, 60, 24];
  const x = (index) => left + ((index + 0.5) * (width - left)) / values.length;
  const y = (number) => 8 + (1 - (number - low) / (high - low)) * (height - bottom - 8);
  const drawn = svg("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${columns[value].name} by ${columns[0].name}; the table below has the numbers` });
  for (const mark of [low, (low + high) / 2, high])
    drawn.append(svg("line", { x1: left, x2: width, y1: y(mark), y2: y(mark) }), svg("text", { x: left - 6, y: y(mark) + 4, "text-anchor": "end" }, mark.toLocaleString("en", { notation: "compact" })));
  if (values.length <= bars_max) {
    const wide = Math.min(60, ((width - left) / values.length) * 0.7);
    values.forEach((number, index) => drawn.append(svg("rect", { x: x(index) - wide / 2, width: wide, y: Math.min(y(number), y(0)), height: Math.max(1, Math.abs(y(number) - y(0))), rx: 2 })));
  } else drawn.append(svg("path", { d: values.map((number, index) => `${index ? "L" : "M"}${x(index).toFixed(1)} ${y(number).toFixed(1)}`).join("") }));
  const every = Math.ceil(values.length / 8);
  rows.forEach((row, index) => { if (index % every === 0) drawn.append(svg("text", { x: x(index), y: height - 6, "text-anchor": "middle" }, String(row[0] ?? "NULL").slice(0, 14))); });
  chart.append(drawn);
}

// ---- all of it together

async function tick() {
  const health = element("health");
  try {
    const [metrics, ready] = await Promise.all([read("/metrics").then((answer) => answer.text()), fetch("/readyz", { cache: "no-store" })]);
    const told = await ready.json();
    health.classList.toggle("bad", !ready.ok);
    say(health, ready.ok ? "ready" : `not ready: ${told.reasons.join("; ")}`);
    samples = [...samples, new Sample(metrics)].slice(-kept_samples);
    const [first, second] = hops_now();
    show_hops(element("hops"), first);
    show_hops(element("lake-hops"), second);
    show_books();
  } catch (error) {
    health.classList.add("bad");
    say(health, error.status ? error.message : "no connection, trying again");
    samples = [];
  }
  setTimeout(tick, every_ms);
}

element("one").addEventListener("submit", follow_one);
element("ask").addEventListener("submit", (event) => { event.preventDefault(); ask(element("sql").value); });
element("sql").addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask(element("sql").value); } });
tick();
read_tables();
