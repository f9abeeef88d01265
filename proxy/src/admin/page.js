// Asks /status every two seconds and shows what it says. Names come from the target list, which others write: they are
// only ever set as text.
"use strict";

const PERIOD = 2000; // milliseconds between two questions
const POINTS = 60; // of the graph: two minutes
const ROWS = 500; // the most targets that are shown at once

const at = (id) => document.getElementById(id);
const rows = new Map(); // target id -> its row's cells
const recent = []; // calls per second, the newest last
let before = null; // the last answer, and when it came
let answer = null;
let rates = new Map(); // target id -> calls and failures per second, between the last two answers

function element(name, className, text) {
  const made = document.createElement(name);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

// Writes only what changed: a screen reader, or somebody who selects text, is not disturbed by the rest.
function write(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

function number(value) {
  if (value === null) return "–";
  if (value > 0 && value < 10) return value.toFixed(1);
  return Math.round(value).toLocaleString("en");
}

function plural(count, one, many) {
  return `${count.toLocaleString("en")} ${count === 1 ? one : many}`;
}

function lasting(seconds) {
  if (!(seconds >= 0)) return "";
  if (seconds < 60) return `${Math.floor(seconds)} s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ${Math.floor(seconds / 60) % 60} min`;
  return `${Math.floor(seconds / 86400)} d ${Math.floor(seconds / 3600) % 24} h`;
}

// A counter that shrank began anew, or lost a target.
function rate(now, then, seconds) {
  if (then === undefined || !(seconds > 0)) return null;
  return Math.max(0, now - then) / seconds;
}

const kinds = { healthy: "good", suspect: "doubt", down: "bad" };
const order = { down: 0, suspect: 1, healthy: 3, unknown: 4 };
const rank = (target) => (target.state === "draining" && target.health === "healthy" ? 2 : order[target.health] ?? 4);

function makeRow(target) {
  // On a phone the table is laid out as blocks, which takes its meaning from it unless it is said again.
  const row = element("tr");
  row.role = "row";
  const name = element("th", "", target.id);
  name.scope = "row";
  name.role = "rowheader";
  const cells = { row, address: element("span", "address"), state: element("td", "state"), since: element("td", "since") };
  name.append(cells.address);
  cells.state.role = cells.since.role = "cell";
  row.append(name, cells.state, cells.since);
  for (const [key, label] of [["full", "full"], ["rate", "calls/s"], ["invites", "calls"], ["failed", "failed"]]) {
    cells[key] = element("td", "right");
    cells[key].role = "cell";
    cells[key].dataset.label = label;
    row.append(cells[key]);
  }
  return cells;
}

// What a target says of itself. Where nobody asks, the column is hidden.
function showLoad(cells, load) {
  cells.full.className = load?.stale ? "right full bad" : "right full";
  const closed = load && !load.stale && !load.accepting;
  write(cells.full, !load ? "–" : load.stale ? "stale" : closed ? "closed" : `${Math.round(100 * (1 - load.room))} %`);
  cells.full.title = load
    ? `${load.sessions} of ${load.max_sessions || "?"} sessions, ${load.calls} calls, ${Math.round(load.idle_cpu)} % CPU idle; said at ${load.at}${load.accepting ? "" : "; takes no new calls"}`
    : "it has not said";
}

function showRow(target, now) {
  let cells = rows.get(target.id);
  if (!cells) rows.set(target.id, (cells = makeRow(target)));
  const ports = target.endpoints.map((endpoint) => endpoint.address);
  write(cells.address, ports.length ? [...new Set(ports)].join("  ") : target.address);
  const looks = `${target.health} ${target.state} ${target.drained}`;
  if (cells.looks !== looks) {
    cells.looks = looks;
    cells.state.replaceChildren(element("span", `pill ${kinds[target.health] ?? ""}`, target.health));
    if (target.state === "draining") {
      const why = target.drained ? "drained" : "draining";
      const pill = element("span", "pill", why);
      pill.title = target.drained ? "by an operator, at this proxy" : "by the target list";
      cells.state.append(" ", pill);
    }
  }
  showLoad(cells, target.load);
  const since = Date.parse(target.since);
  write(cells.since, Number.isNaN(since) ? "" : `for ${lasting(Math.max(0, (now - since) / 1000))}`);
  cells.since.title = target.since;
  write(cells.rate, number(rates.get(target.id)?.calls ?? null));
  write(cells.invites, target.invites.toLocaleString("en"));
  write(cells.failed, target.failed.toLocaleString("en"));
  cells.failed.className = rates.get(target.id)?.failures > 0 ? "right bad" : "right";
  return cells.row;
}

function showTargets() {
  const now = Date.now();
  const wanted = at("filter").value.trim().toLowerCase();
  const matches = (target) => `${target.id} ${target.address}`.toLowerCase().includes(wanted);
  const found = answer.targets.filter(matches).sort((a, b) => rank(a) - rank(b) || (a.id < b.id ? -1 : 1));
  const shown = found.slice(0, ROWS).map((target) => showRow(target, now));
  const body = at("targets");
  shown.forEach((row, place) => {
    if (body.children[place] !== row) body.insertBefore(row, body.children[place] ?? null);
  });
  while (body.children.length > shown.length) body.lastElementChild.remove();
  const known = new Set(answer.targets.map((target) => target.id));
  for (const id of rows.keys()) if (!known.has(id)) rows.delete(id);
  let note = "";
  if (found.length > ROWS) note = `${found.length - ROWS} more: filter to see them`;
  else if (!found.length) note = answer.targets.length ? "No target has such a name or address." : "There are no targets: new calls are refused.";
  write(at("none"), note);
  at("none").hidden = !note;
}

function showFigures(seconds) {
  const calls = rate(answer.invites, before?.total, seconds);
  const failures = rate(answer.failed, before?.failed, seconds);
  write(at("calls"), number(calls));
  write(at("failures"), number(failures));
  at("failures").className = failures > 0 ? "number bad" : "number";
  write(at("failed"), `${plural(answer.failed, "call", "calls")} that a target did not answer`);
  write(at("refusals"), number(rate(answer.refused, before?.refused, seconds)));
  write(at("refused"), `${plural(answer.refused, "answer", "answers")} of the proxy's own, 4xx and above`);
  const up = answer.targets.filter((target) => target.health !== "down").length;
  write(at("up"), `${up} of ${answer.targets.length}`);
  at("up").className = up === 0 ? "number bad" : up < answer.targets.length ? "number doubt" : "number";
  const draining = answer.targets.filter((target) => target.state === "draining").length;
  const probing = answer.probing ? "" : " – not probed";
  write(at("draining"), `${draining ? draining : "none"} draining${probing}`);
  if (calls !== null) {
    recent.push(calls);
    if (recent.length > POINTS) recent.shift();
    drawGraph();
  }
}

function drawGraph() {
  const [width, height] = [240, 46];
  const top = Math.max(1, ...recent);
  const x = (place) => (width * (POINTS - recent.length + place)) / (POINTS - 1);
  const points = recent.map((value, place) => `${x(place).toFixed(1)},${(1 + height - (height * value) / top).toFixed(1)}`);
  const floor = height + 2;
  at("line").setAttribute("d", `M${points.join("L")}`);
  at("area").setAttribute("d", `M${x(0).toFixed(1)},${floor}L${points.join("L")}L${width},${floor}Z`);
  at("graph").setAttribute("aria-label", `Calls per second, last two minutes; at most ${number(top)}`);
}

function showState() {
  document.body.classList.toggle("polling", answer.polling);
  const ready = answer.readiness === "ready";
  write(at("readiness"), answer.readiness);
  at("readiness").className = ready ? "pill good" : "pill doubt";
  write(at("about"), `version ${answer.version} · up ${lasting(answer.uptime_seconds)} · ${plural(answer.connections, "TCP connection", "TCP connections")}`);
}

async function ask() {
  try {
    const response = await fetch("status", { cache: "no-store", signal: AbortSignal.timeout(5000) });
    if (!response.ok) throw new Error(`HTTP ${response.status}`);
    answer = await response.json();
    const now = performance.now();
    const seconds = before ? (now - before.at) / 1000 : 0;
    showState();
    showFigures(seconds);
    const then = before?.targets;
    rates = new Map(answer.targets.map((target) => [target.id, {
      calls: rate(target.invites, then?.get(target.id)?.invites, seconds),
      failures: rate(target.failed, then?.get(target.id)?.failed, seconds),
    }]));
    showTargets();
    const targets = new Map(answer.targets.map((target) => [target.id, target]));
    before = { at: now, total: answer.invites, failed: answer.failed, refused: answer.refused, targets };
    at("trouble").hidden = true;
  } catch (error) {
    write(at("trouble"), `The proxy does not answer (${error.message}). What stands here is old.`);
    at("trouble").hidden = false;
    write(at("readiness"), "no answer");
    at("readiness").className = "pill bad";
  }
  setTimeout(ask, PERIOD);
}

at("filter").addEventListener("input", () => answer && showTargets());
ask();
