// What was accepted and made no sense: why, and sent again once it is mended.
import { age_words, element, make, read, read_json, say } from "/web/words.js";

const shown_max = 100;
const pages_max = 5;  // of 1000 items

const doors = { locations: "/v1/locations", orders: "/v1/orders" };

export class Quarantine {
  constructor() {
    this.items = [];
    this.sent = new Map();  // position to what came of it
  }

  async load() {
    let cursor = "";
    this.items = [];
    for (let page = 0; page < pages_max && cursor !== null; ++page) {
      const answer = await read_json(`/v1/quarantine?limit=1000&cursor=${encodeURIComponent(cursor)}`);
      this.items.push(...answer.items);
      cursor = answer.next_cursor;
    }
    this.whole = cursor === null;
    say(element("tab-quarantine"), this.items.length ? `Quarantine ${this.items.length}${this.whole ? "" : "+"}` : "Quarantine");
  }

  count() {
    this.load().catch(() => {});
  }

  // Those that name the order; with a place where they have one that can be shown.
  async of(order) {
    await this.load().catch(() => {});
    return this.items.flatMap((item) => {
      try {
        const raw = JSON.parse(item.raw);
        if (String(raw.order_id ?? "") !== String(order.order_id)) return [];
        const fits = Math.abs(raw.latitude) <= 85 && Math.abs(raw.longitude) <= 180;
        return [{ ...item, at: fits ? [Number(raw.longitude), Number(raw.latitude)] : null }];
      } catch {
        return [];
      }
    });
  }

  async read() {
    try {
      await this.load();
    } catch (error) {
      return say(element("quarantine-count"), error.message);
    }
    say(element("quarantine-count"), this.items.length === 0 ? "Nothing is in quarantine." : `${this.items.length}${this.whole ? "" : " or more"} ${this.items.length === 1 ? "item" : "items"}${this.items.length > shown_max ? `; the newest ${shown_max} are below` : ""}.`);
    const reasons = new Map();
    for (const { field, reason } of this.items) reasons.set(`${field || "item"}: ${reason}`, (reasons.get(`${field || "item"}: ${reason}`) ?? 0) + 1);
    const often = [...reasons].sort((a, b) => b[1] - a[1]).slice(0, 8);
    element("reasons").replaceChildren(...often.map(([reason, times]) => make("li", {}, make("span", {}, reason), make("b", { class: "number" }, String(times)))));
    element("quarantined").replaceChildren(...this.items.slice(-shown_max).reverse().map((item) => this.row(item)));
  }

  row(item) {
    const text = make("textarea", { "aria-label": `What came as ${item.position}`, spellcheck: "false" });
    text.value = item.raw;
    const told = make("p", { class: "told", role: "status" }, this.sent.get(item.position) ?? "");
    const door = doors[item.source];
    const send = make("button", { type: "button", disabled: !door, onclick: () => this.send(item, door, text.value, told) }, "Send again");
    const age = Date.now() - Date.parse(item.received_at);
    return make("li", {}, make("details", {}, make("summary", {}, `${item.field || "item"}: ${item.reason}`, make("small", {}, `${item.position}, by ${item.source}, ${age_words(age)}`)), text,
      make("div", { class: "row" }, send), told));
  }

  // The item itself stays in quarantine: the books say for ever that it came as it did.
  async send(item, door, body, told) {
    try {
      const answer = await read(door, { method: "POST", headers: { "Content-Type": "application/json" }, body });
      const result = await answer.json();
      const failed = result.failures?.[0] ?? result.quarantined?.[0];
      told.textContent = failed ? `Still not right: ${failed.field}: ${failed.reason}` : "Taken. It is in its track now.";
    } catch (error) {
      told.textContent = error.status === 403 ? "Your role may not send locations; an administrator's may." : error.message;
    }
    this.sent.set(item.position, told.textContent);
  }
}
