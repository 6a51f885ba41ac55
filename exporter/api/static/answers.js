// Asks the API. The token goes into a header and nowhere else.

const TOKEN = "ai-focus-token";
const NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** A refusal, with the detail of its problem document. */
export class Problem extends Error {
  /**
   * @param {number} status of HTTP; 0 where there was no answer
   * @param {string} detail
   */
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

/**
 * Give a caught refusal; what is none is a fault of the page itself.
 * @param {unknown} error
 */
export function problemOf(error) {
  if (error instanceof Problem) return error;
  throw error;
}

export function token() {
  return sessionStorage.getItem(TOKEN);
}

/** @param {string | null} value */
export function keepToken(value) {
  if (value) sessionStorage.setItem(TOKEN, value);
  else sessionStorage.removeItem(TOKEN);
}

/**
 * Read JSON with every number as text, so that no digit of an amount is lost.
 * @param {string} text
 */
export function parseExact(text) {
  return JSON.parse(text.replace(NUMBER, (part) => (part.startsWith('"') ? part : `"${part}"`)));
}

/**
 * @param {string} path
 * @param {RequestInit} options
 */
async function ask(path, options) {
  let response;
  try {
    const headers = new Headers(options.headers);
    if (token()) headers.set("Authorization", `Bearer ${token()}`);
    // what a token sees is not to stay on the disk
    response = await fetch(path, { ...options, headers, cache: "no-store" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    if (error instanceof TypeError && /header/i.test(error.message)) {
      throw new Problem(401, "The token has characters that no token can have.");
    }
    throw new Problem(0, "The server can't be reached.");
  }
  const text = await response.text();
  if (response.ok) return text;
  let detail = `The server answered ${response.status}.`;
  try {
    detail = JSON.parse(text).detail || detail;
  } catch {
    // a proxy's own page
  }
  throw new Problem(response.status, detail);
}

/**
 * Ask for an answer; parameters that are null are left out.
 * @param {string} path
 * @param {Query} parameters
 * @param {AbortSignal} [signal]
 */
export async function get(path, parameters, signal) {
  const given = Object.entries(parameters).flatMap(([name, value]) =>
    value === null ? [] : [[name, String(value)]],
  );
  const query = new URLSearchParams(given).toString();
  return parseExact(await ask(query ? `${path}?${query}` : path, { signal }));
}

/**
 * Order something.
 * @param {string} path
 * @param {object} body
 */
export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return parseExact(await ask(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

/** @param {string} path */
export async function remove(path) {
  return parseExact(await ask(path, { method: "DELETE" }));
}
