// Buttons that copy the text or the link of another element. They are hidden if the browser has no clipboard.
"use strict";

const CONFIRMATION = 2_000; // milliseconds

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.href || source.textContent);
  const label = button.firstChild;
  label.data = "Copied";
  document.getElementById("news").textContent = "Copied";
  setTimeout(() => (label.data = "Copy"), CONFIRMATION);
}

function showButtons() {
  for (const button of document.querySelectorAll("[data-copy][hidden]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

if (navigator.clipboard) {
  showButtons();
  document.addEventListener("shown", showButtons);
}
