// The list of requests, the newest first: one row each, shown or hidden by the filter.

import { bytes, clock, duration, element, outcome } from "./elements.js";

export class List {
  constructor(place, chosen) {
    this.place = place;
    this.chosen = chosen; // called with the request's id; null: none is
    this.requests = new Map(); // id: the request, short
    this.rows = new Map(); // id: its row
    this.tunnels = new Set(); // their names: shown when there are several
    this.selected = null;
    this.words = [];
    place.addEventListener("click", (event) => {
      const row = event.target.closest("li");
      if (row) this.select(Number(row.dataset.id));
    });
  }

  // Of an event: those that are new or changed, and who is the oldest that is left.
  update({ oldest, requests }) {
    for (const request of requests) this.put(request);
    for (const id of [...this.rows.keys()]) {
      if (id < oldest) this.drop(id);
    }
  }

  put(request) {
    const { id } = request;
    const row = this.rowOf(request);
    this.requests.set(id, request);
    if (this.rows.has(id)) this.rows.get(id).replaceWith(row);
    else this.place.prepend(row);
    if (id === this.selected && !this.rows.has(id)) row.scrollIntoView({ block: "nearest" });
    this.rows.set(id, row);
    this.tunnels.add(request.tunnel);
    this.place.classList.toggle("several", this.tunnels.size > 1);
  }

  drop(id) {
    this.rows.get(id).remove();
    this.rows.delete(id);
    this.requests.delete(id);
  }

  reset() {
    for (const id of [...this.rows.keys()]) this.drop(id);
  }

  rowOf(request) {
    const { kind, text } = outcome(request);
    const row = element(
      "li",
      { role: "option", id: `request-${request.id}`, hidden: !this.matches(request) },
      element("span", { className: "method" }, request.method),
      element("span", { className: "target", title: request.target }, request.target),
      element("span", { className: `status ${kind}` }, String(text)),
      element(
        "span",
        { className: "below" },
        element("span", {}, clock(request.startedAt)),
        element("span", { className: "origin" }, request.tunnel),
        element("span", { className: "replayed" }, request.replayOf === null ? "" : `replay of #${request.replayOf}`),
        element("span", { className: "size" }, bytes(request.responseBytes)),
        element("span", { className: "took" }, duration(request.durationMs)),
      ),
    );
    row.dataset.id = request.id;
    row.dataset.method = request.method;
    row.setAttribute("aria-selected", String(request.id === this.selected));
    return row;
  }

  // ---- filter: all words, anywhere; 5xx is a class of status ----

  filter(text) {
    this.words = text.toLowerCase().split(/\s+/).filter(Boolean);
    for (const [id, row] of this.rows) row.hidden = !this.matches(this.requests.get(id));
  }

  matches(request) {
    const { method, target, tunnel, state, status, contentType, replayOf } = request;
    const text = [method, target, tunnel, state, status, contentType, replayOf && "replay"].join(" ").toLowerCase();
    return this.words.every((word) => {
      if (/^[1-5]xx$/.test(word)) return String(status)[0] === word[0];
      return text.includes(word);
    });
  }

  shown() {
    return [...this.place.children].filter((row) => !row.hidden);
  }

  // ---- choice ----

  select(id) {
    this.rows.get(this.selected)?.setAttribute("aria-selected", "false");
    this.selected = id;
    const row = this.rows.get(id);
    row?.setAttribute("aria-selected", "true");
    row?.scrollIntoView({ block: "nearest" });
    if (row) this.place.setAttribute("aria-activedescendant", row.id);
    else this.place.removeAttribute("aria-activedescendant");
    this.chosen(id);
  }

  // Down is older.
  move(step) {
    const rows = this.shown();
    if (rows.length === 0) return;
    const at = rows.indexOf(this.rows.get(this.selected));
    const next = at < 0 ? 0 : Math.min(Math.max(at + step, 0), rows.length - 1);
    this.select(Number(rows[next].dataset.id));
  }
}
