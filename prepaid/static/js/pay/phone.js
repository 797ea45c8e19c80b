// On every page of a phone: keeps the pages for when there is no connection, and forgets all when asked.
import { forget } from "./store.js";

const { worker, linked } = document.body.dataset;

if (worker && "serviceWorker" in navigator) navigator.serviceWorker.register(worker, { scope: "/pay/" });

// A phone that was unlinked keeps nothing; without a connection no page says so.
if (linked === "no" && "caches" in globalThis) forget();

const unlink = document.getElementById("unlink");
unlink?.addEventListener("submit", async (event) => {
  event.preventDefault();
  if ("caches" in globalThis) await forget();
  unlink.submit();
});
