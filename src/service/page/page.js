// Asks the API like any other client. Texts from answers are set as text, never as markup.
"use strict";

const $ = (id) => document.getElementById(id);

function headers() {
  const key = $("key").value.trim();
  return key ? { Authorization: `Bearer ${key}` } : {};
}

async function ask(path, options = {}) {
  const answer = await fetch(path, { ...options, headers: { ...headers(), ...options.headers } });
  const body = await answer.json();
  if (answer.headers.get("Content-Type") === "application/problem+json") {
    throw new Error(`${body.status}: ${body.detail}`);
  }
  return body;
}

function fill(id, lines) {
  const heads = $(id).tHead?.rows[0].cells ?? [];
  const body = $(id).tBodies[0];
  body.replaceChildren();
  for (const cells of lines) {
    const line = body.insertRow();
    cells.forEach((text, column) => {
      const cell = line.insertCell();
      cell.textContent = text ?? "";
      if (heads[column]?.className) cell.className = heads[column].className;
    });
  }
}

function counted(count, one, many) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

function age(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

async function galleries() {
  const { galleries } = await ask("/v1/galleries");
  const numbers = (g) => [g.entries, g.photodna, g.pdq].map((count) => count.toLocaleString("en"));
  fill("galleries", galleries.map((g) => [g.name, g.kind, ...numbers(g), g.version, `${age(g.age_s)} ago`]));
  return galleries.length;
}

let before = null;

// Rates are differences of what the service has counted since its start.
async function rates() {
  const { totals, in_flight_bytes } = await ask("/v1/totals");
  const now = { at: performance.now(), ...totals };
  if (before) {
    const seconds = (now.at - before.at) / 1000;
    for (const name of ["pictures", "lookups", "refused"]) {
      const rate = Math.max(0, now[name] - before[name]) / seconds;
      $(name).textContent = rate < 10 ? rate.toFixed(1) : Math.round(rate).toLocaleString("en");
    }
  }
  before = now;
  $("held").textContent = `${(in_flight_bytes / 1e6).toFixed(1)} MB`;
}

async function state() {
  try {
    const answer = await fetch("/readyz");
    const { ready, reasons } = await answer.json();
    $("state").textContent = ready ? "ready" : reasons.join(", ");
  } catch {
    $("state").textContent = "does not answer";
  }
}

// Each cell has four quarters: right and left fall above, downward and upward fall below; the brighter the larger.
function drawGradients(base64) {
  const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
  const paint = $("photodna").getContext("2d");
  const most = Math.max(1, ...bytes);
  bytes.forEach((value, at) => {
    const [cell, part] = [Math.floor(at / 4), at % 4];
    const [x, y] = [(cell % 6) * 40 + (part % 2) * 20, Math.floor(cell / 6) * 40 + Math.floor(part / 2) * 20];
    const grey = Math.round((value / most) * 255);
    paint.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    paint.fillRect(x, y, 20, 20);
  });
}

// The darkest point is black, the brightest white: only differences count.
function drawGrid(points) {
  const paint = $("grid").getContext("2d");
  const [least, most] = [Math.min(...points), Math.max(...points)];
  points.forEach((value, at) => {
    const grey = Math.round(((value - least) / Math.max(1, most - least)) * 255);
    paint.fillStyle = `rgb(${grey} ${grey} ${grey})`;
    paint.fillRect(at % 26, Math.floor(at / 26), 1, 1);
  });
}

// The text has bit 255 first; bit 16·i + j is row frequency i + 1, column frequency j + 1.
function drawBits(hexadecimal) {
  const paint = $("pdq").getContext("2d");
  for (let k = 0; k < 256; k++) {
    const digit = parseInt(hexadecimal[63 - Math.floor(k / 4)], 16);
    paint.fillStyle = (digit >> k % 4) & 1 ? "#fff" : "#000";
    paint.fillRect((k % 16) * 15, Math.floor(k / 16) * 15, 15, 15);
  }
}

function verdict(record) {
  const entries = counted((record.checked ?? []).reduce((sum, one) => sum + one.entries, 0), "entry", "entries");
  if (record.status !== "ok") return ["failed", `${record.error_code}: ${record.error_message}`];
  if (record.matched) return ["match", `${counted(record.matches.length, "match", "matches")} among ${entries}`];
  if (record.matched === false) return ["none", `No match among ${entries}`];
  return ["", "Hashed; no gallery was searched"];
}

// The thresholds that hold where a request names none: squared Euclidean distance, and bits.
const THRESHOLDS = { photodna: 40000, pdq: 31, "pdq-512": 31 };
// Shown otherwise, or the same under another name.
const ELSEWHERE = new Set(["matches", "matched", "unsearched", "checked", "photodna", "pdq", "grid", "key", "path", "code", "message"]);

function show(record) {
  $("result").hidden = false;
  const { grid, ...plain } = record;
  $("record").textContent = JSON.stringify(plain, null, 1);
  const matches = record.matches ?? [];
  $("matches").hidden = matches.length === 0;
  const cells = (m) => [m.gallery, m.key, m.label, m.algorithm, m.distance, THRESHOLDS[m.algorithm], m.orientation, m.face];
  fill("matches", matches.map(cells));
  [$("verdict").className, $("verdict").textContent] = verdict(record);
  $("unsearched").textContent = (record.unsearched ?? []).map((reason) => `Not looked up: ${reason}.`).join(" ");
  const fields = Object.entries(record).filter(([name]) => !ELSEWHERE.has(name));
  const text = (value) => (Array.isArray(value) && value.length === 0 ? "none" : typeof value === "object" ? JSON.stringify(value) : value);
  fill("fields", fields.map(([name, value]) => [name, text(value)]));
  for (const figure of document.querySelectorAll(".signature")) figure.hidden = !record[figure.firstElementChild.id];
  if (grid) drawGrid(grid);
  if (record.photodna) drawGradients(record.photodna);
  if (record.pdq) drawBits(record.pdq);
}

let address = null;

// Blurred and grey until a person asks for more.
function preview(file) {
  if (address) URL.revokeObjectURL(address);
  address = URL.createObjectURL(file);
  $("picture").className = "";
  $("picture").src = address;
  $("preview").hidden = false;
  $("reveal").textContent = "Show it";
}

$("picture").addEventListener("error", () => { $("preview").hidden = true; });
$("reveal").addEventListener("click", () => {
  $("reveal").textContent = $("picture").classList.toggle("shown") ? "Hide it" : "Show it";
});

async function send(body, type) {
  $("said").textContent = "";
  $("result").hidden = true;
  try {
    let count = 0;
    // A key may look pictures up and not see the list.
    try { count = await galleries(); } catch { count = 1; }
    const path = count > 0 ? "/v1/match?orientations=all&grid=1" : "/v1/hash?grid=1";
    return await ask(path, { method: "POST", body, headers: { "Content-Type": type } });
  } catch (error) {
    $("said").textContent = error.message;
    return null;
  }
}

async function look(file) {
  const record = await send(file, "application/octet-stream");
  if (!record) return;
  preview(file);
  show(record);
}

// The service fetches it; the browser never does, so there is nothing to show.
async function lookAt(url) {
  const answer = await send(JSON.stringify({ pictures: [{ url }] }), "application/json");
  if (!answer) return;
  $("preview").hidden = true;
  show(answer.records[0]);
}

$("fetch").addEventListener("submit", (event) => {
  event.preventDefault();
  const url = $("at").value.trim();
  if (url) lookAt(url);
});

$("file").addEventListener("change", () => { if ($("file").files[0]) look($("file").files[0]); });
$("key").addEventListener("change", () => galleries().catch((error) => { $("said").textContent = error.message; }));
for (const kind of ["dragenter", "dragover"]) {
  $("drop").addEventListener(kind, (event) => { event.preventDefault(); $("drop").classList.add("over"); });
}
$("drop").addEventListener("dragleave", () => $("drop").classList.remove("over"));
$("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  if (event.dataTransfer.files[0]) look(event.dataTransfer.files[0]);
});

document.addEventListener("paste", (event) => {
  const file = event.clipboardData?.files[0];
  if (file) look(file);
});

// A key that sees neither has neither shown.
function refresh() {
  state();
  rates().catch(() => {});
}

refresh();
setInterval(refresh, 2000);
galleries().catch(() => {});
setInterval(() => galleries().catch(() => {}), 10000);
