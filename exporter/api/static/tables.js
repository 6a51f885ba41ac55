// The tables of figures and of charges.

import { drawShare } from "./chart.js";
import { make } from "./dom.js";
import { count, exact, percent, placesOf, rounded } from "./money.js";
import { COSTS, COST_NAMES, FILTERS, FILTER_NAMES, nameOf, timeOf } from "./view.js";

/** Rows of a list that are shown at first. */
const FEW = 8;
/**
 * The words for a hold_reason, those of exporter/words.py.
 * @type {Record<string, string>}
 */
const REASONS = {
  unknown_model: "model not in the price book",
  usage_missing: "no token counts in the log",
  unknown_usage: "a count that nothing here prices",
  billed_elsewhere: "paid with the caller's own login",
  cost_not_metered: "a cost that no count explains",
  no_price_for_meter: "no price for one kind of usage",
  no_price_at_time: "no price for its time or region",
  no_exchange_rate: "no exchange rate",
  capacity_paid: "paid as reserved capacity",
  other_meter_unpriced: "another part of its call has no price",
};
/** @type {Partial<Record<Filter, string>>} */
const NONE = { department: "No department", provider: "No provider", model: "No model" };

/**
 * The name of a filter's value, as lists and tables show it.
 * @param {Filter} filter
 * @param {string | null} value
 * @param {string | null} [name]
 */
export function labelOf(filter, value, name) {
  if (value === null || value === "") return NONE[filter] ?? "None";
  return name && name !== value ? name : value;
}

/**
 * Write an amount with its currency as plain text.
 * @param {string} text
 * @param {string} currency
 * @param {boolean} digits
 */
export function amountText(text, currency, digits) {
  const written = digits ? exact(text) : rounded(text, placesOf(currency));
  return `${written} ${currency}`;
}

/**
 * Show an amount; the whole of it stands in its title and value.
 * @param {string | null | undefined} text
 * @param {string} currency
 * @param {boolean} digits
 */
export function amount(text, currency, digits) {
  if (text === null || text === undefined) return make("span", { class: "muted" }, "none");
  return make(
    "data",
    { class: "amount", value: text, title: `${exact(text)} ${currency}` },
    digits ? exact(text) : rounded(text, placesOf(currency)),
    make("span", { class: "currency" }, ` ${currency}`),
  );
}

/**
 * @param {string} caption
 * @param {string[][]} heads each a text and the name of its class
 * @param {HTMLElement[]} bodies
 * @param {Attributes} attributes
 */
function table(caption, heads, bodies, attributes = {}) {
  // what holds nothing to stop at has to be a stop itself, or it can't be scrolled by keyboard
  const stop = attributes.class ? {} : { role: "region", tabindex: 0, "aria-label": caption };
  return make(
    "div",
    { class: "scroll", ...stop },
    make(
      "table",
      attributes,
      make("caption", { class: "hidden" }, caption),
      make(
        "thead",
        {},
        make("tr", {}, ...heads.map(([text, name]) => head(text, name))),
      ),
      ...bodies,
    ),
  );
}

/**
 * @param {string} text
 * @param {string} name
 */
function head(text, name) {
  const content = name === "bars" ? make("span", { class: "hidden" }, text) : text;
  return make("th", { scope: "col", class: name || null }, content);
}

/**
 * @param {string} name
 * @param {string} key
 * @param {() => void} choose
 * @param {Attributes} attributes
 */
function pickButton(name, key, choose, attributes = {}) {
  const common = { type: "button", class: "pick", "data-key": key, click: choose };
  return make("button", { ...common, ...attributes }, name);
}

/**
 * What of a group is credits; null where there are none.
 * @param {Group} group
 * @param {Cost} cost
 */
export function creditOf(group, cost) {
  return group.byChargeCategory.find((it) => it.chargeCategory === "Credit")?.[cost] ?? null;
}

/**
 * Totals of each currency: all costs, with credits and other charges apart.
 * @param {Answer["totals"]} totals
 * @param {View} view
 */
