// The amount at the right: it shows what is typed in the box, and its keys type into the box.

const q = document.getElementById("q");
const AMOUNT = /^([+\-−*/])?(\d{1,10}(?:,\d{3})*)?(?:\.(\d*))?$/;

export const SIGNED = /^[+\-−*/]/;
const KIND_OF_SIGN = { "+": "load", "-": "redeem", "−": "redeem", "/": "hold", "*": "refund" };

export function typeKey(key, mode) {
  const text = q.value;
  if (key === "back") {
    q.value = text.length <= 2 && SIGNED.test(text) ? "" : text.slice(0, -1);
  } else {
    q.value = (text || sign(mode)) + key;
  }
  reflect();
}

export function typeQuick(amount, mode) {
  q.value = sign(mode) + amount;
  reflect();
}

// What is typed by the keys of the pad begins with the sign of what is chosen; a capture has none.
export function sign(mode) {
  return { load: "+", redeem: "-", hold: "/", refund: "*" }[mode] ?? "";
}

export function reflect() {
  const pad = document.getElementById("pad");
  const amount = document.getElementById("amount");
  if (!amount) return;
  const match = AMOUNT.exec(q.value.trim());
  const typed = match && (match[2] || match[3]) ? match : null;
  const wanted = match?.[1] && KIND_OF_SIGN[match[1]];
  const radio = pad.querySelector(`input[name="mode"][value="${wanted}"]`);
  if (radio) radio.checked = true;
  remember(pad);
  const say = pad.querySelector("#go > span");
  const kind = pad.querySelector('input[name="mode"]:checked')?.value ?? pad.dataset.kind;
  const mode = wanted in say.dataset ? wanted : kind;
  const isArmed = pad.dataset.armed === "yes" && !q.value;
  if (q.value || !isArmed) write(amount, typed);
  else amount.innerHTML = pad.dataset.amount;
  say.textContent = isArmed ? pad.dataset.say : typed ? `${say.dataset[mode]} ${amount.textContent.trim()}` : say.dataset[mode];
  pad.querySelector("#go").classList.toggle("is-armed", isArmed);
  pad.querySelector("#go").classList.toggle("is-idle", !isArmed && !typed);
  pad.querySelector(".sums").classList.toggle("is-stale", pad.dataset.armed === "yes" && !isArmed);
  const plain = isArmed ? amount.textContent.replace(/[^\d.]/g, "") : typed ? `${typed[2] ?? 0}.${typed[3] ?? ""}` : "";
  for (const button of pad.querySelectorAll(".quick .button")) {
    button.setAttribute("aria-pressed", String(plain !== "" && Number(button.dataset.amount) === Number(plain)));
  }
}

// What the server wrote, for when the box is empty again.
function remember(pad) {
  if (pad.dataset.amount !== undefined) return;
  pad.dataset.amount = document.getElementById("amount").innerHTML;
  pad.dataset.say = pad.querySelector("#go > span").textContent;
}

function write(output, typed) {
  const figure = output.querySelector(".money-big");
  const mark = figure.querySelector(".money-mark");
  const rest = figure.querySelector(".money-rest");
  const places = Number(output.dataset.places);
  const whole = (typed?.[2] ?? "0").replace(/,/g, "").replace(/^0+(?=\d)/, "");
  figure.replaceChildren(mark, whole.replace(/\B(?=(\d{3})+$)/g, ","), rest);
  const unit = whole === "1" ? output.dataset.one : output.dataset.many;
  rest.textContent = places ? `.${(typed?.[3] ?? "").slice(0, places).padEnd(places, "0")}` : (unit ?? "");
  output.classList.toggle("is-zero", !typed);
}
