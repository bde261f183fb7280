// The dashboard: counts, a live table of changes, and the life of a signing request.
// Everything that came from outside is written as text, never as markup.

const ROWS_MAX = 100;
const SECONDS = 60;
const $ = (id) => document.getElementById(id);

const state = {
  token: sessionStorage.getItem("token"),
  last: null, // the last position seen
  paused: false,
  held: [], // rows that came while paused
  buckets: new Array(SECONDS).fill(0),
  broker: false,
  counts: true, // whether the token may see them
};

/** An element with attributes and children; texts stay texts. */
function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    node.setAttribute(name, value === true ? "" : value);
  }
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

class Refused extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** Asks the API; errors carry the API's own words. */
async function ask(path, headers = {}, options = {}) {
  if (state.token) headers.authorization = `Bearer ${state.token}`;
  const answer = await fetch(path, { headers, cache: "no-store", ...options });
  if (answer.ok) return answer;
  const problem = await answer.json().catch(() => ({}));
  throw new Refused(answer.status, problem.message || `the server answered ${answer.status}`);
}

const json = async (path) => (await ask(path)).json();
const sleep = (ms) => new Promise((done) => setTimeout(done, ms));

function notice(text) {
  $("notice").textContent = text || "";
  $("notice").hidden = !text;
}

/** Shows what is in the way; true where only the reader can clear it. */
function blocked(error) {
  if (error.status === 401) {
    $("token-form").hidden = false;
    notice(state.token ? error.message : "");
    link("lost", "a token is needed");
    return true;
  }
  if (error.status === 403) {
    notice(error.message);
    link("lost", "not let in");
    return true;
  }
  return false;
}

function link(to, text) {
  $("link").dataset.state = to;
  $("link").textContent = text;
}

// ---- counts ---------------------------------------------------------------------------------------------------

const number = new Intl.NumberFormat();

function count(name, value) {
  const cell = document.querySelector(`[data-count="${name}"]`);
  cell.textContent = number.format(value);
  cell.parentElement.toggleAttribute("data-raised", value > 0);
}

function span(seconds) {
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  return `${Math.round(seconds / 3600)} h`;
}

async function refreshCounts() {
  const totals = await json("/v1/totals");
  for (const name of ["accepted", "duplicates", "quarantined", "published", "backlog", "signing_requests"]) {
    count(name, totals[name]);
  }
  count("refused", totals.since_start.refused);
  count("enriched", totals.since_start.enriched);
  $("backlog-age").textContent = totals.backlog ? `for ${span(totals.backlog_age_seconds)}` : "";
  // Without a broker nothing is late: the backlog is what the feed has.
  if (!totals.broker.configured) document.querySelector('[data-count="backlog"]').parentElement.removeAttribute("data-raised");
  const { configured, connected, blocked: stopped, topology_faults: faults } = totals.broker;
  state.broker = configured;
  $("broker").hidden = false;
  const sound = connected && !stopped && !faults;
  $("broker").dataset.state = !configured ? "off" : sound ? "live" : connected ? "waiting" : "lost";
  $("broker").textContent = !configured ? "no broker: read the feed"
    : !connected ? "broker away: changes wait" : stopped ? "broker blocks: changes wait"
    : faults ? "broker: part of its topology is missing" : "broker connected";
  const wrong = totals.imbalances;
  $("books").hidden = false;
  $("books").dataset.state = wrong.length ? "lost" : "live";
  $("books").textContent = wrong.length ? "the books do not balance" : "books balanced";
  $("books").title = wrong.join("\n");
}

// ---- the table --------------------------------------------------------------------------------------------------

const TONES = {
  completed: "good", signed: "good", delivered: "blue", sent: "blue", created: "calm", correct: "warn",
  declined: "bad", voided: "bad", deleted: "bad", autoresponded: "warn",
  late: "warn", conflict: "bad", advance: "good",
};

const badge = (text, tone) => el("span", { class: "badge", "data-tone": TONES[tone ?? text] ?? "calm" }, text);

function clock(text) {
  const at = new Date(text);
  const today = at.toDateString() === new Date().toDateString();
  const shown = at.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  const day = today ? "" : `${at.toLocaleDateString([], { month: "short", day: "numeric" })} `;
  return el("time", { datetime: text, title: at.toLocaleString() }, day + shown);
}

function tick(published) {
  const label = published ? "published" : "waits";
  return el("span", { class: "tick", "data-out": String(published), title: label, role: "img", "aria-label": label },
    published ? "✓" : "…");
}

/** What a change is about, and how to look at it. */
function about(change) {
  const request = change.signing_request;
  if (!request) return el("span", {}, change.subject?.name || change.subject?.id || "account");
  const open = el("button", { type: "button", class: "open" }, request.name || request.id);
  open.addEventListener("click", () => showLife(request.id, change.account.id));
  const cell = el("span", {}, open);
  if (change.participant) {
    cell.append(el("span", { class: "who" }, change.participant.name || `participant ${change.participant.id}`));
  }
  return cell;
}

