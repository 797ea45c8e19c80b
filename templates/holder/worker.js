{% load static %}{% get_static_prefix as static_prefix %}// Shows the phone's pages without a connection: the site first, what was kept when it does not answer.
const KEPT = "pay-1";
const SITE_WAIT_MS = 4000;
const PAGES = ["{% url 'holder_pay' %}", "{% url 'holder_history' %}", "{% url 'holder_freeze' %}"];
const FILES = [
  "{% static 'css/tokens.css' %}",
  "{% static 'css/base.css' %}",
  "{% static 'css/ui.css' %}",
  "{% static 'css/holder.css' %}",
  "{% static 'icon.svg' %}",
  "{% static 'vendor/inter/inter-latin-wght-normal.woff2' %}",
  "{% static 'js/pay/phone.js' %}",
  "{% static 'js/pay/pay.js' %}",
  // What the modules import by the names that stand in them.
  "{{ static_prefix }}js/pay/code.js",
  "{{ static_prefix }}js/pay/qr.js",
  "{{ static_prefix }}js/pay/store.js",
];

addEventListener("install", (event) => {
  skipWaiting();
  event.waitUntil(caches.open(KEPT).then((kept) => kept.addAll([...FILES, ...PAGES])));
});

addEventListener("activate", (event) => event.waitUntil(clients.claim()));

addEventListener("fetch", (event) => {
  const { request } = event;
  const { pathname, origin } = new URL(request.url);
  if (request.method !== "GET" || origin !== location.origin) return;
  // A page that asks for what is fresh wants no answer rather than an old one.
  const isPage = PAGES.includes(pathname) && !request.headers.has("X-Fresh");
  if (isPage || pathname.startsWith("{{ static_prefix }}")) event.respondWith(answer(request));
});

async function answer(request) {
  const kept = await caches.open(KEPT);
  const fresh = fetch(request).then(async (response) => {
    if (response.ok && !response.redirected) await kept.put(request.url, response.clone());
    return response;
  });
  const old = await kept.match(request.url);
  if (!old) return fresh;
  const late = new Promise((resolve) => setTimeout(resolve, SITE_WAIT_MS, old));
  return Promise.race([fresh.catch(() => old), late]);
}
