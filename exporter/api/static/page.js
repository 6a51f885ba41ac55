// The page: reads the view from the fragment, asks for its figures, shows them.

import { Problem, get, keepToken, post, problemOf, remove, token } from "./answers.js";
import { drawTimes } from "./chart.js";
import { byId, keepFocus, make } from "./dom.js";
import { count } from "./money.js";
import {
  amountText,
  creditOf,
  labelOf,
  listColumns,
  showCoverage,
  showTotals,
  tabulateCharges,
  tabulateGroups,
  tabulateTimes,
} from "./tables.js";
import {
  COSTS,
  FILTERS,
  FILTER_NAMES,
  isDay,
  lastDay,
  nameOf,
  parametersOf,
  periodOf,
  readView,
  timeOf,
  unitOf,
  writeView,
} from "./view.js";

const SPEND = "api/spend";
const CHARGES = "api/spend/charges";
const EXPORT = "api/spend/export";
const JOBS = "focus/v1/cost-and-usage/export";
const PAGE_SIZE = 25;
/** @type {Record<List, string>} */
const LISTS = { department: "Department", provider: "Provider", model: "Model" };
const LIST_NAMES = /** @type {List[]} */ (Object.keys(LISTS));
/** @type {("from" | "to")[]} */
const DATES = ["from", "to"];
/** The value of a choice that only says something. */
const NOTE = "note";
/** Milliseconds between looks at a job, the first and the last. */
const LOOKS = [250, 2000];

let view = readView(location.hash);
let loading = new AbortController();
/** @type {Figures | null} */
let shown = null;
/** @type {Charges | null} */
let charges = null;
/**
 * The tokens of the charges' page and of those before.
 * @type {(string | null)[]}
 */
let tokens = [null];
/** @type {{ job: string | null } | null} */
let order = null;
/** @type {Partial<Record<List, boolean>>} */
const isOpen = {};
// dates that are being written and do not hold yet
const typed = new Set();

/**
 * @param {string} id
 * @param {string} text
 */
function say(id, text) {
  byId(id).textContent = text;
}

/**
 * @param {"problem" | "charges-problem"} id
 * @param {Problem} error
 * @param {string} [action] what the button says that tries again
 * @param {() => void} [retry]
 */
function showProblem(id, error, action, retry) {
  const box = byId(id);
  box.replaceChildren(make("p", {}, error.message));
  if (action && retry) box.append(make("button", { type: "button", click: retry }, action));
  box.hidden = false;
}

/** @param {Partial<View>} part */
function change(part) {
  const fragment = writeView({ ...view, ...part });
  if (fragment === writeView(view)) return;
  byId("figures").setAttribute("aria-busy", "true");
  location.hash = fragment;
}

/**
 * Choose a day or a month from the chart.
 * @param {string} time
 */
function chooseTime(time) {
  const isMonth = time.length === 7;
  change(isMonth ? { from: `${time}-01`, to: lastDay(time) } : { from: time, to: time });
}

/**
 * Ask for all figures of a view; all of them are of one build.
 * @param {View} wanted
 * @param {AbortSignal} signal
 * @returns {Promise<Figures>}
 */
async function readFigures(wanted, signal) {
  for (let attempt = 0; ; attempt += 1) {
    /** @type {Map<string, Promise<Spend>>} */
    const asked = new Map();
    /** @param {Query} parameters */
    const ask = (parameters) => {
      const key = JSON.stringify(parameters);
      /** @type {Promise<Spend>} */
      const found = asked.get(key) ?? get(SPEND, parameters, signal);
      asked.set(key, found);
      return found;
    };
    /** @param {Query} within */
    const askLists = async (within) => {
      const sums = LIST_NAMES.map((name) => ask({ ...within, groupBy: FILTERS[name] }));
      const [department, provider, model] = await Promise.all(sums);
      return { department, provider, model };
    };
    const [all, periods] = await Promise.all([
      ask({ groupBy: "month" }),
      ask({ groupBy: "billingPeriod" }),
    ]);
    const months = [...new Set(all.groups.map((group) => timeOf(group, "month")))];
    const unit = unitOf(wanted, months);
    const filters = parametersOf(wanted);
    const [times, lists, choices] = await Promise.all([
      ask({ ...filters, groupBy: unit }),
      askLists(filters),
      askLists(periodOf(wanted)),
    ]);
    const sums = [all, periods, times, ...Object.values(lists), ...Object.values(choices)];
    const builds = new Set(sums.map((it) => it.build.id));
    if (builds.size > 1 && attempt < 3) continue;
    return {
      unit,
      months,
      booked: [...new Set(periods.groups.map((group) => group.keys.billingPeriod ?? ""))],
      times,
      build: times.build,
      currencies: all.totals.currencies.map((it) => it.billingCurrency),
      lists,
      choices,
    };
  }
}

