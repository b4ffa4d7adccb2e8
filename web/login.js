// Opens a session: its cookie cannot be read by any script, this one included.
const form = document.getElementById("login");
const told = document.getElementById("told");

async function logIn(fields) {
  const headers = { "Content-Type": "application/json" };
  if (fields.token) headers.Authorization = "Bearer " + fields.token;
  const body = fields.token ? "{}" : JSON.stringify({ name: fields.name, password: fields.password });
  const answer = await fetch("/v1/session", { method: "POST", headers, body, credentials: "same-origin" });
  if (answer.ok) return null;
  const problem = await answer.json().catch(() => ({}));
  return problem.detail || "The server answered " + answer.status + ".";
}

// Only a place of this server: "//host" and "https:…" would lead elsewhere.
function whereNext() {
  const next = new URLSearchParams(location.search).get("next") || "/";
  const place = new URL(next, location.origin);
  return place.origin === location.origin ? place.pathname + place.search : "/";
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  told.textContent = "";
  try {
    const problem = await logIn(Object.fromEntries(new FormData(form)));
    if (problem) told.textContent = problem;
    else location.assign(whereNext());
  } catch {
    told.textContent = "The server does not answer.";
  }
});
