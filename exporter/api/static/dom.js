// Everything shown is made here. Data become text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Make an HTML element; a function among the attributes listens to the event of that name. */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

export function byId(id) {
  return document.getElementById(id);
}

/** Give the keyboard's place back after what had it was made anew. */
export function keepFocus(change) {
  const key = document.activeElement?.getAttribute("data-key");
  change();
  if (!key) return;
  const same = [...document.querySelectorAll("[data-key]")].find(
    (element) => element.getAttribute("data-key") === key && !element.disabled,
  );
  if (same) {
    same.focus({ preventScroll: true });
    return;
  }
  // what was chosen is gone from its list: stay at the list
  const list = key.slice(0, key.indexOf(":") + 1);
  const near = [...document.querySelectorAll("[data-key]")].find((element) =>
    element.getAttribute("data-key").startsWith(list),
  );
  near?.focus({ preventScroll: true });
}