async function load() {
  loading.abort();
  loading = new AbortController();
  const { signal } = loading;
  view = readView(location.hash);
  for (const id of ["problem", "newer", "charges-problem"]) byId(id).hidden = true;
  byId("figures").setAttribute("aria-busy", "true");
  say("status", "Loading\u2026");
  fillControls();
  try {
    if (view.from && view.to && view.from > view.to) {
      throw new Problem(400, "The period ends before it begins: change From or To.");
    }
    const found = await readFigures(view, signal);
    tokens = [null];
    const first = await readCharges(null, signal);
    if (signal.aborted) return;
    shown = found;
    charges = first;
    forgetOrder();
    keepFocus(show);
  } catch (error) {
    if (signal.aborted) return;
    refuse(problemOf(error));
  }
}

/**
 * Show why there are no figures; what was shown before goes, as it is of another view.
 * @param {Problem} error
 */
function refuse(error) {
  say("status", "");
  byId("figures").hidden = true;
  byId("figures").removeAttribute("aria-busy");
  byId("filters").hidden = error.status === 401;
  byId("token-form").hidden = error.status !== 401;
  byId("forget").hidden = !token();
  if (error.status === 401) {
    forgetFigures();
    // the server's own sentence tells programs which header to send
    say("token-problem", token() ? error.message : "Only who has a token sees the figures.");
    byId("token").focus();
    return;
  }
  showProblem("problem", error, "Try again", load);
}

/** Leave nothing on the page of what a token saw. */
function forgetFigures() {
  shown = null;
  charges = null;
  forgetOrder();
  byId("charge").close();
  const boxes = ["totals", "coverage", "time", "charges", "charge-columns", "newer"];
  for (const id of [...boxes, ...LIST_NAMES.map((it) => `by-${it}`)]) {
    byId(id).replaceChildren();
  }
  for (const id of ["build", "place", "status"]) say(id, "");
  fillControls();
}

/**
 * @param {string | null} pageToken
 * @param {AbortSignal} signal
 * @returns {Promise<Charges>}
 */
function readCharges(pageToken, signal) {
  const parameters = { ...parametersOf(view), pageSize: PAGE_SIZE, pageToken };
  return get(CHARGES, parameters, signal);
}

function show() {
  if (!shown) return;
  byId("token-form").hidden = true;
  byId("filters").hidden = false;
  byId("figures").hidden = false;
  byId("figures").removeAttribute("aria-busy");
  byId("forget").hidden = !token();
  fillControls();
  const { totals, coverage, build } = shown.times;
  const until = coverage?.usageUntil ? [`Usage until ${momentOf(coverage.usageUntil)}`] : [];
  const built = build.finishedAt ? [`built ${momentOf(build.finishedAt)}`] : [];
  say("build", [...until, ...built].join(", "));
  const sums = totals.currencies.map((it) =>
    amountText(it[view.cost] ?? "0", it.billingCurrency, view.digits),
  );
  say("status", totals.rows === "0" ? "" : `${sums.join(" and ")} in ${count(totals.rows)} charges.`);
  const nothing = () => make("p", { class: "empty" }, "No charges fit these filters.");
  const isEmpty = totals.rows === "0";
  byId("totals").replaceChildren(...(isEmpty ? [nothing()] : showTotals(totals, view)));
  byId("coverage").replaceChildren(...showCoverage(coverage, view));
  showTimes(isEmpty);
  for (const filter of LIST_NAMES) showList(filter, isEmpty);
  showCharges();
}

