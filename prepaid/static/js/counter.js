// The counter: keys, the pad and taps. The server decides everything; this only saves keystrokes and waiting.
import { openQuestion } from "./ask.js";
import { isDrawerOpen, onDrawerTap } from "./life.js";
import { reflect, sign, SIGNED, typeKey, typeQuick } from "./pad.js";
import { listen } from "./taps.js";

// Readers that send CR and LF press Enter twice: the second one must not commit what the first one armed.
const ENTER_GUARD_MS = 250;

const form = document.getElementById("cmd");
const q = document.getElementById("q");
const pill = document.getElementById("pill");
const coarse = matchMedia("(pointer: coarse)");

let waiting = 0;
let formWaits = false;
let enterPressed = false;
let armedAt = 0;
let sent = "";
let tapWaiting = null;

const armed = () => document.getElementById("armed");
const field = (name) => armed().querySelector(`input[name="${name}"]`);
const openCard = () => field("card").value;
const isArmed = () => Boolean(field("id"));
const isSwitching = () => Boolean(field("switch").value);
const isBusy = () => Boolean(q.value || isArmed() || openQuestion() || waiting);

// Everything but the box's own form goes through the body, which no answer replaces: an element that an earlier
// answer took away would lose its own. The body sends one request at a time.
function go(address) {
  return htmx.ajax("GET", address, { source: document.body, target: "#desk", swap: "none" });
}

function send(values) {
  return htmx.ajax("POST", form.action, { source: document.body, target: "#desk", swap: "none", values });
}

function goToCard(card) {
  return go(`${form.dataset.counter}/${card}?mode=${mode()}`);
}

function mode() {
  const pad = document.getElementById("pad");
  return document.querySelector('input[name="mode"]:checked')?.value ?? (pad?.dataset.kind || "load");
}

function focusBox() {
  if (!coarse.matches && !openQuestion()) q.focus();
}

// Enter

document.addEventListener(
  "submit",
  (event) => {
    if (event.target.matches("form[data-desk]")) {
      event.preventDefault();
      if (!formWaits) send(Object.fromEntries(new FormData(event.target, event.submitter)));
      return;
    }
    if (event.target !== form) return;
    if (waiting) {
      enterPressed = q.value !== "";
    } else if (isSwitching() || q.value.trim()) {
      return;
    } else if (isArmed() && performance.now() - armedAt >= ENTER_GUARD_MS) {
      return;
    }
    event.preventDefault();
    event.stopImmediatePropagation();
    focusBox();
  },
  true,
);

document.body.addEventListener("htmx:beforeSend", (event) => {
  waiting += 1;
  form.classList.add("is-waiting");
  if (event.detail.elt === form) {
    formWaits = true;
    sent = q.value;
    q.value = "";
    reflect();
  }
});

document.body.addEventListener("htmx:afterRequest", (event) => {
  waiting -= 1;
  form.classList.toggle("is-waiting", waiting > 0);
  const { elt, successful, xhr } = event.detail;
  if (elt === form) formWaits = false;
  queueMicrotask(afterWaiting);
  if (successful) return;
  enterPressed = false;
  if (elt === form && !q.value) q.value = sent;
  show(xhr?.status >= 400 ? "say-fault" : "say-offline");
  reflect();
});

document.body.addEventListener("htmx:afterSettle", settle);
document.body.addEventListener("htmx:oobAfterSwap", (event) => {
  if (event.detail.target?.id === "pad") settle();
});

function settle() {
  if (isArmed()) armedAt = performance.now();
  // Given back once: a second look at the same answer must not undo what was typed or cleared since.
  const typed = armed().dataset.typed;
  armed().dataset.typed = "";
  if (typed && !q.value) {
    q.value = typed;
    q.select();
  }
  reflect();
  if (document.activeElement === document.body || !document.activeElement) focusBox();
}

function afterWaiting() {
  if (waiting) return;
  if (enterPressed) {
    enterPressed = false;
    if (q.value) form.requestSubmit();
  } else if (tapWaiting) {
    const tap = tapWaiting;
    tapWaiting = null;
    onTap(tap);
  }
}

function show(template) {
  const notice = document.getElementById(template).content.firstElementChild.cloneNode(true);
  document.querySelector("#desk > .notice")?.remove();
  document.getElementById("desk").prepend(notice);
  return notice;
}

// Keys

