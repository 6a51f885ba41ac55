// Everything shown is made here. Data become text nodes and attributes, never markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @template {Element} T
 * @param {T} element
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  for (const child of children) if (child !== null && child !== undefined) element.append(child);
  return element;
}

/**
 * Make an HTML element; a function among the attributes listens to the event of that name.
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
export function make(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/**
 * Make an SVG element.
 * @template {keyof SVGElementTagNameMap} T
 * @param {T} tag
 * @param {Attributes} attributes
 * @param {Child[]} children
 */
export function draw(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

/**
 * Give an element that the page's markup has.
 * @template {string} K
 * @param {K} id
 */
export function byId(id) {
  /** @typedef {K extends keyof Elements ? Elements[K] : HTMLElement} Found */
  return /** @type {Found} */ (document.getElementById(id));
}

/**
 * Give the keyboard's place back after what had it was made anew.
 * @param {() => void} change
 */
export function keepFocus(change) {
  const key = document.activeElement?.getAttribute("data-key");
  change();
  if (!key) return;
  /** @type {NodeListOf<HTMLElement | SVGElement>} */
  const elements = document.querySelectorAll("[data-key]");
  const keyed = [...elements];
  // what was chosen may be gone from its list: then stay at the list
  const list = key.slice(0, key.indexOf(":") + 1);
  const found =
    keyed.find((element) => element.dataset.key === key) ??
    keyed.find((element) => element.dataset.key?.startsWith(list));
  found?.focus({ preventScroll: true });
}