function line(row, fresh) {
  const [kind, what] = row.routing_key.split(".");
  return el("tr", { "data-position": row.position, class: fresh ? "new" : null },
    el("td", {}, clock(row.change.occurred_at)),
    el("td", { title: row.routing_key }, kind.replace("_", " ")),
    el("td", {}, badge(what)),
    el("td", {}, about(row.change)),
    el("td", {}, row.change.verdict ? badge(row.change.verdict) : row.change.error ? badge("failed", "declined") : badge("fetched", "delivered")),
    el("td", { class: "number" }, String(row.sequence)),
    el("td", {}, tick(row.published)));
}

/** Puts rows, oldest first, on top of the table. */
function show(rows, fresh) {
  const body = document.querySelector("#changes tbody");
  const newest = rows.slice(-ROWS_MAX).reverse();
  body.prepend(...newest.map((row) => line(row, fresh)));
  while (body.rows.length > ROWS_MAX) body.deleteRow(-1);
  $("empty").hidden = body.rows.length > 0;
}

/** Rows come before the broker has them: those still waiting are looked at again. */
async function refreshTicks() {
  if (!state.broker || !document.querySelector('#changes .tick[data-out="false"]')) return;
  const page = await json(`/v1/changes?order=desc&limit=${ROWS_MAX}`);
  for (const row of page.result) {
    const old = document.querySelector(`#changes tr[data-position="${row.position}"] .tick`);
    if (old && row.published) old.replaceWith(tick(true));
  }
}

$("pause").addEventListener("click", () => {
  state.paused = !state.paused;
  $("pause").setAttribute("aria-pressed", String(state.paused));
  $("pause").textContent = state.paused ? "Resume" : "Pause";
  if (!state.paused) show(state.held.splice(0), true);
});

// ---- the pulse --------------------------------------------------------------------------------------------------

function drawPulse() {
  const most = Math.max(1, ...state.buckets);
  const points = state.buckets.map((n, i) => [(i * 300) / (SECONDS - 1), 54 - (n / most) * 50]);
  const path = "M" + points.map(([x, y]) => `${x.toFixed(1)} ${y.toFixed(1)}`).join("L");
  document.querySelector("#spark .line").setAttribute("d", path);
  document.querySelector("#spark .area").setAttribute("d", `${path}L300 56L0 56Z`);
  const recent = state.buckets.slice(-6, -1).reduce((sum, n) => sum + n, 0) / 5;
  $("rate").textContent = recent >= 10 ? Math.round(recent) : recent.toFixed(1);
}

function turn() {
  drawPulse();
  state.buckets.push(0);
  state.buckets.shift();
}

// ---- the stream -------------------------------------------------------------------------------------------------

/** Server-sent events over fetch, because EventSource can send no token. */
async function* events(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    rest += value;
    const blocks = rest.split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const event = { id: null, data: [] };
      for (const field of block.split("\n")) {
        if (field.startsWith("id: ")) event.id = field.slice(4);
        if (field.startsWith("data: ")) event.data.push(field.slice(6));
      }
      yield event;
    }
  }
}

async function begin() {
  const page = await json("/v1/changes?order=desc&limit=50");
  document.querySelector("#changes tbody").replaceChildren();
  state.held = [];
  show(page.result.reverse(), false);
  state.last = page.result.at(-1)?.position ?? 0;
  $("token-form").hidden = true;
  notice("");
}

async function follow() {
  let pause = 1000;
  for (;;) {
    try {
      if (state.last === null) await begin();
      const answer = await ask("/v1/changes/stream", { "last-event-id": String(state.last) });
      link("live", "live");
      notice("");
      pause = 1000;
      for await (const event of events(answer)) {
        if (event.id !== null) state.last = event.id;
        if (!event.data.length) continue;
        state.buckets[SECONDS - 1] += 1;
        const row = JSON.parse(event.data.join("\n"));
        if (state.paused) state.held = [...state.held, row].slice(-ROWS_MAX);
        else show([row], true);
      }
    } catch (error) {
      if (blocked(error)) return;
      if (error.status === 409) state.last = null; // another store: begin anew
    }
    link("lost", "lost: trying again");
    await sleep(pause);
    pause = Math.min(pause * 2, 15000);
  }
}

// ---- the life of a signing request ------------------------------------------------------------------------------

const STEPS = ["created", "sent", "delivered", "completed"];
const RANKS = { created: 1, sent: 2, autoresponded: 2, delivered: 3, signed: 3, completed: 4, declined: 4 };

function person(participant) {
  const id = participant.status?.id;
  const steps = el("span", { class: "steps", "data-tone": TONES[id], "aria-hidden": "true" });
  STEPS.forEach((_, index) => steps.append(el("i", { "data-done": index < (RANKS[id] ?? 0) })));
  const order = participant.routing_order ? `${participant.routing_order}. ` : "";
  return el("li", {},
    el("span", {}, order + (participant.name || `participant ${participant.id}`)),
    badge(participant.status?.name ?? "unknown", id), steps);
}