/** @param {boolean} isEmpty */
function showTimes(isEmpty) {
  if (!shown) return;
  const box = byId("time");
  const wasOpen = [...box.querySelectorAll("details")].some((it) => it.open);
  if (isEmpty) {
    box.replaceChildren(make("p", { class: "empty" }, "Nothing to draw."));
    return;
  }
  const { unit, times } = shown;
  const width = Math.max(box.clientWidth, 280);
  /** @type {HTMLElement[]} */
  const parts = times.totals.currencies.map(({ billingCurrency: currency }) => {
    const groups = times.groups.filter((group) => group.billingCurrency === currency);
    const label = `${COSTS[view.cost]} by ${unit}, ${currency}`;
    /** @param {Group} group */
    const describe = (group) => {
      const credit = creditOf(group, view.cost);
      const credited = credit === null ? "" : `, credits ${amountText(credit, currency, view.digits)}`;
      const sum = amountText(group[view.cost] ?? "0", currency, view.digits);
      return `${sum}${credited}, ${count(group.rows)} charges`;
    };
    const drawn = { groups, unit, cost: view.cost, width, label, describe, choose: chooseTime };
    return make(
      "figure",
      {},
      make("figcaption", {}, label),
      ...drawTimes(drawn),
      make(
        "details",
        { open: wasOpen },
        make("summary", { "data-key": `table:${currency}` }, "As a table"),
        tabulateTimes({ groups, unit, view, currency, choose: chooseTime }),
      ),
    );
  });
  if (times.truncated) parts.push(make("p", { class: "muted" }, "Later times are left out."));
  box.replaceChildren(...parts);
}

/**
 * @param {List} filter
 * @param {boolean} isEmpty
 */
function showList(filter, isEmpty) {
  if (!shown) return;
  const parts = isEmpty
    ? [make("p", { class: "empty" }, "Nothing.")]
    : tabulateGroups({
        found: shown.lists[filter],
        filter,
        view,
        title: LISTS[filter],
        isOpen: isOpen[filter] ?? false,
        open: () => {
          isOpen[filter] = !isOpen[filter];
          keepFocus(() => showList(filter, isEmpty));
        },
        choose: (value) => change({ [filter]: value }),
      });
  byId(`by-${filter}`).replaceChildren(...parts);
}

function showCharges() {
  if (!charges) return;
  const number = tokens.length - 1;
  const first = number * PAGE_SIZE + 1;
  const total = charges.totals.rows;
  const isEmpty = charges.records.length === 0;
  byId("charges").replaceChildren(
    isEmpty
      ? make("p", { class: "empty" }, "No charges fit these filters.")
      : tabulateCharges(charges.records, view, openCharge),
  );
  say("place", isEmpty ? "" : `${count(first)} to ${count(first + charges.records.length - 1)} of ${count(total)}`);
  allow("previous", number > 0);
  allow("next", charges.nextPageToken !== null);
  allow("order", !isEmpty && order === null);
  say("order", isEmpty ? "Download" : `Download ${count(total)} ${total === "1" ? "row" : "rows"}`);
}

/**
 * Let a button be used or not; one that can't be stays where the keyboard is.
 * @param {string} id
 * @param {boolean} isAllowed
 */
function allow(id, isAllowed) {
  byId(id).setAttribute("aria-disabled", String(!isAllowed));
}

/** @param {string} id */
function isUsable(id) {
  return byId(id).getAttribute("aria-disabled") !== "true";
}

/** @param {(string | null)[]} pageTokens */
async function turn(pageTokens) {
  const { signal } = loading;
  byId("charges-problem").hidden = true;
  byId("charges").setAttribute("aria-busy", "true");
  try {
    const page = await readCharges(pageTokens[pageTokens.length - 1], signal);
    if (signal.aborted) return;
    tokens = pageTokens;
    charges = page;
    showCharges();
    await checkBuild();
  } catch (caught) {
    if (signal.aborted) return;
    const error = problemOf(caught);
    if (error.status === 401) refuse(error);
    // the build that the pages are of, or the hour, is over
    else if (error.status === 410) showProblem("charges-problem", error, "Start again", load);
    else showProblem("charges-problem", error, "Try again", () => turn(pageTokens));
  } finally {
    byId("charges").removeAttribute("aria-busy");
  }
}

/** Say when a newer build was published than the one that is shown. */
async function checkBuild() {
  if (!shown) return;
  const { signal } = loading;
  const { build } = await get(SPEND, parametersOf(view), signal);
  if (signal.aborted || build.id === shown.build.id) return;
  const box = byId("newer");
  const when = build.finishedAt ? ` of ${momentOf(build.finishedAt)}` : "";
  box.replaceChildren(
    make("p", {}, `There are newer data${when}. What you see is still that of before.`),
    make("button", { type: "button", click: load }, "Show the newer"),
  );
  box.hidden = false;
}

