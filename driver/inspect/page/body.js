// A body as text or hex, whichever tells more. It is never rendered as what it claims to be.

import { bytes, element } from "./elements.js";

const HEX_COLUMNS = 16;

function textOf(body, isWhole) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true }).decode(body, { stream: !isWhole });
    return /[\0-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f]/.test(text) ? null : text;
  } catch {
    return null;
  }
}

export function hexOf(body) {
  const lines = [];
  for (let at = 0; at < body.length; at += HEX_COLUMNS) {
    const line = [...body.subarray(at, at + HEX_COLUMNS)];
    const digits = line.map((byte) => byte.toString(16).padStart(2, "0"));
    const halves = [digits.slice(0, 8).join(" "), digits.slice(8).join(" ")].join("  ");
    const letters = line.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : "·")).join("");
    lines.push(`${at.toString(16).padStart(6, "0")}  ${halves.padEnd(HEX_COLUMNS * 3)}  ${letters}`);
  }
  return lines.join("\n");
}

// Indents JSON as it was written: numbers and escapes stay what they are. null: it is none.
const TOKEN = /("(?:[^"\\]|\\.)*")|(-?\d[\d.eE+-]*)|(true|false|null)|([{}[\],:])/g;

function jsonOf(text) {
  try {
    JSON.parse(text);
  } catch {
    return null;
  }
  const out = document.createDocumentFragment();
  const tokens = [...text.matchAll(TOKEN)];
  let depth = 0;
  const line = () => out.append("\n" + "  ".repeat(depth));
  tokens.forEach(([token, string, number, word], index) => {
    const next = tokens[index + 1]?.[0];
    if (string !== undefined) out.append(element("span", { className: next === ":" ? "key" : "string" }, token));
    else if (number !== undefined) out.append(element("span", { className: "number" }, token));
    else if (word !== undefined) out.append(element("span", { className: "word" }, token));
    else if (token === "{" || token === "[") {
      out.append(token);
      const isEmpty = next === "}" || next === "]";
      depth++;
      if (!isEmpty) line();
    } else if (token === "}" || token === "]") {
      const before = tokens[index - 1]?.[0];
      depth--;
      if (before !== "{" && before !== "[") line();
      out.append(token);
    } else if (token === ",") {
      out.append(token);
      line();
    } else out.append(": ");
  });
  return out;
}

function formOf(text) {
  return [...new URLSearchParams(text)].map(([name, value]) => `${name} = ${value}`).join("\n");
}

// [[name, what to show]...], the best first.
function viewsOf(body, isWhole, type, encoding) {
  const hex = ["Hex", () => hexOf(body)];
  const text = encoding ? null : textOf(body, isWhole);
  if (text === null) return [hex];
  const views = [["Text", () => text], hex];
  const json = isWhole && text.length > 0 && /json|^$/i.test(type) ? jsonOf(text) : null;
  if (json !== null) views.unshift(["Pretty", () => jsonOf(text)]);
  else if (isWhole && /x-www-form-urlencoded/i.test(type)) views.unshift(["Pretty", () => formOf(text)]);
  return views;
}

export function fieldOf(fields, wanted) {
  return fields.find(([name]) => name.toLowerCase() === wanted)?.[1] ?? "";
}

export async function bodySection(path, side) {
  const { fields, body } = side;
  const section = element("section", { className: "body" });
  const title = element("h3", {}, "Body");
  section.append(title);
  if (body.bytes === 0) {
    section.append(element("p", { className: "nothing" }, "none"));
    return section;
  }
  const answer = await fetch(path, { cache: "no-store" });
  if (!answer.ok) throw new Error("this request is not there any more");
  const got = new Uint8Array(await answer.arrayBuffer());
  const isWhole = got.length === body.bytes;
  const encoding = fieldOf(fields, "content-encoding").replace(/^identity$/i, "");
  const type = fieldOf(fields, "content-type");
  const views = viewsOf(got, isWhole, type, encoding);
  const facts = [bytes(body.bytes), type, encoding && `compressed: ${encoding}`].filter(Boolean).join(" · ");
  const shown = element("pre", { className: "shown", tabIndex: 0 });
  const choices = views.map(([name, make]) => {
    const button = element("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      for (const other of choices) other.setAttribute("aria-pressed", String(other === button));
      shown.className = name === "Hex" ? "shown hex" : "shown";
      shown.replaceChildren(make());
    });
    return button;
  });
  const tools = element("span", { className: "tools", role: "group", "aria-label": "How the body is shown" }, ...choices);
  tools.append(element("a", { href: path, download: "" }, "Download"));
  title.append(element("span", { className: "facts" }, facts), tools);
  if (!isWhole) {
    section.append(element("p", { className: "cut" }, `The first ${bytes(got.length)} of ${bytes(body.bytes)} were kept.`));
  }
  section.append(shown);
  choices[0].click();
  return section;
}
