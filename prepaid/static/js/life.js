// The card drawer: pages about one card, shown over the counter; alone they are pages. Taps name the other card or a new one.
import { listen } from "./taps.js";

const drawer = document.getElementById("drawer");
const body = document.getElementById("drawer-body");

export const isDrawerOpen = () => Boolean(drawer?.open);

export function openDrawer(address) {
  return htmx.ajax("GET", address, { source: body, target: body, swap: "innerHTML" }).then(() => {
    if (body.firstElementChild && !drawer.open) drawer.showModal();
    settle();
  });
}

export function onDrawerTap(tap) {
  const form = document.getElementById("life");
  const reader = document.getElementById("reader");
  const tapped = document.getElementById("tapped");
  if (form && reader) {
    const isNew = tap.verified && !tap.card;
    form.elements.tap.value = isNew ? tap.id : "";
    reader.textContent = isNew ? reader.dataset.verified : tap.card ? reader.dataset.taken : reader.dataset.unverified;
    form.querySelector('input[name="medium"][value="nfc"]').checked = true;
  } else if (form && tapped && tap.card) {
    form.elements.to_card.value = tap.card;
    form.elements.to.value = "";
    tapped.textContent = `${tapped.dataset.says} •••• ${tap.last_four}`;
  }
}

// The cursor goes where the next key belongs.
function settle() {
  const wanted = body.querySelector("[aria-invalid=true], [autofocus], .life-field input") ?? body.querySelector(".life-title");
  wanted?.focus();
}

document.addEventListener("click", (event) => {
  if (!drawer || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const link = event.target.closest?.("a[data-drawer]");
  const close = event.target.closest?.("[data-drawer-close]");
  if (link) {
    event.preventDefault();
    openDrawer(link.href);
  } else if ((close && drawer.contains(close)) || event.target === drawer) {
    event.preventDefault();
    drawer.close();
  }
});

document.addEventListener("keydown", (event) => {
  const link = document.getElementById("card-life");
  if (event.key === "F2" && !event.repeat && link && drawer && !drawer.open) {
    event.preventDefault();
    openDrawer(link.href);
  }
});

// A form that only looks is answered in the drawer; one that does something leaves the page, and once.
document.addEventListener("submit", (event) => {
  const form = event.target;
  // Not form.id: the form has a field of that name.
  if (!form.matches("#life")) return;
  if (drawer && form.matches("[data-drawer-form]")) {
    event.preventDefault();
    const values = Object.fromEntries(new FormData(form));
    htmx.ajax("POST", form.action, { source: body, target: body, swap: "innerHTML", values }).then(settle);
    return;
  }
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => delete document.getElementById("life")?.dataset.sent);

drawer?.addEventListener("close", () => document.getElementById("q")?.focus());

if (!drawer && body) listen(body.dataset, onDrawerTap);