document.addEventListener("keydown", (event) => {
  if (event.isComposing || isDrawerOpen()) return;
  if (event.key === "Enter" && event.repeat) event.preventDefault();
  if (event.key === "Escape" && !event.defaultPrevented) {
    event.preventDefault();
    stepBack();
  } else if (isPrintKey(event)) {
    event.preventDefault();
    print();
  } else if (isForTheBox(event)) {
    q.focus();
  }
});

function isPrintKey(event) {
  const plain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
  const here = event.target === q || event.target === document.body;
  return plain && here && /^p$/i.test(event.key) && !q.value && !isArmed() && !waiting && document.querySelector(".slip") !== null;
}

function isForTheBox(event) {
  const elsewhere = event.target.matches?.("input:not([type=radio]), textarea, select");
  return event.key.length === 1 && event.key !== " " && !elsewhere && !event.ctrlKey && !event.metaKey && !event.altKey;
}

// One step back: the offer to switch, what is typed, what is armed, the open card.
function stepBack() {
  if (isSwitching()) {
    offerSwitch(null);
  } else if (q.value) {
    q.value = "";
    reflect();
  } else if (formWaits) {
    // What was sent cannot be taken back: its answer comes first.
    return;
  } else if (isArmed()) {
    field("id").remove();
    armed().dataset.armed = "";
    goToCard(openCard());
  } else if (openCard()) {
    go(form.dataset.counter);
  } else {
    document.querySelector("#desk > .notice")?.remove();
  }
  focusBox();
}

// The pad

document.addEventListener("pointerdown", (event) => {
  if (event.target.closest?.(".key, .quick .button, #go")) {
    // The box keeps the cursor while the pad is pressed.
    if (!coarse.matches) event.preventDefault();
  }
});

document.addEventListener("click", (event) => {
  const key = event.target.closest?.(".key");
  const quick = event.target.closest?.(".quick .button");
  if (key) typeKey(key.dataset.key, mode());
  if (quick) {
    typeQuick(quick.dataset.amount, mode());
    form.requestSubmit();
  }
  const elsewhere = event.target.closest?.("a[data-desk]");
  if (elsewhere && !event.ctrlKey && !event.metaKey && !event.shiftKey) {
    event.preventDefault();
    if (!formWaits) go(elsewhere.href);
  }
  const link = event.target.closest?.("#print");
  if (link && document.querySelector(".slip") && !event.ctrlKey && !event.metaKey) {
    event.preventDefault();
    print();
  }
});

document.addEventListener("change", (event) => {
  if (event.target.name !== "mode") return;
  q.value = q.value.replace(SIGNED, sign(mode()));
  reflect();
  if (isArmed()) form.requestSubmit();
  focusBox();
});

q.addEventListener("input", reflect);

// Taps

function onTap(tap) {
  if (isDrawerOpen()) {
    onDrawerTap(tap);
  } else if (waiting) {
    tapWaiting = tap;
  } else if (!tap.card) {
    const notice = show(tap.verified ? "say-new-card" : "say-unknown-card");
    const link = notice.querySelector("a");
    if (link) link.href = `${form.dataset.newCard}?tap=${tap.id}`;
  } else if (!isBusy()) {
    goToCard(tap.card);
  } else if (tap.card === openCard()) {
    refresh();
  } else {
    offerSwitch(tap);
  }
}

// A sale at the terminal: shown where its card is open, or nothing is.
function onPosted(card) {
  if (isDrawerOpen() || waiting) return;
  if (card === openCard() && isBusy()) refresh();
  else if (card === openCard() || (!openCard() && !isBusy())) goToCard(card);
}

// The same card moved elsewhere while something is typed or armed here: new figures, nothing thrown away.
function refresh() {
  const values = Object.fromEntries(new FormData(form));
  delete values.q;
  send({ ...values, refresh: "1" });
}

function offerSwitch(tap) {
  field("switch").value = tap ? tap.card : "";
  armed().dataset.switch = tap ? tap.card : "";
  form.querySelector(".say-switch").textContent = tap
    ? document.getElementById("say-switch").content.textContent.replace("{card}", tap.last_four)
    : "";
}

listen(form.dataset, onTap, (state) => {
  if (!pill) return;
  pill.dataset.stream = state;
  const says = document.getElementById("pill-says");
  says.textContent = says.dataset[state];
}, onPosted);

if (isArmed()) armedAt = performance.now();
if (q.value) q.select();
reflect();
focusBox();
document.documentElement.dataset.ready = "yes";