export function showTotals(totals, view) {
  return totals.currencies.map((total) => {
    const currency = total.billingCurrency;
    const lines = [{ ...total, chargeCategory: "All charges" }, ...total.byChargeCategory];
    return make(
      "div",
      { class: "total" },
      make("h3", {}, `${COSTS[view.cost]}, ${currency}`),
      make("p", { class: "figure", "data-total": currency }, amount(total[view.cost], currency, view.digits)),
      total.allocatedCostShare === null
        ? null
        : make("p", {}, `${percent(total.allocatedCostShare)} allocated to departments.`),
      table(
        `Total in ${currency} by kind of charge`,
        [["Charges", ""], ...Object.values(COSTS).map((name) => [name, "number"]), ["Rows", "number"]],
        [
          make(
            "tbody",
            {},
            ...lines.map((line) =>
              make(
                "tr",
                {},
                make("th", { scope: "row" }, line.chargeCategory ?? "None"),
                ...COST_NAMES.map((cost) =>
                  make("td", { class: "number" }, amount(line[cost], currency, view.digits)),
                ),
                make("td", { class: "number" }, count(line.rows)),
              ),
            ),
          ),
        ],
      ),
    );
  });
}

/**
 * What is in no total, and what it costs as far as its source says so.
 * @param {Coverage} coverage
 */
function describeMissing(coverage) {
  const { missingCalls, missingTokens, missingStatedCost, statedCostCurrency, unknownCostCalls } = coverage;
  const lines = [];
  if (missingCalls !== "0") {
    const stated =
      missingStatedCost === null
        ? "of unknown cost"
        : `about ${amountText(missingStatedCost, statedCostCurrency ?? "", false)} as the source states` +
          (unknownCostCalls === "0" ? "" : `; ${count(unknownCostCalls)} of unknown cost`);
    const calls = `${count(missingCalls)} calls not priced yet (${count(missingTokens)} tokens)`;
    lines.push(`Not in these totals: ${calls}, ${stated}.`);
  }
  if (coverage.missingBuckets !== "0") {
    lines.push(`Not in these totals: ${count(coverage.missingBuckets)} sums of usage reports not priced yet.`);
  }
  if ((coverage.rejectedRecords ?? "0") !== "0") {
    lines.push(`Not in these totals: ${count(coverage.rejectedRecords ?? "")} unreadable lines of the logs.`);
  }
  return lines;
}

/**
 * How the costs that sources state compare with these.
 * @param {Coverage} coverage
 */
function describeCompared(coverage) {
  const { comparedCalls, differingCalls, unexplainedCalls } = coverage;
  const explained = String(BigInt(differingCalls) - BigInt(unexplainedCalls));
  /** @type {(share: string | null) => string} */
  const ofAmount = (share) => (share === null ? "" : `, ${percent(share)} of the amount`);
  if (differingCalls === "0") return `All ${count(comparedCalls)} costs in the log are equal.`;
  return (
    `Costs in the log: of ${count(comparedCalls)} calls with one ${percent(coverage.equalCallsShare)} have ` +
    `that list cost${ofAmount(coverage.equalStatedCostShare)}; ${count(explained)} another for a known reason ` +
    `(${percent(coverage.explainedCallsShare)}${ofAmount(coverage.explainedStatedCostShare)}), ` +
    `${count(unexplainedCalls)} for none ` +
    `(${percent(coverage.unexplainedCallsShare)}${ofAmount(coverage.unexplainedStatedCostShare)}).`
  );
}

/**
 * What could not be priced, beside the totals.
 * @param {Coverage | null} coverage
 * @param {View} view
 */
