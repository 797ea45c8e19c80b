// A QR code of 24 digits, made without a connection: ISO/IEC 18004, always version 2, level H, mask 0.
// One size and one kind of content: that is all a pay code needs, and tests hold it against segno.
const SIZE = 25;
const DATA_WORDS = 16;
const CHECK_WORDS = 28;

/** Give the rows of modules, true where dark. */
export function modulesOf(digits) {
  const rows = Array.from({ length: SIZE }, () => Array(SIZE).fill(null));
  drawPatterns(rows);
  drawWords(rows, withCheckWords(wordsOf(digits)));
  return rows;
}

/** Give one SVG path over a square of 25 + 2 * border units. */
export function pathOf(rows, border = 2) {
  let path = "";
  rows.forEach((row, y) =>
    row.forEach((dark, x) => {
      if (dark) path += `M${x + border} ${y + border}h1v1h-1z`;
    }),
  );
  return path;
}

export const sideOf = (border = 2) => SIZE + 2 * border;

function wordsOf(digits) {
  let bits = "0001" + digits.length.toString(2).padStart(10, "0");
  for (const group of digits.match(/.{1,3}/g)) bits += Number(group).toString(2).padStart([0, 4, 7, 10][group.length], "0");
  bits += "0000";
  bits = bits.padEnd(Math.ceil(bits.length / 8) * 8, "0");
  const words = bits.match(/.{8}/g).map((byte) => parseInt(byte, 2));
  for (let pad = 0; words.length < DATA_WORDS; pad += 1) words.push(pad % 2 ? 0x11 : 0xec);
  return words;
}

// Reed-Solomon over GF(256) with the polynomial 0x11d.
function withCheckWords(words) {
  let generator = [1];
  for (let root = 0; root < CHECK_WORDS; root += 1) {
    const next = [...generator, 0];
    generator.forEach((factor, place) => (next[place + 1] ^= times(factor, power(root))));
    generator = next;
  }
  const rest = [...words, ...Array(CHECK_WORDS).fill(0)];
  for (let place = 0; place < words.length; place += 1) {
    const factor = rest[place];
    generator.forEach((part, offset) => (rest[place + offset] ^= times(part, factor)));
  }
  return [...words, ...rest.slice(words.length)];
}

function times(one, other) {
  let product = 0;
  for (; other; other >>= 1) {
    if (other & 1) product ^= one;
    one = (one << 1) ^ (one & 0x80 ? 0x11d : 0);
  }
  return product;
}

function power(exponent) {
  let value = 1;
  for (let step = 0; step < exponent; step += 1) value = times(value, 2);
  return value;
}

function drawPatterns(rows) {
  for (const [top, left] of [[0, 0], [0, SIZE - 7], [SIZE - 7, 0]]) {
    for (let y = -1; y <= 7; y += 1)
      for (let x = -1; x <= 7; x += 1) {
        const ring = Math.max(Math.abs(y - 3), Math.abs(x - 3));
        if (rows[top + y] && left + x >= 0 && left + x < SIZE) rows[top + y][left + x] = ring !== 2 && ring !== 4;
      }
  }
  for (let y = -2; y <= 2; y += 1)
    for (let x = -2; x <= 2; x += 1) rows[18 + y][18 + x] = Math.max(Math.abs(y), Math.abs(x)) !== 1;
  for (let place = 8; place < SIZE - 8; place += 1) rows[6][place] = rows[place][6] = place % 2 === 0;
  // Level H and mask 0, with their check bits: the same for every pay code.
  const format = 0b001011010001001;
  for (let bit = 0; bit < 15; bit += 1) {
    const dark = Boolean((format >> bit) & 1);
    rows[bit < 6 ? bit : bit < 8 ? bit + 1 : SIZE - 15 + bit][8] = dark;
    rows[8][bit < 8 ? SIZE - 1 - bit : bit < 9 ? 7 : 14 - bit] = dark;
  }
  rows[SIZE - 8][8] = true;
}

function drawWords(rows, words) {
  // Version 2 ends with seven bits that carry nothing.
  const bits = words.map((word) => word.toString(2).padStart(8, "0")).join("") + "0000000";
  let next = 0;
  let upwards = true;
  for (let right = SIZE - 1; right > 0; right -= 2) {
    if (right === 6) right = 5;
    for (let step = 0; step < SIZE; step += 1) {
      const y = upwards ? SIZE - 1 - step : step;
      for (const x of [right, right - 1]) {
        if (rows[y][x] !== null) continue;
        rows[y][x] = (bits[next] === "1") !== ((x + y) % 2 === 0);
        next += 1;
      }
    }
    upwards = !upwards;
  }
}
