// Elements made of text alone: nothing that came through the tunnel is ever read as markup.

export function element(name, properties = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(properties)) {
    if (key in made) made[key] = value;
    else made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = count / 1024;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

export function duration(ms) {
  if (ms === null) return "";
  if (ms < 1) return "<1 ms";
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(ms < 10000 ? 2 : 1)} s`;
  return `${Math.floor(ms / 60000)} min ${Math.round((ms % 60000) / 1000)} s`;
}

export function clock(text) {
  return new Date(text).toLocaleTimeString([], { hour12: false });
}

// What the status says at a glance: a class of style, and a word.
export function outcome(request) {
  if (request.state === "failed") return { kind: "bad", text: request.status ?? "failed" };
  if (request.status === null) return { kind: "running", text: "…" };
  const kinds = { 1: "running", 2: "good", 3: "moved", 4: "wrong", 5: "bad" };
  return { kind: kinds[Math.floor(request.status / 100)] ?? "running", text: request.status };
}
