"use strict";
// The arrow keys go from cell to cell of the heatmap; what a cell says is shown by the style and told by its label.
const STEPS = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
for (const heat of document.querySelectorAll("table.heat")) {
  const rows = [...heat.tBodies[0].querySelectorAll("tr:not(.flag)")].map((row) => [...row.querySelectorAll("td")]);
  heat.addEventListener("keydown", (event) => {
    const step = STEPS[event.key];
    const row = rows.findIndex((cells) => cells.includes(event.target));
    if (!step || row < 0) return;
    const to = rows[row + step[0]]?.[rows[row].indexOf(event.target) + step[1]];
    event.preventDefault();
    if (!to) return;
    event.target.tabIndex = -1;
    to.tabIndex = 0;
    to.focus();
  });
}
