// What is shown: a period, filters, a cost. It stands in the fragment, so that a view can be shared
// and gone back to; a fragment is not sent to the server.

/**
 * Filters by their names in the fragment, with the API's parameters.
 * @type {Record<Filter, string>}
 */
export const FILTERS = {
  department: "subAccountId",
  provider: "providerName",
  model: "modelId",
  currency: "billingCurrency",
};

export const FILTER_NAMES = /** @type {Filter[]} */ (Object.keys(FILTERS));

/** @type {Record<Cost, string>} */
export const COSTS = {
  BilledCost: "Computed cost",
  EffectiveCost: "Effective cost",
  ContractedCost: "Contracted cost",
  ListCost: "List cost",
};

export const COST_NAMES = /** @type {Cost[]} */ (Object.keys(COSTS));

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

/**
 * @param {string} fragment
 * @returns {View}
 */
export function readView(fragment) {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  return {
    from: given.get("from") || null,
    to: given.get("to") || null,
    booked: given.get("booked") || null,
    department: given.get("department"),
    provider: given.get("provider"),
    model: given.get("model"),
    currency: given.get("currency"),
    cost: COST_NAMES.find((name) => name === given.get("cost")) ?? "BilledCost",
    digits: given.get("digits") === "all",
  };
}

/** @param {View} view */
export function writeView(view) {
  const given = new URLSearchParams();
  if (view.from) given.set("from", view.from);
  if (view.to) given.set("to", view.to);
  if (view.booked) given.set("booked", view.booked);
  for (const name of FILTER_NAMES) {
    const value = view[name];
    if (value !== null) given.set(name, value);
  }
  if (view.cost !== "BilledCost") given.set("cost", view.cost);
  if (view.digits) given.set("digits", "all");
  return `#${given}`;
}

/**
 * The API's parameters of the period.
 * @param {View} view
 */
export function periodOf(view) {
  /** @type {Query} */
  const period = {};
  if (view.from) period.chargePeriodStart = view.from;
  if (view.to) period.chargePeriodEnd = addDays(view.to, 1);
  if (view.booked) period.billingPeriod = view.booked;
  return period;
}

/**
 * The API's parameters of the period and the filters.
 * @param {View} view
 */
export function parametersOf(view) {
  const parameters = periodOf(view);
  for (const name of FILTER_NAMES) {
    if (view[name] !== null) parameters[FILTERS[name]] = view[name];
  }
  return parameters;
}

/**
 * @param {string} day
 * @param {number} number
 */
export function addDays(day, number) {
  const moment = Date.parse(`${day}T00:00:00Z`);
  return Number.isNaN(moment) ? day : new Date(moment + number * DAY).toISOString().slice(0, 10);
}

/** @param {string | null} text */
export function isDay(text) {
  return text !== null && /^\d{4}-\d\d-\d\d$/.test(text) && !Number.isNaN(Date.parse(text));
}

/**
 * The last day of a month such as 2026-10.
 * @param {string} month
 */
export function lastDay(month) {
  const [year, number] = month.split("-").map(Number);
  return new Date(Date.UTC(year, number, 0)).toISOString().slice(0, 10);
}

/** @param {string} time */
export function nameOf(time) {
  const isMonth = time.length === 7;
  const moment = new Date(`${isMonth ? `${time}-01` : time}T00:00:00Z`);
  if (Number.isNaN(moment.getTime())) return time;
  return (isMonth ? MONTHS : DAYS).format(moment);
}

/**
 * Whether a period is shown by day or by month, where `months` are those with charges.
 * @param {View} view
 * @param {string[]} months
 * @returns {Unit}
 */
export function unitOf(view, months) {
  if (!months.length) return "day";
  const from = view.from ?? `${months[0]}-01`;
  const to = view.to ?? lastDay(months[months.length - 1]);
  return (Date.parse(to) - Date.parse(from)) / DAY < MOST_DAYS ? "day" : "month";
}

/**
 * The day or month of a group that is summed by it: every charge has one.
 * @param {Group} group
 * @param {Unit} unit
 */
export function timeOf(group, unit) {
  return group.keys[unit] ?? "";
}

/**
 * Every day or month from the first to the last, both inclusive.
 * @param {string} first
 * @param {string} last
 */
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
