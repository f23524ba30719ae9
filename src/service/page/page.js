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

function row(body, cells) {
  const line = body.insertRow();
  for (const cell of cells) line.insertCell().textContent = cell;
}

function fill(id, lines) {
  const body = $(id).tBodies[0];
  body.replaceChildren();
  for (const cells of lines) row(body, cells);
}

function age(seconds) {
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172800) return `${Math.round(seconds / 3600)} h`;
  return `${Math.round(seconds / 86400)} days`;
}

async function galleries() {
  const { galleries } = await ask("/v1/galleries");
  fill("galleries", galleries.map((g) => [g.name, g.kind, g.entries, g.photodna, g.pdq, g.version, age(g.age_s)]));
  return galleries.length;
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

// The text has bit 255 first; bit 16·i + j is row frequency i + 1, column frequency j + 1.
function drawBits(hexadecimal) {
  const paint = $("pdq").getContext("2d");
  for (let k = 0; k < 256; k++) {
    const digit = parseInt(hexadecimal[63 - Math.floor(k / 4)], 16);
    paint.fillStyle = (digit >> k % 4) & 1 ? "#fff" : "#000";
    paint.fillRect((k % 16) * 15, Math.floor(k / 16) * 15, 15, 15);
  }
}

function show(record) {
  $("result").hidden = false;
  $("record").textContent = JSON.stringify(record, null, 1);
  const matches = record.matches ?? [];
  $("matches").hidden = matches.length === 0;
  fill("matches", matches.map((m) => [m.gallery, m.label, m.key, m.algorithm, m.distance, m.orientation]));
  const entries = (record.checked ?? []).reduce((sum, one) => sum + one.entries, 0);
  if (record.status !== "ok") $("verdict").textContent = `${record.error_code}: ${record.error_message}`;
  else if (record.matched) $("verdict").textContent = `${matches.length} matches among ${entries} entries`;
  else if (record.matched === false) $("verdict").textContent = `No match among ${entries} entries`;
  else $("verdict").textContent = "Hashed; no gallery was searched";
  for (const reason of record.unsearched ?? []) $("verdict").textContent += ` · not looked up: ${reason}`;
  if (record.photodna) drawGradients(record.photodna);
  if (record.pdq) drawBits(record.pdq);
}

async function look(file) {
  $("said").textContent = "";
  try {
    let count = 0;
    // A key may look pictures up and not see the list.
    try { count = await galleries(); } catch { count = 1; }
    const path = count > 0 ? "/v1/match?orientations=all" : "/v1/hash";
    show(await ask(path, { method: "POST", body: file, headers: { "Content-Type": "application/octet-stream" } }));
  } catch (error) {
    $("said").textContent = error.message;
  }
}

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

state();
setInterval(state, 5000);
galleries().catch(() => {});
