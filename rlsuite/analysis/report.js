"use strict";
// Numbers sort as numbers by what leads the cell ("0.61 [0.58, 0.64]", "12,000", "< 0.001"); what has none goes last.
const value = (cell) => {
  const text = cell.textContent.replace(/,(?=\d{3})/g, "").replace(/^< /, "");
  return /^[-+]?[.\d]/.test(text) ? parseFloat(text) : null;
};
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.firstElementChild.addEventListener("click", () => {
    const up = head.getAttribute("aria-sort") !== "ascending";
    heads.forEach((other) => other.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", up ? "ascending" : "descending");
    const keyed = [...table.tBodies[0].rows].map((row) => [row, value(row.cells[column]), row.cells[column].textContent]);
    const numeric = keyed.some((entry) => entry[1] !== null);
    keyed.sort((a, b) => {
      if (!numeric) return (up ? 1 : -1) * a[2].localeCompare(b[2]);
      if (a[1] === null || b[1] === null) return (a[1] === null) - (b[1] === null);
      return (up ? 1 : -1) * (a[1] - b[1]);
    });
    table.tBodies[0].append(...keyed.map((entry) => entry[0]));
  }));
}
for (const input of document.querySelectorAll("input[data-for]")) {
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/);
    for (const row of document.getElementById(input.dataset.for).tBodies[0].rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
    }
  });
}
