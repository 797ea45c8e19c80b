// Linking: the token stands behind the #, so that it reaches no server but by this form.
const form = document.getElementById("link");
const token = location.hash.slice(1);

if (token) {
  form.elements.token.value = token;
  form.querySelector("button").disabled = false;
  document.getElementById("no-token").hidden = true;
  history.replaceState(null, "", location.pathname);
}