/** @param {string} text */
function momentOf(text) {
  return `${text.slice(0, 16).replace("T", " ")} UTC`;
}

/** @param {Charge} record */
function openCharge(record) {
  byId("charge-columns").replaceChildren(...listColumns(record));
  byId("charge").showModal();
}

/** Put the view into the controls, and offer what there is to choose. */
function fillControls() {
  const months = shown?.months ?? [];
  const month = months.find((it) => view.from === `${it}-01` && view.to === lastDay(it));
  const isAll = !view.from && !view.to;
  const periods = [["", "All"], ...months.toReversed().map((it) => [it, nameOf(it)])];
  if (!isAll && !month) periods.push(["custom", "Custom"]);
  offer("period", periods, isAll ? "" : (month ?? "custom"));
  const booked = (shown?.booked ?? []).toReversed();
  if (view.booked && !booked.includes(view.booked)) booked.push(view.booked);
  offer("booked", [["", "Any month"], ...booked.map((it) => [it, nameOf(it)])], view.booked ?? "");
  // a field of dates takes nothing else, whatever a link says
  for (const id of DATES) {
    if (!typed.has(id)) byId(id).value = (isDay(view[id]) && view[id]) || "";
  }
  for (const filter of LIST_NAMES) {
    const parameter = FILTERS[filter];
    const choices = shown?.choices[filter];
    const found = new Map();
    for (const { keys, names } of choices?.groups ?? []) {
      const value = keys[parameter] ?? "";
      found.set(value, labelOf(filter, value, names[parameter]));
    }
    offerFilter(filter, found, choices?.truncated ? found.size : null);
  }
  offerFilter("currency", new Map((shown?.currencies ?? []).map((it) => [it, it])));
  byId("currency-field").hidden = view.currency === null && (shown?.currencies.length ?? 0) < 2;
  offer("cost", Object.entries(COSTS), view.cost);
  byId("digits").checked = view.digits;
}

/**
 * @param {Filter} filter
 * @param {Map<string, string>} found names by values
 * @param {number | null} most how many there are of more; null where these are all
 */
function offerFilter(filter, found, most = null) {
  const chosen = view[filter];
  if (chosen !== null && !found.has(chosen)) found.set(chosen, labelOf(filter, chosen));
  const names = [...found].sort((one, other) => one[1].localeCompare(other[1], "en"));
  // "=" tells the value without a name from no filter
  const choices = [["", "All"], ...names.map(([value, name]) => [`=${value}`, name])];
  if (most !== null) choices.splice(1, 0, [NOTE, `The ${count(most)} largest, not all:`]);
  offer(filter, choices, chosen === null ? "" : `=${chosen}`);
}

/**
 * @param {Filter | "period" | "booked" | "cost"} id
 * @param {string[][]} choices each a value and its name
 * @param {string} value
 */
function offer(id, choices, value) {
  const select = byId(id);
  const offered = [...select.options].map((option) => [option.value, option.text]);
  if (JSON.stringify(offered) !== JSON.stringify(choices)) {
    select.replaceChildren(
      ...choices.map(([it, name]) => make("option", { value: it, disabled: it === NOTE }, name)),
    );
  }
  select.value = value;
}

function readDates() {
  typed.clear();
  change({ from: byId("from").value || null, to: byId("to").value || null });
}

function forgetOrder() {
  order = null;
  byId("cancel").hidden = true;
  byId("download-status").replaceChildren();
}

/** Order the file of what is shown, follow its job, and follow its link. */
async function download() {
  /** @type {{ job: string | null }} */
  const mine = { job: null };
  order = mine;
  allow("order", false);
  byId("charges-problem").hidden = true;
  say("download-status", "The file is being made\u2026");
  try {
    const format = byId("format").value;
    const safeCsv = format === "csv" && byId("safe").checked;
    /** @type {Job} */
    let job = await post(EXPORT, { ...parametersOf(view), format, safeCsv });
    mine.job = job.jobId;
    let wait = LOOKS[0];
    while (job.state === "queued" || job.state === "running") {
      if (order !== mine) return;
      byId("cancel").hidden = false;
      const share = Math.floor(Number(job.progress) * 100);
      const done = job.state === "queued" ? "waits for its turn" : `is being made, ${share}%`;
      say("download-status", `The file ${done}\u2026`);
      await new Promise((resolve) => setTimeout(resolve, wait));
      wait = Math.min(wait * 1.5, LOOKS[1]);
      job = await get(`${JOBS}/${encodeURIComponent(job.jobId)}`, {});
    }
    if (order !== mine) return;
    order = null;
    if (job.file === null) throw new Problem(0, job.error ?? `The file is ${job.state}.`);
    follow(job.file);
  } catch (caught) {
    if (order !== mine && order !== null) return;
    const error = problemOf(caught);
    order = null;
    byId("download-status").replaceChildren();
    if (error.status === 401) refuse(error);
    else showProblem("charges-problem", error);
  }
  byId("cancel").hidden = true;
  allow("order", true);
}

