// Amounts are decimal text from the answer to the screen: nothing here adds, and no amount becomes
// a binary number. What is rounded is only shown so; the whole amount stands beside it.

const PLAIN = /^(-?)(\d+)(?:\.(\d+))?$/;
const MINUS = "\u2212";

/** @param {string} digits */
function group(digits) {
  return digits.replace(/\B(?=(\d{3})+$)/g, ",");
}

/**
 * Digits behind the point that a currency is written with.
 * @param {string} currency
 */
export function placesOf(currency) {
  try {
    const format = new Intl.NumberFormat("en", { style: "currency", currency });
    return format.resolvedOptions().maximumFractionDigits ?? 2;
  } catch {
    // no currency of ISO 4217
    return 2;
  }
}

/**
 * Write an amount with all its digits.
 * @param {string} text
 */
export function exact(text) {
  const found = PLAIN.exec(text);
  if (!found) return String(text);
  const [, sign, whole, fraction] = found;
  return (sign ? MINUS : "") + group(whole) + (fraction ? `.${fraction}` : "");
}

/**
 * Write an amount with so many places, half up; one too small for them as "< 0.01".
 * @param {string} text
 * @param {number} places
 */
export function rounded(text, places) {
  const found = PLAIN.exec(text);
  if (!found) return String(text);
  const [, sign, whole, fraction = ""] = found;
  const least = places ? `0.${"1".padStart(places, "0")}` : "1";
  const kept = BigInt(whole + fraction.slice(0, places).padEnd(places, "0"));
  if (kept === 0n) {
    if (!/[1-9]/.test(fraction)) return places ? `0.${"0".repeat(places)}` : "0";
    return sign ? `> ${MINUS}${least}` : `< ${least}`;
  }
  const up = fraction.charAt(places) >= "5" ? 1n : 0n;
  const digits = String(kept + up).padStart(places + 1, "0");
  const cut = digits.length - places;
  const tail = places ? `.${digits.slice(cut)}` : "";
  return (sign ? MINUS : "") + group(digits.slice(0, cut)) + tail;
}

/**
 * Write a share such as 0.98681 as a percentage, cut off: 100% is said of the whole alone.
 * @param {string | null} text
 */
export function percent(text) {
  const found = PLAIN.exec(text ?? "");
  if (!found) return "";
  const [, , whole, fraction = ""] = found;
  const digits = String(BigInt(whole + fraction.slice(0, 3).padEnd(3, "0"))).padStart(2, "0");
  return `${digits.slice(0, -1)}.${digits.slice(-1)}%`.replace(".0%", "%");
}

/**
 * Write a count.
 * @param {string | number} number
 */
export function count(number) {
  return group(String(number));
}
