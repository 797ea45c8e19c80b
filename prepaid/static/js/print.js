// Buttons that print the slip on this page; without scripts the browser's own print does the same.

for (const button of document.querySelectorAll("[data-print]")) {
  button.hidden = false;
  button.addEventListener("click", () => print());
}
