// What the phone keeps: its number and key (usable, not readable), and how far its clock is off.
const NAME = "pay";

function opened() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, 1);
    request.onupgradeneeded = () => request.result.createObjectStore("kept");
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

async function within(mode, ask) {
  const database = await opened();
  try {
    return await new Promise((resolve, reject) => {
      const request = ask(database.transaction("kept", mode).objectStore("kept"));
      request.onsuccess = () => resolve(request.result);
      request.onerror = () => reject(request.error);
    });
  } finally {
    database.close();
  }
}

export const find = (name) => within("readonly", (kept) => kept.get(name));
export const keep = (name, value) => within("readwrite", (kept) => kept.put(value, name));

/** Forget the key and every page that was kept. */
export async function forget() {
  await within("readwrite", (kept) => kept.clear());
  for (const name of await caches.keys()) await caches.delete(name);
}
