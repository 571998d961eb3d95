// One request: what it was, and what came of it.

import { bodySection } from "./body.js";
import { bytes, clock, duration, element, outcome } from "./elements.js";

const HIDDEN = "********";

function table(title, rows) {
  const body = element("tbody");
  for (const [name, value] of rows) {
    const cell = element("td", {}, value);
    if (value.includes(HIDDEN)) {
      cell.className = "hidden";
      cell.title = "hidden: --inspect-show-secrets shows it";
    }
    body.append(element("tr", {}, element("th", { scope: "row" }, name), cell));
  }
  const count = element("span", { className: "facts" }, String(rows.length));
  return element("section", {}, element("h3", {}, title, count), element("table", {}, body));
}

function paramsOf(target) {
  const at = target.indexOf("?");
  return at < 0 ? [] : [...new URLSearchParams(target.slice(at + 1))];
}

export class Detail {
  constructor(place, acts) {
    this.place = place;
    this.acts = acts; // {replay(id), copy(detail), choose(id)}
    this.tab = "response";
    this.asked = 0;
    this.detail = null;
    this.welcome();
  }

  welcome() {
    this.asked++;
    this.detail = null;
    this.place.replaceChildren(document.getElementById("welcome").content.cloneNode(true));
  }

  // The last one asked for is shown, however the answers come.
  async show(id) {
    const asked = ++this.asked;
    const answer = await fetch(`/api/requests/${id}`, { cache: "no-store" });
    const detail = await answer.json();
    if (asked !== this.asked) return;
    if (!answer.ok) {
      this.place.replaceChildren(element("p", { className: "gone" }, detail.error));
      this.detail = null;
      return;
    }
    const panel = await this.panel(detail);
    if (asked !== this.asked) return;
    const isOther = this.detail?.id !== id;
    const scrolled = this.place.querySelector(".panel")?.scrollTop ?? 0;
    this.detail = detail;
    this.place.replaceChildren(this.head(detail), this.tabs(), panel);
    if (!isOther) panel.scrollTop = scrolled;
  }

  head(detail) {
    const { kind, text } = outcome(detail);
    const replay = element("button", { type: "button", id: "replay", className: "main", disabled: detail.refusal !== null }, "Replay");
    replay.title = detail.refusal ?? "Send it to the local service once more (r)";
    replay.addEventListener("click", () => this.acts.replay(detail.id));
    const copy = element("button", { type: "button", id: "copy", title: "Copy as a curl command (c)" }, "Copy as curl");
    copy.addEventListener("click", () => this.acts.copy(detail));
    const facts = [`#${detail.id}`, clock(detail.startedAt), detail.tunnel, detail.peer && `from ${detail.peer}`].filter(Boolean);
    const times = [
      detail.answeredMs !== null && `first byte after ${duration(detail.answeredMs)}`,
      detail.durationMs !== null ? `took ${duration(detail.durationMs)}` : "still running",
      `${bytes(detail.requestBytes)} in, ${bytes(detail.responseBytes)} out`,
    ].filter(Boolean);
    const title = element("h2", {}, element("span", { className: "method" }, detail.method), " ", element("span", { className: "target" }, detail.target));
    title.dataset.method = detail.method;
    const head = element(
      "header",
      { className: "what" },
      element("div", { className: "line" }, element("span", { className: `status ${kind}` }, String(text)), title),
      element("p", { className: "facts" }, [...facts, ...times].join(" · ")),
      element("div", { className: "acts" }, replay, copy, ...this.origin(detail)),
    );
    if (detail.why) head.append(element("p", { className: "why" }, detail.why));
    return head;
  }

  origin(detail) {
    if (detail.replayOf === null) return [];
    const link = element("button", { type: "button", className: "plain" }, `replay of #${detail.replayOf}`);
    link.addEventListener("click", () => this.acts.choose(detail.replayOf));
    return [link];
  }

  tabs() {
    const tabs = ["request", "response"].map((name, index) => {
      const tab = element("button", { type: "button", role: "tab", id: `tab-${name}`, title: `key ${index + 1}` }, name === "request" ? "Request" : "Response");
      tab.setAttribute("aria-selected", String(name === this.tab));
      tab.setAttribute("aria-controls", "panel");
      tab.tabIndex = name === this.tab ? 0 : -1;
      tab.addEventListener("click", () => this.open(name));
      return tab;
    });
    const bar = element("div", { className: "tabs", role: "tablist" }, ...tabs);
    bar.addEventListener("keydown", (event) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      this.open(event.key === "ArrowLeft" ? "request" : "response").then(() => document.getElementById(`tab-${this.tab}`)?.focus());
    });
    return bar;
  }

  async open(tab) {
    this.tab = tab;
    if (this.detail) await this.show(this.detail.id);
  }

  async panel(detail) {
    const side = detail[this.tab];
    const panel = element("div", { className: "panel", id: "panel", role: "tabpanel", tabIndex: 0 });
    panel.setAttribute("aria-labelledby", `tab-${this.tab}`);
    if (side === null) {
      panel.append(element("p", { className: "nothing" }, detail.state === "running" ? "No answer yet." : "There was no answer."));
      return panel;
    }
    const params = this.tab === "request" ? paramsOf(detail.target) : [];
    if (params.length > 0) panel.append(table("Query", params));
    panel.append(table("Headers", side.fields));
    panel.append(await bodySection(`/api/requests/${detail.id}/${this.tab}-body`, side));
    return panel;
  }
}
