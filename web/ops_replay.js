// A past hour once more, from the tracks of those who moved in the area then.
import { element, read_json, say, span_words } from "/web/words.js";
import { colour } from "/web/map.js";

const deliverers_max = 300;
const at_once = 4;           // tracks that are asked for at the same time
const hidden_ms = 300_000;   // who was not heard of for so long is not shown
const tail_ms = 60_000;
const slider_steps = 1000;

export class Replay {
  constructor({ opened, region, read_pages, redraw, projection, canvas_context }) {
    Object.assign(this, { opened, region, read_pages, redraw, projection, canvas_context });
    this.shown = false;
    this.playing = false;
    this.tracks = [];
    const local = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000);
    element("replay-to").value = local.toISOString().slice(0, 16);
    element("replay-form").addEventListener("submit", (event) => { event.preventDefault(); this.load(); });
    element("replay-play").addEventListener("click", () => this.play(!this.playing));
    element("replay-live").addEventListener("click", () => this.end());
    element("replay-time").addEventListener("input", ({ target }) => this.go_to(this.from + (Number(target.value) / slider_steps) * (this.to - this.from)));
    element("replay-speed").addEventListener("input", () => this.tell_speed());
    this.tell_speed();
  }

  speed() {
    return Math.round(10 ** Number(element("replay-speed").value));
  }

  tell_speed() {
    say(element("replay-speed-told"), `${this.speed()}×`);
    element("replay-speed").setAttribute("aria-valuetext", `${this.speed()} times`);
  }

  async load() {
    const told = element("replay-told");
    this.to = new Date(element("replay-to").value).getTime();
    this.from = this.to - Number(element("replay-length").value) * 60_000;
    if (!Number.isFinite(this.to)) return say(told, "Say up to when.");
    const button = element("replay-form").querySelector("button");
    button.disabled = true;
    try {
      await this.opened;
      const orders = await this.read_pages(`bbox=${this.region().join(",")}&updated_since=${new Date(this.from).toISOString()}`);
      const who = [...new Set(orders.filter((order) => order.deliverer_id !== null).map((order) => String(order.deliverer_id)))];
      this.tracks = await this.read_tracks(who.slice(0, deliverers_max), told);
      const beyond = who.length > deliverers_max ? ` of ${who.length}; look closer for the others` : "";
      say(told, this.tracks.length === 0 ? "Nobody moved here in that time." : `${this.tracks.length} deliverers${beyond}, ${span_words(this.to - this.from)}.`);
      if (this.tracks.length > 0) this.begin();
    } catch (error) {
      say(told, error.message);
    }
    button.disabled = false;
  }

  async read_tracks(who, told) {
    const tracks = [];
    let next = 0;
    const worker = async () => {
      while (next < who.length) {
        const id = who[next++];
        say(told, `Reading ${next} of ${who.length} tracks…`);
        const answer = await read_json(`/v1/deliverers/${encodeURIComponent(id)}/track?limit=10000&from=${new Date(this.from).toISOString()}&to=${new Date(this.to).toISOString()}`);
        const fixes = answer.locations.filter((fix) => !fix.ahead).map((fix) => ({ at: Date.parse(fix.timestamp), place: [fix.longitude, fix.latitude] }));
        if (fixes.length > 0) tracks.push({ id, fixes });
      }
    };
    await Promise.all(Array.from({ length: at_once }, worker));
    return tracks;
  }

  begin() {
    this.shown = true;
    element("player").hidden = false;
    this.go_to(Math.min(...this.tracks.map((track) => track.fixes[0].at)));
    this.play(true);
  }

  end() {
    this.play(false);
    this.shown = false;
    element("player").hidden = true;
    this.redraw();
  }

  play(on) {
    this.playing = on;
    say(element("replay-play"), on ? "Pause" : "Play");
    if (!on) return;
    if (this.now >= this.to) this.now = this.from;
    this.stepped_at = performance.now();
    requestAnimationFrame(() => this.step());
  }

  step() {
    if (!this.playing) return;
    const now = performance.now();
    this.go_to(Math.min(this.to, this.now + (now - this.stepped_at) * this.speed()));
    this.stepped_at = now;
    if (this.now >= this.to) this.play(false);
    else requestAnimationFrame(() => this.step());
  }

  go_to(time) {
    this.now = time;
    const words = new Date(time).toLocaleTimeString();
    say(element("replay-clock"), words);
    const slider = element("replay-time");
    slider.value = String(Math.round(((time - this.from) / (this.to - this.from)) * slider_steps));
    slider.setAttribute("aria-valuetext", words);
    this.redraw();
  }

  // The index of the last fix at or before that time; -1: none.
  static before(fixes, time) {
    let [low, high] = [0, fixes.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (fixes[middle].at <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }

  static place({ fixes }, time) {
    const index = Replay.before(fixes, time);
    if (index < 0 || time - fixes[index].at > hidden_ms) return null;
    const [fix, next] = [fixes[index], fixes[index + 1]];
    if (!next || next.at - fix.at > hidden_ms) return fix.place;
    const part = (time - fix.at) / (next.at - fix.at);
    return [fix.place[0] + (next.place[0] - fix.place[0]) * part, fix.place[1] + (next.place[1] - fix.place[1]) * part];
  }

  draw() {
    const context = this.canvas_context();
    const project = this.projection();
    context.lineCap = context.lineJoin = "round";
    context.strokeStyle = colour("--accent");
    context.fillStyle = colour("--accent");
    const heads = [];
    context.globalAlpha = 0.45;
    context.lineWidth = 3;
    context.beginPath();
    for (const track of this.tracks) {
      const place = Replay.place(track, this.now);
      if (!place) continue;
      heads.push(project(place));
      const first = Math.max(0, Replay.before(track.fixes, this.now - tail_ms));
      const last = Replay.before(track.fixes, this.now);
      context.moveTo(...project(track.fixes[first].place));
      for (let index = first + 1; index <= last; ++index) context.lineTo(...project(track.fixes[index].place));
      context.lineTo(...heads.at(-1));
    }
    context.stroke();
    context.globalAlpha = 1;
    context.strokeStyle = colour("--card");
    context.lineWidth = 1.75;
    context.beginPath();
    for (const [x, y] of heads) context.moveTo(x + 5, y), context.arc(x, y, 5, 0, 2 * Math.PI);
    context.fill();
    context.stroke();
  }
}
