// Issuing: waits for a new card on the reader, and sends the form once.
import { listen } from "./taps.js";

const form = document.getElementById("issue");
const says = document.getElementById("reader");
const pill = document.getElementById("pill");

form.addEventListener("submit", (event) => {
  if (form.dataset.sent) event.preventDefault();
  form.dataset.sent = "yes";
});
addEventListener("pageshow", () => delete form.dataset.sent);

listen(
  form.dataset,
  (tap) => {
    const isNew = tap.verified && !tap.card;
    form.elements.tap.value = isNew ? tap.id : "";
    says.textContent = isNew ? says.dataset.verified : tap.card ? says.dataset.taken : says.dataset.unverified;
    says.dataset.state = isNew ? "verified" : "refused";
    form.querySelector('input[name="medium"][value="nfc"]').checked = true;
  },
  (state) => {
    if (!pill) return;
    pill.dataset.stream = state;
    const pillSays = document.getElementById("pill-says");
    pillSays.textContent = pillSays.dataset[state];
  },
);