/** @param {JobFile} file */
function follow(file) {
  // as this page is reached, whatever name the server goes by
  const path = new URL(file.url);
  const at = path.pathname.lastIndexOf("/downloads/");
  const href = path.pathname.slice(at + 1) + path.search;
  const link = make("a", { href, download: file.name, id: "file" }, file.name);
  const newer = shown && file.build.id !== shown.build.id ? " It is of newer data than this page." : "";
  byId("download-status").replaceChildren(
    link,
    `, ${count(file.rows)} rows, ${count(file.bytes)} bytes.${newer}`,
  );
  link.click();
}

async function cancel() {
  const job = order?.job;
  forgetOrder();
  allow("order", true);
  byId("order").focus();
  say("download-status", "Cancelled.");
  try {
    if (job) await remove(`${JOBS}/${encodeURIComponent(job)}`);
  } catch {
    // it had ended already
  }
}

function listen() {
  window.addEventListener("hashchange", load);
  window.addEventListener("pageshow", (event) => {
    // the browser kept the page as it was: the token may be another by now
    if (event.persisted) load();
  });
  document.addEventListener("visibilitychange", () => {
    if (!document.hidden) checkBuild().catch(() => {});
  });
  byId("skip").addEventListener("click", (event) => {
    // the fragment is the view
    event.preventDefault();
    byId("figures").focus();
  });
  byId("token-form").addEventListener("submit", (event) => {
    event.preventDefault();
    keepToken(byId("token").value.trim());
    byId("token").value = "";
    load();
  });
  byId("forget").addEventListener("click", () => {
    keepToken(null);
    forgetFigures();
    location.replace(location.pathname);
  });
  byId("filters").addEventListener("submit", (event) => {
    event.preventDefault();
    readDates();
  });
  byId("clear").addEventListener("click", () => {
    change(readView(""));
  });
  byId("period").addEventListener("change", () => {
    const chosen = byId("period").value;
    if (chosen === "") change({ from: null, to: null });
    else if (chosen !== "custom") change({ from: `${chosen}-01`, to: lastDay(chosen) });
  });
  byId("booked").addEventListener("change", () => change({ booked: byId("booked").value || null }));
  for (const id of DATES) {
    byId(id).addEventListener("input", () => typed.add(id));
    byId(id).addEventListener("blur", (event) => {
      // from the one to the other they are still being written
      const next = event.relatedTarget;
      if (typed.size && !DATES.some((it) => byId(it) === next)) readDates();
    });
  }
  for (const filter of FILTER_NAMES) {
    byId(filter).addEventListener("change", () => {
      const chosen = byId(filter).value;
      change({ [filter]: chosen === "" ? null : chosen.slice(1) });
    });
  }
  byId("cost").addEventListener("change", () =>
    change({ cost: readView(`#cost=${byId("cost").value}`).cost }),
  );
  byId("digits").addEventListener("change", () => change({ digits: byId("digits").checked }));
  byId("format").addEventListener("change", () => {
    byId("safe-field").hidden = byId("format").value !== "csv";
  });
  byId("previous").addEventListener("click", () => {
    if (isUsable("previous")) turn(tokens.slice(0, -1));
  });
  byId("next").addEventListener("click", () => {
    if (charges && isUsable("next")) turn([...tokens, charges.nextPageToken]);
  });
  byId("download").addEventListener("submit", (event) => {
    event.preventDefault();
    if (isUsable("order")) download();
  });
  byId("cancel").addEventListener("click", cancel);
  let width = 0;
  new ResizeObserver(([{ contentRect }]) => {
    if (!shown || Math.abs(contentRect.width - width) <= 1 || contentRect.width === 0) return;
    const isEmpty = shown.times.totals.rows === "0";
    width = contentRect.width;
    keepFocus(() => showTimes(isEmpty));
  }).observe(byId("time"));
}

listen();
load();
