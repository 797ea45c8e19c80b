// The pay code: made on the phone from its key and the time, drawn anew in each window.
import { WINDOW_S, grouped, importKey, makeCode, windowAt } from "./code.js";
import { modulesOf, pathOf, sideOf } from "./qr.js";
import { find, keep } from "./store.js";

const REFRESH_MS = 10_000;
const TICK_MS = 250;

const panel = document.getElementById("code");
const path = document.getElementById("code-path");
const digits = document.getElementById("digits");
const left = document.getElementById("left");
const bar = document.getElementById("bar");
let clockOff = 0;
let shown = null;

const now = () => Date.now() + clockOff;

async function start() {
  if (!crypto.subtle) return say("insecure");
  clockOff = (await find("clock")) ?? 0;
  await listenToTheSite();
  const own = (await identity()) ?? (await askForIdentity());
  if (!own) return say("offline");
  await tick(own);
  setInterval(() => tick(own), TICK_MS);
  setInterval(() => document.hidden || listenToTheSite(), REFRESH_MS);
  document.addEventListener("visibilitychange", () => document.hidden || listenToTheSite());
}

async function identity() {
  const own = await find("identity");
  return own?.phone === panel.dataset.phone ? own : null;
}

async function askForIdentity() {
  const form = document.getElementById("secret");
  try {
    const answer = await fetch(form.action, { method: "POST", body: new FormData(form) });
    if (!answer.ok) return null;
    const { number, secret } = await answer.json();
    const own = { phone: panel.dataset.phone, number, key: await importKey(secret) };
    await keep("identity", own);
    return own;
  } catch {
    return null;
  }
}

/** Take the site's time, the balance and what was spent; without a connection all stays as it was. */
async function listenToTheSite() {
  const asked = Date.now();
  let answer;
  try {
    answer = await fetch(location.pathname, { headers: { "X-Fresh": "yes" }, cache: "no-store" });
  } catch {
    return say("offline");
  }
  if (!answer.ok) return;
  // The header tells whole seconds: its middle, and the middle of the way.
  const told = Date.parse(answer.headers.get("Date") ?? "") + 500;
  if (!Number.isNaN(told)) {
    const off = told - (asked + Date.now()) / 2;
    clockOff = Math.abs(off) < 1500 ? 0 : off;
    await keep("clock", clockOff);
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const sums = page.getElementById("sums");
  if (!sums || !page.getElementById("code")) return location.reload();
  document.getElementById("sums").replaceWith(sums);
  panel.dataset.spent = page.getElementById("code").dataset.spent;
  say(null);
}

async function tick(own) {
  const at = now();
  const window = windowAt(at);
  const rest = WINDOW_S - (at / 1000) % WINDOW_S;
  left.textContent = Math.ceil(rest);
  bar.value = rest;
  panel.dataset.state = window <= Number(panel.dataset.spent) ? "spent" : "good";
  if (window === shown) return;
  shown = window;
  const code = await makeCode(own.number, own.key, window);
  path.setAttribute("d", pathOf(modulesOf(code)));
  path.ownerSVGElement.setAttribute("viewBox", `0 0 ${sideOf()} ${sideOf()}`);
  digits.textContent = grouped(code);
  document.documentElement.dataset.code = code;
}

function say(what) {
  for (const notice of document.querySelectorAll("[data-says]")) notice.hidden = notice.dataset.says !== what;
}

start();
