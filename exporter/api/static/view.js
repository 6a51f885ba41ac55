// What is shown: a period, filters, a cost. It stands in the fragment, so that a view can be shared
// and gone back to; a fragment is not sent to the server.

/** Filters by their names in the fragment, with the API's parameters. */
export const FILTERS = {
  department: "subAccountId",
  provider: "providerName",
  model: "modelId",
  currency: "billingCurrency",
};

export const COSTS = {
  BilledCost: "Billed cost",
  EffectiveCost: "Effective cost",
  ContractedCost: "Contracted cost",
  ListCost: "List cost",
};

/** Longest period that is shown day by day. */
const MOST_DAYS = 100;
const DAY = 86_400_000;
const MONTHS = new Intl.DateTimeFormat("en", { month: "long", year: "numeric", timeZone: "UTC" });
const DAYS = new Intl.DateTimeFormat("en", {
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

export function readView(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const view = { from: given.get("from") || null, to: given.get("to") || null };
  for (const name of Object.keys(FILTERS)) view[name] = given.get(name);
  view.cost = Object.hasOwn(COSTS, given.get("cost")) ? given.get("cost") : "BilledCost";
  view.digits = given.get("digits") === "all";
  return view;
}

export function writeView(view) {
  const given = new URLSearchParams();
  for (const name of ["from", "to"]) if (view[name]) given.set(name, view[name]);
  for (const name of Object.keys(FILTERS)) if (view[name] !== null) given.set(name, view[name]);
  if (view.cost !== "BilledCost") given.set("cost", view.cost);
  if (view.digits) given.set("digits", "all");
  return `#${given}`;
}

/** The API's parameters of the period. */
export function periodOf(view) {
  const period = {};
  if (view.from) period.chargePeriodStart = view.from;
  if (view.to) period.chargePeriodEnd = addDays(view.to, 1);
  return period;
}

/** The API's parameters of the period and the filters. */
export function parametersOf(view) {
  const parameters = periodOf(view);
  for (const [name, parameter] of Object.entries(FILTERS)) {
    if (view[name] !== null) parameters[parameter] = view[name];
  }
  return parameters;
}

export function addDays(day, number) {
  const moment = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(moment) ? day : new Date(moment + number * DAY).toISOString().slice(0, 10);
}

export function isDay(text) {
  return text !== null && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

/** The last day of a month such as 2026-10. */
export function lastDay(month) {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10);
}

export function nameOf(time) {
  const isMonth = time.length === 7;
  const moment = new Date(`${isMonth ? `${time}-01` : time}T00:00:00Z`);
  return (isMonth ? MONTHS : DAYS).format(moment);
}

/** Whether a period is shown by day or by month, where `months` are those with charges. */
export function unitOf(view, months) {
  if (!months.length) return "day";
  const from = view.from ?? `${months[0]}-01`;
  const to = view.to ?? lastDay(months[months.length - 1]);
  return (Date.parse(to) - Date.parse(from)) / DAY < MOST_DAYS ? "day" : "month";
}

/** Every day or month from the first to the last, both inclusive. */
export function timesBetween(first, last) {
  const times = [];
  const isMonth = first.length === 7;
  let day = isMonth ? `${first}-01` : first;
  while (day.slice(0, first.length) <= last && times.length < 4000) {
    times.push(day.slice(0, first.length));
    day = isMonth ? addDays(lastDay(day.slice(0, 7)), 1) : addDays(day, 1);
  }
  return times;
}
