// Asks the API. The token goes into a header and nowhere else.

const TOKEN = "ai-focus-token";
const NUMBER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?/g;

/** A refusal, with the detail of its problem document. */
export class Problem extends Error {
  constructor(status, detail) {
    super(detail);
    this.status = status;
  }
}

export function token() {
  return sessionStorage.getItem(TOKEN);
}

export function keepToken(value) {
  if (value) sessionStorage.setItem(TOKEN, value);
  else sessionStorage.removeItem(TOKEN);
}

/** Read JSON with every number as text, so that no digit of an amount is lost. */
export function parseExact(text) {
  return JSON.parse(text.replace(NUMBER, (part) => (part.startsWith('"') ? part : `"${part}"`)));
}

async function ask(path, options) {
  const headers = { ...options.headers };
  let response;
  try {
    if (token()) headers.Authorization = `Bearer ${token()}`;
    response = await fetch(path, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
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

/** Ask for an answer; parameters that are null are left out. */
export async function get(path, parameters, signal) {
  const given = Object.entries(parameters).filter(([, value]) => value !== null);
  const query = new URLSearchParams(given).toString();
  return parseExact(await ask(query ? `${path}?${query}` : path, { signal }));
}

/** Order something. */
export async function post(path, body) {
  const headers = { "Content-Type": "application/json" };
  return parseExact(await ask(path, { method: "POST", headers, body: JSON.stringify(body) }));
}

export async function remove(path) {
  return parseExact(await ask(path, { method: "DELETE" }));
}
