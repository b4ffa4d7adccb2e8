// The page of the API: what /openapi.json says, for a person. It shows; it sends nothing.
const methods = ["get", "post", "put", "patch", "delete"];
let api;

function make(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children.filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

const name_of = (reference) => reference.split("/").pop();
function meant(thing) {
  if (!thing?.$ref) return thing;
  const found = thing.$ref.split("/").slice(1).reduce((at, step) => at[step], api);
  const { $ref, ...beside } = thing;  // a description beside the reference says more than the schema's own
  return { ...found, ...beside, named: name_of($ref) };
}

// The object that a schema holds without giving it a name: itself, an item of a list, a choice beside null.
function held(schema) {
  if (schema.$ref) return null;
  if (schema.properties) return schema;
  const inside = [schema.items, ...(schema.anyOf || [])].filter(Boolean);
  return inside.map(held).find(Boolean) || null;
}

function fields_of(schema) {
  const rows = Object.entries(schema.properties).map(([name, value]) => field(name, value, schema.required?.includes(name)));
  return make("ul", {}, ...rows);
}

// ---- schemas

function type_of(schema) {
  if (schema.$ref) return name_of(schema.$ref);
  if ("const" in schema) return JSON.stringify(schema.const);
  if (schema.enum) return schema.enum.join(" | ");
  const choices = schema.oneOf || (schema.type ? null : schema.anyOf);
  if (choices) return choices.map(type_of).join(" or ");
  const types = [schema.type].flat().filter(Boolean).map((type) => (type === "array" ? `list of ${type_of(schema.items || {})}` : type));
  return types.join(" or ") || "any";
}

function bounds_of(schema) {
  const said = [];
  if (schema.minimum !== undefined && schema.maximum !== undefined) said.push(`${schema.minimum} … ${schema.maximum}`);
  else if (schema.minimum !== undefined) said.push(`≥ ${schema.minimum}`);
  if (schema.maxLength !== undefined) said.push(`at most ${schema.maxLength} long`);
  if (schema.maxItems !== undefined) said.push(`at most ${schema.maxItems.toLocaleString("en")}`);
  if (schema.default !== undefined) said.push(`${schema.default} where not given`);
  return said.length ? ` (${said.join(", ")})` : "";
}

function field(name, schema, needed) {
  return make("li", {}, make("code", {}, name), " ", make("span", { class: "type" }, type_of(schema) + bounds_of(schema)),
    needed ? make("span", { class: "need" }, " required") : "", schema.description ? ` · ${schema.description}` : "", held(schema) ? fields_of(held(schema)) : "");
}

// The fields of an object; of a named schema only where it is opened, so that schemas may name each other.
function schema_view(schema, open = true) {
  if (schema.$ref) {
    const body = meant(schema);
    const inner = make("div");
    const view = make("details", open ? { open: "" } : {}, make("summary", {}, make("code", {}, body.named)), inner);
    const fill = () => { if (!inner.hasChildNodes()) inner.append(...schema_parts(body)); };
    if (open) fill();
    view.addEventListener("toggle", fill);
    return view;
  }
  return make("div", {}, ...schema_parts(schema));
}

function schema_parts(schema) {
  const parts = [];
  if (schema.description) parts.push(make("p", {}, schema.description));
  const object = held(schema);
  if (object) parts.push(fields_of(object));
  else parts.push(make("p", { class: "type" }, type_of(schema) + bounds_of(schema)));
  const inner = new Set();
  JSON.stringify(schema, (key, value) => { if (key === "$ref") inner.add(value); return value; });
  for (const reference of inner) parts.push(schema_view({ $ref: reference }, false));
  return parts;
}

// ---- examples

function example_of(content) {
  const value = content.example ?? Object.values(content.examples || {})[0]?.value ?? meant(content.schema)?.examples?.[0];
  return value === undefined ? null : typeof value === "string" && !content.schema?.oneOf ? value : JSON.stringify(value, null, 2);
}

const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;

function curl_of(path, method, operation) {
  const parameters = (operation.parameters || []).map(meant);
  const filled = path.replace(/{(\w+)}/g, (_, name) => encodeURIComponent(parameters.find((one) => one.in === "path" && one.name === name)?.example ?? name));
  const words = ["curl", "-s"];
  if (method !== "get" && method !== "post") words.push("-X", method.toUpperCase());
  words.push(location.origin + filled);
  const content = operation.requestBody?.content;
  if (content) {
    const [type, said] = Object.entries(content)[0];
    const example = example_of(said);
    words.push("-H", quoted(`content-type: ${type}`), "-d", quoted(example ? JSON.stringify(JSON.parse(example)) : "{}"));
  } else if (method === "post") {
    words.push("-X", "POST");
  }
  return words.join(" ");
}

function block(text) {
  const copy = make("button", { class: "copy", type: "button" }, "copy");
  const pre = make("pre", { tabindex: "0", class: text.trim().includes("\n") ? "" : "line" }, copy, text);
  if (!navigator.clipboard) copy.remove();
  copy.addEventListener("click", async () => { await navigator.clipboard.writeText(text); copy.textContent = "copied"; });
  return pre;
}

// ---- operations

function content_view(content) {
  return Object.entries(content || {}).flatMap(([type, said]) => {
    const example = example_of(said);
    return [make("h4", {}, type), schema_view(said.schema || {}, false), ...(example ? [block(example)] : [])];
  });
}

function response_view([status, said]) {
  const response = meant(said);
  const head = make("summary", {}, make("span", { class: `status ${status < 400 ? "good" : "bad"}` }, status), " ", response.description);
  const headers = Object.entries(response.headers || {}).map(([name, header]) => field(name, { type: "string", ...meant(header).schema, description: meant(header).description }));
  return make("details", {}, head, make("div", {}, ...(headers.length ? [make("h4", {}, "headers"), make("ul", {}, ...headers)] : []), ...content_view(response.content)));
}

function operation_view(path, method, operation) {
  const parts = [];
  if (operation.description) parts.push(make("p", {}, operation.description));
  parts.push(make("h3", {}, "Try it"), block(curl_of(path, method, operation)));
  const parameters = (operation.parameters || []).map(meant);
  if (parameters.length)
    parts.push(make("h3", {}, "Parameters"), make("ul", {}, ...parameters.map((one) =>
      field(`${one.name} (${one.in})`, { ...(one.schema.$ref ? meant(one.schema) : one.schema), description: one.description }, one.required))));
  if (operation.requestBody) parts.push(make("h3", {}, "Body"), ...content_view(operation.requestBody.content));
  parts.push(make("h3", {}, "Answers"), ...Object.entries(operation.responses).map(response_view));
  const inner = make("div");
  const view = make("details", {}, make("summary", {}, make("span", { class: `method ${method}` }, method.toUpperCase()), make("code", {}, path),
    make("span", { class: "what" }, operation.summary || "")), inner);
  view.addEventListener("toggle", () => { if (!inner.hasChildNodes()) inner.append(...parts); });
  return make("article", { id: operation.operationId }, view);
}

function open_chosen() {
  const chosen = document.getElementById(location.hash.slice(1));
  if (!chosen) return;
  const view = chosen.querySelector("details");
  if (view) view.open = true;
  chosen.scrollIntoView();
}

function show() {
  document.getElementById("intro").textContent = `Version ${api.info.version}. ${api.info.description}`;
  const all = Object.entries(api.paths).flatMap(([path, item]) =>
    methods.filter((method) => item[method]).map((method) => ({ path, method, operation: item[method] })));
  for (const tag of api.tags) {
    const operations = all.filter((one) => one.operation.tags?.includes(tag.name));
    document.getElementById("operations").append(make("h2", {}, tag.name), make("p", {}, tag.description || ""),
      ...operations.map((one) => operation_view(one.path, one.method, one.operation)));
  }
  const schemes = Object.entries(api.components.securitySchemes).map(([name, scheme]) =>
    make("li", {}, make("code", {}, name), ` ${[scheme.scheme, scheme.in && `${scheme.in} ${scheme.name}`].filter(Boolean).join(" ")} · ${scheme.description}`));
  document.getElementById("operations").append(make("h2", {}, "who may ask"), make("article", {}, make("ul", {}, ...schemes)));
  document.getElementById("contents").append(make("ul", {}, ...all.map(({ path, method, operation }) =>
    make("li", {}, make("span", { class: `method ${method}` }, method.toUpperCase()), make("a", { href: `#${operation.operationId}` }, path)))));
  addEventListener("hashchange", open_chosen);
  open_chosen();
}

const answer = await fetch("/openapi.json");
if (answer.ok) {
  api = await answer.json();
  show();
} else {
  document.getElementById("intro").textContent = `/openapi.json answered ${answer.status}`;
}
