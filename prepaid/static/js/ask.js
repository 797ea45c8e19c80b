// Questions in place (details.ask) and the drawer: whether one is open. Kept apart so that every page shares one copy.

export function openQuestion() {
  return document.querySelector("details.ask[open], dialog[open]");
}
