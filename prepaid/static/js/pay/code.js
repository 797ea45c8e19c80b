// The phone's side of a pay code: prepaid/cards/pay_codes.py makes the very same.
export const WINDOW_S = 30;
const PREFIX = "88";

export const windowAt = (ms) => Math.floor(ms / 1000 / WINDOW_S);

/** Turn the secret's hexadecimal into a key that this page can use and nobody can read back. */
export function importKey(hex) {
  const bytes = Uint8Array.from(hex.match(/../g), (pair) => parseInt(pair, 16));
  return crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
}

/** Make the 24 digits of a window. */
export async function makeCode(number, key, window) {
  const text = new TextEncoder().encode("pay_code:" + number);
  const message = new Uint8Array(text.length + 8);
  message.set(text);
  new DataView(message.buffer).setBigUint64(text.length, BigInt(window));
  const mac = new DataView(await crypto.subtle.sign("HMAC", key, message));
  const proof = String(mac.getBigUint64(0) % 10n ** 10n).padStart(10, "0");
  const body = PREFIX + number + String(window % 100).padStart(2, "0") + proof;
  return body + checkDigit(body);
}

export const grouped = (digits) => digits.match(/.{1,4}/g).join(" ");

// Luhn's: every second digit counts double, from the right.
function checkDigit(body) {
  let sum = 0;
  [...body].reverse().forEach((digit, place) => {
    const value = Number(digit) * (place % 2 ? 1 : 2);
    sum += value > 9 ? value - 9 : value;
  });
  return String((10 - (sum % 10)) % 10);
}
