// Spend over time as bars, one stop of the keyboard: arrows move, Enter chooses. The same figures
// stand in a table below. Lengths of bars are numbers for the eye; figures are text.

import { draw, make } from "./dom.js";
import { nameOf, timeOf, timesBetween } from "./view.js";

const HEIGHT = 200;
const LEFT = 56;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 24;
const LABEL = 64;
/**
 * By the length of a month and of a day.
 * @type {Record<number, Intl.DateTimeFormat>}
 */
const SHORT = {
  7: new Intl.DateTimeFormat("en", { month: "short", year: "2-digit", timeZone: "UTC" }),
  10: new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" }),
};

/** @param {string} time */
function shortName(time) {
  const day = time.length === 7 ? `${time}-01` : time;
  return SHORT[time.length].format(new Date(`${day}T00:00:00Z`));
}

/**
 * @param {Group} group
 * @param {Cost} cost
 */
function creditsOf(group, cost) {
  return Number(group.byChargeCategory.find((it) => it.chargeCategory === "Credit")?.[cost] ?? 0);
}

/**
 * Round steps between the least and the most.
 * @param {number} least
 * @param {number} most
 */
function ticksOf(least, most) {
  const span = most - least || 1;
  const rough = span / 4;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5].map((it) => it * power).find((it) => it >= rough) ?? 10 * power;
  const ticks = [];
  for (let i = Math.floor(least / step); i <= Math.ceil(most / step); i += 1) ticks.push(i * step);
  return ticks;
}

/**
 * Draw the groups of one currency. `describe(group)` gives a bar's figures as text, `choose(time)`
 * is called with the time that was chosen.
 * @param {{
 *   groups: Group[], unit: Unit, cost: Cost, width: number, label: string,
 *   describe: (group: Group) => string, choose: (time: string) => void,
 * }} drawn
 */
export function drawTimes({ groups, unit, cost, width, label, describe, choose }) {
  const known = groups.map((group) => timeOf(group, unit));
  const times = timesBetween(known[0], known[known.length - 1]);
  const heights = groups.map((group) => {
    const credits = creditsOf(group, cost);
    return { up: Math.max(0, Number(group[cost]) - credits), down: Math.min(0, credits) };
  });
  const ticks = ticksOf(
    Math.min(0, ...heights.map((it) => it.down)),
    Math.max(0, ...heights.map((it) => it.up)),
  );
  const [least, most] = [ticks[0], ticks[ticks.length - 1]];
  /** @param {number} value */
  const yOf = (value) => TOP + ((most - value) / (most - least)) * (HEIGHT - TOP - BOTTOM);
  const slot = (width - LEFT - RIGHT) / times.length;
  const readout = make("p", { class: "readout", "aria-hidden": "true" });

  const axis = ticks.map((tick) =>
    draw(
      "g",
      { "aria-hidden": "true" },
      draw("line", {
        class: tick === 0 ? "base" : "grid",
        x1: LEFT,
        x2: width - RIGHT,
        y1: yOf(tick),
        y2: yOf(tick),
      }),
      draw(
        "text",
        { x: LEFT - 6, y: yOf(tick) + 4, "text-anchor": "end" },
        tick.toLocaleString("en", { maximumSignificantDigits: 3 }),
      ),
    ),
  );
  const every = Math.max(1, Math.ceil((times.length * LABEL) / (width - LEFT - RIGHT)));
  const labels = times.map((time, index) =>
    index % every
      ? null
      : draw(
          "text",
          {
            "aria-hidden": "true",
            x: LEFT + slot * (index + 0.5),
            y: HEIGHT - 6,
            "text-anchor": "middle",
          },
          shortName(time),
        ),
  );

  const bars = groups.map((group, index) => {
    const time = known[index];
    const left = LEFT + slot * times.indexOf(time);
    const text = `${nameOf(time)}: ${describe(group)}`;
    const thick = Math.min(slot * 0.76, 48);
    const { up, down } = heights[index];
    /**
     * @param {string} name
     * @param {number} from
     * @param {number} to
     */
    const bar = (name, from, to) =>
      draw("rect", {
        class: name,
        x: left + (slot - thick) / 2,
        y: yOf(to),
        width: thick,
        height: Math.max(yOf(from) - yOf(to), from === to ? 0 : 0.75),
      });
    const say = () => {
      readout.textContent = text;
    };
    return draw(
      "g",
      {
        class: "slot",
        role: "button",
        tabindex: index === 0 ? 0 : -1,
        "aria-label": text,
        "data-key": `bar:${group.billingCurrency}:${time}`,
        click: () => choose(time),
        focus: say,
        mouseenter: say,
      },
      draw("rect", { class: "reach", x: left, y: TOP, width: slot, height: HEIGHT - TOP - BOTTOM }),
      up ? bar("bar", 0, up) : null,
      down ? bar("bar credit", down, 0) : null,
    );
  });

  /** @param {KeyboardEvent} event */
  const move = (event) => {
    const place = bars.findIndex((bar) => bar === event.target);
    if (place < 0) return;
    /** @type {Record<string, number>} */
    const places = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: bars.length - 1 };
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      choose(known[place]);
    } else if (event.key in places) {
      event.preventDefault();
      const next = bars[Math.min(Math.max(places[event.key], 0), bars.length - 1)];
      for (const bar of bars) bar.setAttribute("tabindex", bar === next ? "0" : "-1");
      next.focus();
    }
  };
  const chart = draw(
    "svg",
    {
      class: "chart",
      role: "group",
      "aria-label": `${label}. Arrow keys move, Enter chooses.`,
      viewBox: `0 0 ${width} ${HEIGHT}`,
      width,
      height: HEIGHT,
      keydown: move,
    },
    ...axis,
    ...labels,
    ...bars,
  );
  return [chart, readout];
}

/**
 * A bar in a table's row, as long as its share of the largest; the figure stands beside it.
 * @param {number} value
 * @param {number} largest
 */
export function drawShare(value, largest) {
  const share = largest > 0 ? Math.min(Math.abs(value) / largest, 1) : 0;
  return draw(
    "svg",
    { class: "share", viewBox: "0 0 100 8", preserveAspectRatio: "none", "aria-hidden": "true" },
    draw("rect", { class: "track", width: 100, height: 8 }),
    draw("rect", { class: value < 0 ? "bar credit" : "bar", width: share * 100, height: 8 }),
  );
}
