// Every page: the lock (F9, and by itself when nobody is there), and questions that close when one looks away.
import { openQuestion } from "./ask.js";

const lock = document.getElementById("lock");
const idleSeconds = Number(document.body.dataset.idleLockS || 0);
const ACTIVE = "desk-active-at";

// A phone shows a part of the office's pages: the one that is open among them.
document.querySelector(".office-nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });

if (lock) {
  document.addEventListener("keydown", (event) => {
    if (event.key === "F9" && !event.repeat) {
      event.preventDefault();
      lock.requestSubmit();
    }
  });
}

if (lock && idleSeconds) {
  // Other tabs of the same browser count as the same person at work.
  const touch = () => localStorage.setItem(ACTIVE, String(Date.now()));
  for (const kind of ["keydown", "pointerdown", "desk:active"]) {
    document.addEventListener(kind, touch, { passive: true });
  }
  touch();
  setInterval(() => {
    if (Date.now() - Number(localStorage.getItem(ACTIVE)) > idleSeconds * 1000) lock.requestSubmit();
  }, 5000);
}

document.addEventListener("pointerdown", (event) => {
  const open = openQuestion();
  if (open?.matches("details") && !open.contains(event.target)) open.open = false;
});

document.addEventListener("keydown", (event) => {
  const open = openQuestion();
  // A dialog closes by itself.
  if (event.key === "Escape" && open?.matches("details")) {
    open.open = false;
    open.querySelector("summary").focus();
    event.preventDefault();
    event.stopImmediatePropagation();
  }
});

document.addEventListener(
  "toggle",
  (event) => {
    if (event.target.matches?.("details.ask") && event.target.open) event.target.querySelector("input:not([type=hidden])")?.focus();
  },
  true,
);

// The page may have moved on without a reload: a change of language stays where one stands.
document.addEventListener("submit", (event) => {
  const next = event.target.querySelector?.('input[name="next"]');
  if (next && event.submitter?.name === "language") next.value = location.pathname + location.search;
});