/** How long a step took after the one before it. */
function took(step) {
  const ms = step.took_ms;
  return ms === null || ms === undefined ? "" : el("small", {}, ms < 10000 ? `+${ms} ms` : `+${span(Math.round(ms / 1000))}`);
}

function mile(step) {
  const node = el("li", { "data-mile": step.milestone });
  node.append(step.at ? clock(step.at) : el("time", {}, ""));
  if (step.milestone === "received") {
    node.append(el("b", {}, "received"), el("span", {}, step.delivery.event ?? "unreadable"), badge(step.delivery.outcome, step.delivery.outcome === "accepted" ? "advance" : "late"));
  } else if (step.milestone === "published") {
    node.append(el("b", {}, "published"), el("span", {}, `change ${step.sequence}`), took(step));
  } else if (step.milestone === "verified") {
    node.append(el("b", {}, "verified"), took(step));
  } else {
    const [kind, what] = step.change.routing_key.split(".");
    node.append(el("b", {}, step.milestone), el("span", {}, `change ${step.change.sequence}: ${kind.replace("_", " ")}`), badge(what), took(step));
    const { verdict } = step.change;
    if (verdict === "conflict" || verdict === "late") node.append(badge("moved nothing", verdict));
  }
  return node;
}

function life(timeline) {
  const done = timeline.participants.filter((p) => p.status?.id === "completed").length;
  const body = [el("section", {},
    el("h3", {}, `Account ${timeline.account}`),
    el("p", {}, badge(timeline.signing_request.status?.name ?? "unknown", timeline.signing_request.status?.id)))];
  if (timeline.participants.length) {
    body.push(el("section", {},
      el("h3", {}, `Participants: ${done} of ${timeline.participants.length} done`),
      el("ul", { class: "people" }, ...timeline.participants.map(person))));
  }
  if (timeline.enrichment) {
    const { attempts, last_error: why } = timeline.enrichment;
    body.push(el("p", { class: "notice" }, why ? `The fetch from DocuSign failed ${attempts} times: ${why}` : "A fetch from DocuSign is due."));
  }
  if (timeline.missing.length) {
    const told = (gap) => `${gap.from === gap.to ? `change ${gap.from}` : `changes ${gap.from} to ${gap.to}`} not ${gap.what}: ${gap.why}`;
    body.push(el("section", {}, el("h3", {}, "Missing"), el("ul", {}, ...timeline.missing.map((gap) => el("li", {}, told(gap))))));
  }
  body.push(el("section", {}, el("h3", {}, "Milestones"), el("ol", { class: "miles" }, ...timeline.milestones.map(mile))));
  return body;
}

async function showLife(id, account) {
  const dialog = $("life");
  $("life-title").textContent = "Signing request";
  $("life-id").textContent = id;
  $("life-body").replaceChildren(el("p", {}, "loading"));
  if (!dialog.open) dialog.showModal();
  try {
    const found = await json(`/v1/signing-requests/${encodeURIComponent(id)}/timeline?account=${encodeURIComponent(account)}`);
    $("life-title").textContent = found.result[0].signing_request.name || "Signing request";
    $("life-body").replaceChildren(...found.result.flatMap(life));
  } catch (error) {
    $("life-body").replaceChildren(el("p", { class: "notice" }, error.message));
  }
}

$("life-close").addEventListener("click", () => $("life").close());
$("life").addEventListener("click", (click) => {
  if (click.target === $("life")) $("life").close();
});

// ---- beginning --------------------------------------------------------------------------------------------------

$("theme").addEventListener("click", () => {
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const now = document.documentElement.dataset.theme ?? (dark ? "dark" : "light");
  document.documentElement.dataset.theme = now === "dark" ? "light" : "dark";
});

$("token-form").addEventListener("submit", (submit) => {
  submit.preventDefault();
  state.token = $("token").value.trim();
  sessionStorage.setItem("token", state.token);
  $("token").value = "";
  $("token-form").hidden = true;
  link("waiting", "connecting");
  run();
});

let polling = 0;

/** Counts are of all accounts: with a token for some, the page does without. */
function withoutCounts(error) {
  if (error.status !== 403) throw error;
  state.counts = false;
  state.broker = true; // for all that is known, and then ticks are worth a look
  $("counts").parentElement.hidden = true;
}

/** Counts while the page is looked at. */
async function poll(turnOf) {
  while (turnOf === polling) {
    if (!document.hidden) {
      try {
        if (state.counts) await refreshCounts().catch(withoutCounts);
        await refreshTicks();
      } catch (error) {
        if (blocked(error)) return;
      }
    }
    await sleep(1000);
  }
}

function run() {
  state.last = null;
  state.counts = true;
  $("counts").parentElement.hidden = false;
  polling += 1;
  poll(polling);
  follow();
}

setInterval(turn, 1000);
drawPulse();
run();
