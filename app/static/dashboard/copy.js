// Buttons that copy the text, or the address, of another element; without a clipboard they stay hidden.
"use strict";

const SHOWN = 2_000; // milliseconds

async function copy(button) {
  const source = document.getElementById(button.dataset.copy);
  await navigator.clipboard.writeText(source.href || source.textContent);
  const label = button.firstChild;
  label.data = "Copied";
  document.getElementById("news").textContent = "Copied";
  setTimeout(() => (label.data = "Copy"), SHOWN);
}

function offer() {
  for (const button of document.querySelectorAll("[data-copy][hidden]")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

if (navigator.clipboard) {
  offer();
  document.addEventListener("shown", offer);
}
