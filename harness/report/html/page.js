"use strict";
(() => {
  const run = JSON.parse(document.getElementById("run").textContent);
  const tip = document.getElementById("tip"), told = document.getElementById("told");
  const track = document.querySelector(".track"), scroller = document.querySelector(".scroller");
  const days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
  const months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const two = (value) => String(value).padStart(2, "0");

  const clock = (unit) => {
    const seconds = unit * run.unit;
    const [, offset, zone] = run.offsets.filter(([since]) => seconds >= since).pop();
    const local = new Date((run.start + seconds + offset) * 1000);
    const day = run.dated ? `${local.getUTCDate()} ${months[local.getUTCMonth()]}` : days[local.getUTCDay()];
    return `${day} ${two(local.getUTCHours())}:${two(local.getUTCMinutes())}:${two(local.getUTCSeconds())}${zone}`;
  };

  /* What a lane or a plot shows at a moment: where that stretch begins and ends, and its words. */
  const at = (handle, x) => {
    if (handle.dataset.lane !== undefined) {
      const place = Number(handle.dataset.lane), [name, ...steps] = run.lanes[place];
      let found = 0;
      while (found + 2 < steps.length && steps[found + 2] <= x) found += 2;
      const begins = steps[found] ?? 0, ends = found + 2 < steps.length ? steps[found + 2] : run.width;
      const within = (spans) => spans.some((begins, each) => each % 2 === 0 && begins <= x && x < spans[each + 1]);
      const [outages, unseen] = run.spans[place - run.first] ?? [[], []];
      const away = (within(outages) ? "\nwithout its server" : "") + (within(unseen) ? "\nnothing tells what it draws now" : "");
      const words = steps.length ? run.meanings[steps[found + 1]] : "nothing is known";
      return { begins, ends, text: `${name}, ${clock(begins)} to ${clock(ends)}\n${words}${away}` };
    }
    const [name, unit, heads, ...values] = run.series[Number(handle.dataset.plot)];
    const bin = run.bin / run.unit, place = Math.floor(x / bin);
    const words = heads.map((head, each) => `${head}: ${values[each][place] ?? "–"} ${unit}`).join("\n");
    return { begins: place * bin, ends: Math.min((place + 1) * bin, run.width), text: `${name}, ${clock(place * bin)}\n${words}` };
  };

  let about = null;
  const show = (handle, x, aloud) => {
    about = x;
    const found = at(handle, x), box = handle.getBoundingClientRect();
    tip.textContent = found.text;
    tip.hidden = false;
    const left = Math.min(Math.max(box.left + (box.width * x) / run.width, 8), innerWidth - tip.offsetWidth - 8);
    const above = box.top - tip.offsetHeight - 6;
    tip.style.left = `${Math.max(8, left)}px`;
    tip.style.top = `${above > 4 ? above : box.bottom + 6}px`;
    let cursor = handle.querySelector(".cursor");
    if (!cursor) { cursor = document.createElement("i"); cursor.className = "cursor"; handle.style.position = "relative"; handle.append(cursor); }
    cursor.style.left = `${(100 * x) / run.width}%`;
    if (aloud) {
      handle.dataset.x = x;
      handle.setAttribute("aria-valuenow", Math.round(x));
      handle.setAttribute("aria-valuetext", found.text.replace("\n", ": "));
      told.textContent = found.text;
    }
    return found;
  };
  const hide = (handle) => { tip.hidden = true; handle.querySelector(".cursor")?.remove(); };
  const into = (handle, x) => {
    const label = handle.closest(".row").querySelector(".label").offsetWidth;
    const there = label + ((track.offsetWidth - label) * x) / run.width - scroller.scrollLeft;
    if (there < label + 20 || there > scroller.clientWidth - 20) scroller.scrollLeft += there - (scroller.clientWidth + label) / 2;
  };

  for (const handle of document.querySelectorAll("[data-lane], [data-plot]")) {
    const pointed = (event) => {
      const box = handle.getBoundingClientRect();
      return Math.min(Math.max(((event.clientX - box.left) / box.width) * run.width, 0), run.width - 1e-6);
    };
    handle.addEventListener("pointermove", (event) => show(handle, pointed(event), false));
    handle.addEventListener("pointerdown", (event) => show(handle, pointed(event), true));
    handle.addEventListener("pointerleave", (event) => { if (event.pointerType === "mouse") hide(handle); });
    handle.addEventListener("focus", () => { if (handle.matches(":focus-visible")) show(handle, Number(handle.dataset.x ?? 0), true); });
    handle.addEventListener("blur", () => hide(handle));
    handle.addEventListener("keydown", (event) => {
      const x = Number(handle.dataset.x ?? 0), here = at(handle, x);
      const to = { ArrowRight: here.ends < run.width ? here.ends : x, ArrowLeft: here.begins > 0 ? at(handle, here.begins - 1e-6).begins : 0, Home: 0, End: at(handle, run.width - 1e-6).begins }[event.key];
      if (to === undefined) { if (event.key === "Escape") hide(handle); return; }
      event.preventDefault();
      into(handle, to);
      show(handle, to, true);
    });
  }

  let level = 0;
  const zoom = (to) => {
    const label = document.querySelector(".row .label").offsetWidth, before = track.offsetWidth - label;
    /* About what was looked at last, at first about where the outage begins; zoomed already, about what is in the middle. */
    const seen = (scroller.scrollLeft + (scroller.clientWidth - label) / 2) / before;
    const middle = about !== null ? about / run.width : level ? seen : run.focus / run.width;
    level = Math.min(Math.max(to, 0), run.zooms.length - 1);
    track.style.setProperty("--zoom", run.zooms[level]);
    track.className = `track level${level}`;
    scroller.scrollLeft = middle * (track.offsetWidth - label) - (scroller.clientWidth - label) / 2;
    document.getElementById("out").disabled = level === 0;
    document.getElementById("in").disabled = level === run.zooms.length - 1;
  };
  document.getElementById("in").addEventListener("click", () => zoom(level + 1));
  document.getElementById("out").addEventListener("click", () => zoom(level - 1));
  document.getElementById("whole").addEventListener("click", () => zoom(0));
  scroller.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") zoom(level + 1);
    else if (event.key === "-") zoom(level - 1);
    else return;
    event.preventDefault();
  });
  scroller.addEventListener("wheel", (event) => {
    if (!event.ctrlKey) return;
    event.preventDefault();
    zoom(level + (event.deltaY < 0 ? 1 : -1));
  }, { passive: false });
  zoom(0);

  document.addEventListener("pointerdown", (event) => {
    if (!event.target.closest("[data-lane], [data-plot]")) for (const cursor of document.querySelectorAll(".cursor")) hide(cursor.parentElement);
  });

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.querySelectorAll("th")], body = table.tBodies[0];
    const value = (row, place) => row.cells[place].dataset.v ?? row.cells[place].textContent;
    heads.forEach((head, place) => head.querySelector("button").addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const rows = [...body.rows].sort((one, other) => {
        const [left, right] = [value(one, place), value(other, place)];
        const order = one.cells[place].dataset.v === undefined ? left.localeCompare(right, "en", { numeric: true }) : left - right;
        return descending ? -order : order;
      });
      body.append(...rows);
    }));
  }
})();
