// The page: what is live, the keys, and what the buttons do.

import { curlOf } from "./curl.js";
import { Detail } from "./detail.js";
import { List } from "./list.js";

const at = (id) => document.getElementById(id);
let token = "";
let toastTimer = 0;

function toast(text) {
  at("toast").textContent = text;
  at("toast").hidden = false;
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => (at("toast").hidden = true), 3500);
}

const unanswered = () => toast("The tunnel does not answer");

// What has an effect; the answer's JSON, or nothing when it was refused, which is told.
async function act(path) {
  const answer = await fetch(path, { method: "POST", headers: { "x-inspect-token": token } });
  const said = JSON.parse((await answer.text()) || "{}");
  if (answer.ok) return said;
  toast(said.error);
  return null;
}

async function replay(id) {
  const begun = await act(`/api/requests/${id}/replay`);
  if (begun === null) return;
  detail.tab = "response";
  list.select(begun.id);
  toast(`Sent again, as #${begun.id}`);
}

async function copy(shown) {
  const body = await fetch(`/api/requests/${shown.id}/request-body`, { cache: "no-store" });
  const command = curlOf(shown, new Uint8Array(await body.arrayBuffer()));
  try {
    await navigator.clipboard.writeText(command);
    toast(command.includes("********") ? "Copied; put in yourself what is hidden as ********" : "Copied");
  } catch {
    toast("The browser does not let this page copy");
  }
}

const list = new List(at("list"), (id) => (id === null ? detail.welcome() : show(id)));
const detail = new Detail(at("detail"), {
  replay: (id) => replay(id).catch(unanswered),
  copy: (shown) => copy(shown).catch(unanswered),
  choose: (id) => list.select(id),
});

function show(id) {
  detail.show(id).catch(unanswered);
}

function count() {
  const all = list.requests.size;
  const shown = list.shown().length;
  const texts = [all === 0 ? "No requests yet" : `${all} request${all === 1 ? "" : "s"}`];
  if (shown !== all) texts.push(`${shown} shown`);
  at("count").textContent = texts.join(", ");
}

// ---- live ----

function follow() {
  const events = new EventSource("/api/events");
  let isFirst = false; // after (re)connecting all are told, maybe by another process
  events.addEventListener("open", async () => {
    isFirst = true;
    link("live");
    const info = await (await fetch("/api/info", { cache: "no-store" })).json();
    token = info.token;
    at("secrets").textContent = info.showsSecrets ? "secrets are shown" : "secrets are hidden";
    at("secrets").className = info.showsSecrets ? "loud" : "";
  });
  events.addEventListener("error", () => link("gone"));
  events.addEventListener("requests", (event) => {
    const change = JSON.parse(event.data);
    const isAnew = isFirst;
    isFirst = false;
    if (isAnew) list.reset();
    list.update(change);
    count();
    if (isAnew && list.selected !== null && !list.requests.has(list.selected)) list.select(null);
    if (list.selected === null) return;
    if (list.selected < change.oldest) list.select(null);
    else if (change.requests.some((request) => request.id === list.selected)) show(list.selected);
  });
}

function link(state) {
  at("link").className = `link ${state}`;
  at("link").textContent = state === "live" ? "live" : "the tunnel has ended";
}

// ---- keys ----

const KEYS = {
  ArrowDown: () => list.move(1),
  j: () => list.move(1),
  ArrowUp: () => list.move(-1),
  k: () => list.move(-1),
  Home: () => list.move(-Infinity),
  End: () => list.move(Infinity),
  1: () => detail.open("request"),
  2: () => detail.open("response"),
  r: () => at("replay")?.click(),
  c: () => at("copy")?.click(),
  "/": () => at("filter").focus(),
};

// May be held down.
const MOVES = new Set(["ArrowDown", "ArrowUp", "j", "k"]);
// Scrolls, instead.
const isReading = (target) => target.closest(".panel") !== null;
const SCROLLS = new Set(["ArrowDown", "ArrowUp", "Home", "End"]);

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.metaKey || event.altKey || !Object.hasOwn(KEYS, key)) return;
  if (target === at("filter") && key !== "ArrowDown" && key !== "ArrowUp") return;
  if (event.repeat && !MOVES.has(key)) return;
  if (isReading(target) && SCROLLS.has(key)) return;
  event.preventDefault();
  KEYS[key]();
});

at("filter").addEventListener("input", () => {
  list.filter(at("filter").value);
  count();
});
at("filter").addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    at("filter").value = "";
    list.filter("");
    count();
  }
  if (event.key === "Escape" || event.key === "Enter") at("list").focus();
});
at("clear").addEventListener("click", () => act("/api/clear").catch(unanswered));

follow();
