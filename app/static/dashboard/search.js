// Searches while the visitor types: the address gets the text after a pause, and live.js shows the list of that address.
"use strict";

const TYPING = 300; // milliseconds without a key until the list changes

const form = document.querySelector("[data-searches]");
const field = form.elements.q;
let pause = null;
let typing = false; // whether the present entry of the history is a text that the visitor still types

function address() {
  const filled = [...new FormData(form)].filter(([, value]) => value);
  const query = new URLSearchParams(filled).toString();
  return location.pathname + (query && `?${query}`);
}

function search() {
  clearTimeout(pause);
  const next = address();
  if (next === location.pathname + location.search) return;
  // One entry for each text, not for each letter: "back" returns to the list before the visitor typed.
  if (typing) history.replaceState(null, "", next);
  else history.pushState(null, "", next);
  typing = true;
  document.dispatchEvent(new Event("moved"));
}

field.addEventListener("input", () => {
  clearTimeout(pause);
  pause = setTimeout(search, TYPING);
});
field.addEventListener("change", () => (typing = false));
form.addEventListener("submit", (event) => {
  event.preventDefault();
  search();
  typing = false;
});
addEventListener("popstate", () => {
  clearTimeout(pause);
  typing = false;
  field.value = new URLSearchParams(location.search).get("q") ?? "";
  document.dispatchEvent(new Event("moved"));
});
