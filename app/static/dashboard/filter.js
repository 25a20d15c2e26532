// Search fields that hide the rows of a table without the text. They are hidden without this script.
"use strict";

function filter(field) {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  const rows = [...document.getElementById(field.dataset.filters).children];
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every((word) => text.includes(word));
  }
  const shown = rows.filter((row) => !row.hidden).length;
  field.closest(".filter").querySelector("output").textContent = words.length ? `${shown} of ${rows.length}` : "";
}

for (const field of document.querySelectorAll("[data-filters]")) {
  field.closest(".filter").hidden = false;
  field.addEventListener("input", () => filter(field));
  filter(field);
}
