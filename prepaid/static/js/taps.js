// Taps and sales at the paired terminal: a stream while the page is in sight, a question each second while the stream is cut.

const POLL_MS = 1000;
const AGAIN_MS = 5000;

export function listen({ taps, latest, after }, onTap, onState = () => {}, onPosted = () => {}) {
  if (!taps) return;
  let last = Number(after) || 0;
  let source = null;
  let polling = null;
  let again = null;

  const hear = (tap) => {
    if (tap.id <= last) return;
    last = tap.id;
    document.dispatchEvent(new CustomEvent("desk:active"));
    onTap(tap);
  };

  const poll = async () => {
    try {
      const answer = await fetch(`${latest}?after=${last}`, { redirect: "manual", headers: { Accept: "application/json" } });
      if (answer.type === "opaqueredirect") return location.reload();
      if (!polling) return;
      onState(answer.ok ? "polling" : "closed");
      if (answer.status === 200) hear(await answer.json());
    } catch {
      onState("closed");
    }
  };

  const close = () => {
    source?.close();
    source = null;
    clearInterval(polling);
    polling = null;
    clearTimeout(again);
  };

  const open = () => {
    close();
    source = new EventSource(`${taps}?after=${last}`);
    source.onopen = () => {
      clearInterval(polling);
      polling = null;
      onState("open");
    };
    source.addEventListener("tap", (event) => hear(JSON.parse(event.data)));
    source.addEventListener("posted", (event) => onPosted(JSON.parse(event.data).card));
    source.onerror = () => {
      onState("closed");
      polling ??= setInterval(poll, POLL_MS);
      // The browser connects again by itself, unless the answer was an error.
      if (source?.readyState === EventSource.CLOSED) again = setTimeout(open, AGAIN_MS);
    };
  };

  // A hidden page gives its connection back: a browser has six for one site.
  const follow = () => {
    if (document.hidden) {
      close();
      onState("closed");
    } else if (!source) {
      open();
    }
  };
  document.addEventListener("visibilitychange", follow);
  addEventListener("pagehide", close);
  addEventListener("pageshow", follow);
  follow();
}
