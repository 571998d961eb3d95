// A request as a curl command for a POSIX shell, to where the visitor sent it.

import { fieldOf } from "./body.js";

const LEFT_OUT = /^(host|content-length|transfer-encoding|connection|x-forwarded-.*|forwarded|expect)$/i;

function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function urlOf({ target, request }) {
  const scheme = fieldOf(request.fields, "x-forwarded-proto") === "https" ? "https" : "http";
  const host = fieldOf(request.fields, "x-forwarded-host") || fieldOf(request.fields, "host") || "localhost";
  return `${scheme}://${host}${target.startsWith("/") ? target : "/"}`;
}

// `body`: its bytes.
export function curlOf(detail, body) {
  const words = ["curl"];
  const { method, target, request } = detail;
  if (method === "HEAD") words.push("--head");
  else if (method !== (body.length > 0 ? "POST" : "GET")) words.push("--request " + quoted(method));
  if (/[[\]{}]/.test(target)) words.push("--globoff");
  if (/\/\.{1,2}(\/|\?|$)/.test(target)) words.push("--path-as-is");
  for (const [name, value] of request.fields) {
    if (!LEFT_OUT.test(name)) words.push("--header " + quoted(value === "" ? `${name};` : `${name}: ${value}`));
  }
  if (body.length > 0) {
    if (!fieldOf(request.fields, "content-type")) words.push("--header 'content-type:'");
    words.push(dataOf(detail, body));
  }
  words.push(quoted(urlOf(detail)));
  return words.join(" \\\n  ");
}

// What a shell's word cannot hold comes from the file that the page offers for download.
function dataOf(detail, body) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
    if (!text.includes("\0") && detail.request.body.bytes === body.length) return "--data-raw " + quoted(text);
  } catch {
    // not text
  }
  return "--data-binary @request-body";
}