export function showCoverage(coverage, view) {
  if (!coverage) return [];
  const missing = Object.entries(coverage.quarantinedCalls ?? {});
  const isWhole = coverage.calls === coverage.pricedCalls;
  const box = make("div", { class: isWhole ? "coverage" : "coverage warning" }, make("h3", {}, "Coverage"));
  if (coverage.calls === "0") {
    box.append(make("p", {}, "There are no billable calls here."));
  } else {
    for (const line of describeMissing(coverage)) box.append(make("p", {}, make("strong", {}, line)));
    box.append(
      make("p", { class: "figure" }, `${percent(coverage.pricedCallsShare)} priced`),
      make(
        "p",
        {},
        `${count(coverage.pricedCalls)} of ${count(coverage.calls)} billable calls have a price, ` +
          `${percent(coverage.pricedTokensShare)} of their tokens.`,
      ),
    );
    if (coverage.comparedCalls !== "0") box.append(make("p", {}, describeCompared(coverage)));
  }
  if (missing.length) {
    box.append(
      make("p", {}, make("strong", {}, "Why they are not priced yet:")),
      make(
        "ul",
        {},
        ...missing.map(([reason, calls]) =>
          make("li", {}, `${count(calls)} \u00d7 ${REASONS[reason] ?? reason.replaceAll("_", " ")}`),
        ),
      ),
    );
  }
  for (const [month, sources] of Object.entries(coverage.waitingFor)) {
    box.append(make("p", {}, `${month} is not complete: it waits for ${sources.join(" and ")}.`));
  }
  const loose = FILTER_NAMES.filter(
    (name) => view[name] !== null && !coverage.countedBy.includes(FILTERS[name]),
  );
  if (loose.length) {
    const names = loose.join(" and ");
    box.append(
      make("p", { class: "muted" }, `Counted for every ${names}: a call without a price has none.`),
    );
  }
  return [box];
}

/**
 * The figures of the chart as a table.
 * @param {{
 *   groups: Group[], unit: Unit, view: View, currency: string, choose: (time: string) => void,
 * }} shown
 */
export function tabulateTimes({ groups, unit, view, currency, choose }) {
  const hasCredits = groups.some((group) => creditOf(group, view.cost) !== null);
  const heads = [[unit === "day" ? "Day" : "Month", ""], [COSTS[view.cost], "number"]];
  if (hasCredits) heads.push(["of which credits", "number"]);
  heads.push(["Rows", "number"]);
  const bodies = [
    make(
      "tbody",
      {},
      ...groups.map((group) => {
        const time = timeOf(group, unit);
        const credit = creditOf(group, view.cost);
        return make(
          "tr",
          {},
          make(
            "th",
            { scope: "row" },
            pickButton(nameOf(time), `time:${currency}:${time}`, () => choose(time)),
          ),
          make("td", { class: "number" }, amount(group[view.cost], currency, view.digits)),
          hasCredits
            ? make("td", { class: "number" }, credit === null ? "" : amount(credit, currency, view.digits))
            : null,
          make("td", { class: "number" }, count(group.rows)),
        );
      }),
    ),
  ];
  const caption = `${COSTS[view.cost]} by ${unit}, ${currency}`;
  return table(caption, heads, bodies, { class: "times" });
}

/**
 * Sums by a filter's values, those of each currency together and its largest first.
 * `choose(value)` is called with a value that was chosen, or null when it was chosen already.
 * @param {{
 *   found: Spend, filter: List, view: View, title: string, isOpen: boolean, open: () => void,
 *   choose: (value: string | null) => void,
 * }} shown
 */
export function tabulateGroups({ found, filter, view, title, isOpen, open, choose }) {
  const parameter = FILTERS[filter];
  const currencies = found.totals.currencies.map((it) => it.billingCurrency);
  const heads = [[title, ""], ["Share of the largest", "bars"], [COSTS[view.cost], "number"], ["Rows", "number"]];
  let hidden = 0;
  const bodies = currencies.map((currency) => {
    const groups = found.groups.filter((group) => group.billingCurrency === currency);
    const largest = Math.max(0, ...groups.map((group) => Math.abs(Number(group[view.cost]))));
    const shown = isOpen ? groups : groups.slice(0, FEW);
    hidden += groups.length - shown.length;
    return make(
      "tbody",
      {},
      ...shown.map((group) => {
        const value = group.keys[parameter] ?? "";
        const name = labelOf(filter, value, group.names[parameter]);
        const isChosen = view[filter] === value;
        const credit = creditOf(group, view.cost);
        return make(
          "tr",
          { class: isChosen ? "chosen" : null },
          make(
            "th",
            { scope: "row" },
            pickButton(
              name,
              `${filter}:${currency}:${value}`,
              () => choose(isChosen ? null : value),
              { title: name === value ? null : value || null, "aria-pressed": String(isChosen) },
            ),
          ),
          make("td", { class: "bars" }, drawShare(Number(group[view.cost]), largest)),
          make(
            "td",
            { class: "number" },
            amount(group[view.cost], currency, view.digits),
            credit === null
              ? null
              : make("div", { class: "muted" }, "credits ", amount(credit, currency, view.digits)),
          ),
          make("td", { class: "number" }, count(group.rows)),
        );
      }),
    );
  });
  /** @type {HTMLElement[]} */
  const parts = [table(`${COSTS[view.cost]} by ${filter}`, heads, bodies, { class: "groups" })];
  if (hidden || isOpen) {
    const all = count(found.groups.length);
    const key = { "data-key": `${filter}:more` };
    parts.push(
      make(
        "button",
        { type: "button", class: "quiet", click: open, "aria-expanded": String(isOpen), ...key },
        isOpen ? "Show fewer" : `Show all ${all}`,
      ),
    );
  }
  if (found.truncated) {
    const all = count(found.groups.length);
    parts.push(make("p", { class: "muted" }, `The ${all} largest are here, but not all.`));
  }
  return parts;
}

/**
 * Charges with all digits; `open(record)` is called to see every column of one.
 * @param {Charge[]} records
 * @param {View} view
 * @param {(record: Charge) => void} open
 */
export function tabulateCharges(records, view, open) {
  const heads = [
    ["Start (UTC)", ""],
    ["Department", ""],
    ["Provider", ""],
    ["Model", ""],
    ["Charge", ""],
    ["Quantity", "number"],
    [COSTS[view.cost], "number"],
  ];
  return table(
    "Charges",
    heads,
    [
      make(
        "tbody",
        {},
        ...records.map((record) => {
          const quantity = record.ConsumedQuantity ?? null;
          const kind = [record.ChargeCategory, record.ChargeClass].filter(Boolean).join(", ");
          const start = record.ChargePeriodStart.replace("T", " ").replace("Z", "");
          return make(
            "tr",
            {},
            make(
              "th",
              { scope: "row" },
              make(
                "button",
                {
                  type: "button",
                  class: "pick",
                  "aria-haspopup": "dialog",
                  "data-key": `charge:${record.x_ChargeId}`,
                  click: () => open(record),
                },
                start,
              ),
            ),
            make("td", {}, labelOf("department", record.SubAccountId, record.SubAccountName)),
            make("td", {}, record.ProviderName ?? ""),
            make("td", {}, record.x_ModelId ?? ""),
            make("td", {}, `${kind}${record.SkuMeter ? `: ${record.SkuMeter}` : ""}`),
            make(
              "td",
              { class: "number" },
              quantity === null ? "" : `${exact(quantity)} ${record.ConsumedUnit ?? ""}`,
            ),
            make("td", { class: "number exact" }, amount(record[view.cost], record.BillingCurrency, true)),
          );
        }),
      ),
    ],
    { class: "charges" },
  );
}

/**
 * Every column of a charge that holds something.
 * @param {Charge} record
 */
export function listColumns(record) {
  return Object.entries(record)
    .filter(([, value]) => value !== null)
    .flatMap(([name, value]) => [
      make("dt", {}, name),
      make("dd", {}, typeof value === "object" ? JSON.stringify(value, null, 1) : value),
    ]);
}
