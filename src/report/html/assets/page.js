// What all parts of the page share: the data, elements, numbers in words, the tip, the theme, tables.
"use strict";

const DATA = JSON.parse(document.getElementById("data").textContent) || {};

/** An element. Text is always set as text: names that users chose are never read as markup. */
function element(name, attributes = {}, ...children) {
  const svg = element.svg.has(name);
  const made = svg ? document.createElementNS("http://www.w3.org/2000/svg", name) : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key === "style") Object.assign(made.style, value);
    else if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}
element.svg = new Set(["svg", "g", "path", "line", "rect", "circle", "text", "polygon", "title"]);

/** The value of a colour variable of the style sheet. */
const color = (index) => `var(--c${((index % 8) + 8) % 8})`;
const cssValue = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

const format = {
  /** Four significant digits, thousands separated. */
  number(value) {
    if (value === null || value === undefined || Number.isNaN(value)) return "-";
    if (Number.isInteger(value)) return value.toLocaleString("en-US");
    const size = Math.abs(value);
    if (size < 1e-4 || size >= 1e15) return value.toExponential(2);
    const decimals = Math.min(12, Math.max(0, 3 - Math.floor(Math.log10(size))));
    return value.toLocaleString("en-US", { minimumFractionDigits: decimals, maximumFractionDigits: decimals });
  },
  percent: (value) => (value === null || value === undefined ? "-" : `${(value * 100).toFixed(1)} %`),
  /** A length of time in the unit that suits it. */
  duration(seconds) {
    if (seconds === null || seconds === undefined) return "-";
    if (seconds === 0) return "0 s";
    const size = Math.abs(seconds);
    const [unit, name] =
      size >= 172800 ? [86400, "d"] : size >= 7200 ? [3600, "h"] : size >= 120 ? [60, "min"] : size >= 1 ? [1, "s"] : [1e-3, "ms"];
    const value = seconds / unit;
    const decimals = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value)))));
    return `${value.toFixed(decimals)} ${name}`;
  },
  /** A moment of the simulation, as detailed as a view of `span` seconds needs: `1 d 02:30`, `02:30:07`. */
  moment(seconds, span = 3600) {
    const decimals = span < 1 ? 3 : span < 60 ? 1 : 0;
    let rest = Math.round(Math.abs(seconds) * 10 ** decimals) / 10 ** decimals;
    const days = Math.floor(rest / 86400);
    rest -= days * 86400;
    const hours = Math.floor(rest / 3600);
    rest -= hours * 3600;
    const minutes = Math.floor(rest / 60);
    const two = (value) => String(value).padStart(2, "0");
    const clock = `${seconds < 0 ? "-" : ""}${days ? `${days} d ` : ""}${two(hours)}:${two(minutes)}`;
    if (span > 7200) return clock;
    return `${clock}:${(rest - minutes * 60).toFixed(decimals).padStart(decimals ? 3 + decimals : 2, "0")}`;
  },
};

/** The box beside the pointer. */
const tip = {
  box: document.getElementById("tip"),
  /** Rows are [name, value, colour]. */
  show(x, y, title, rows) {
    this.box.replaceChildren(
      element("b", {}, title),
      ...rows.map(([name, value, ink]) =>
        element("div", { class: "row" },
          element("span", {}, ink ? element("i", { style: { background: ink } }) : null, name),
          element("span", {}, value))),
    );
    this.box.hidden = false;
    const size = this.box.getBoundingClientRect();
    const left = x + 16 + size.width > innerWidth ? x - 16 - size.width : x + 16;
    this.box.style.left = `${Math.max(4, Math.min(left, innerWidth - size.width - 4))}px`;
    this.box.style.top = `${Math.max(4, Math.min(y + 14, innerHeight - size.height - 4))}px`;
  },
  hide() {
    this.box.hidden = true;
  },
};
addEventListener("scroll", () => tip.hide(), { passive: true });
addEventListener("keydown", (event) => event.key === "Escape" && tip.hide());

/** Told when the theme changes: drawings on canvas must be made again. */
const onTheme = [];
const theme = {
  choices: ["system", "light", "dark"],
  button: document.getElementById("theme"),
  apply(choice) {
    if (choice === "system") delete document.documentElement.dataset.theme;
    else document.documentElement.dataset.theme = choice;
    this.choice = choice;
    this.button.textContent = `Theme: ${choice}`;
    onTheme.forEach((redraw) => redraw());
  },
  start() {
    let stored = null;
    // Files that are opened from disk may have no storage.
    try { stored = localStorage.getItem("rmsim-theme"); } catch { stored = null; }
    this.apply(this.choices.includes(stored) ? stored : "system");
    this.button.addEventListener("click", () => {
      const next = this.choices[(this.choices.indexOf(this.choice) + 1) % this.choices.length];
      this.apply(next);
      try { localStorage.setItem("rmsim-theme", next); } catch { /* the choice lasts as long as the page */ }
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => onTheme.forEach((redraw) => redraw()));
  },
};
theme.start();

/** Calls `draw` now and whenever the width of `box` changes. */
function whenWidthChanges(box, draw) {
  let last = 0;
  new ResizeObserver(() => {
    const width = Math.round(box.clientWidth);
    if (width > 0 && width !== last) {
      last = width;
      draw();
    }
  }).observe(box);
}

/** Tables whose columns sort on a click: by the exact value where a cell has one, else by its text. */
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.querySelectorAll("thead th")];
  heads.forEach((head, column) => {
    const button = element("button", { type: "button" }, head.textContent);
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending" || (!head.hasAttribute("aria-sort") && column > 0);
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const body = table.tBodies[0];
      const key = (row) => {
        const cell = row.cells[column];
        const exact = cell.dataset.v;
        return exact === undefined ? cell.textContent.trim() : Number(exact);
      };
      const rows = [...body.rows].map((row) => [key(row), row]);
      rows.sort(([a], [b]) => {
        // Cells without a value come last in either direction.
        if (a === "-" || b === "-") return a === b ? 0 : a === "-" ? 1 : -1;
        const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
        return down ? -order : order;
      });
      body.append(...rows.map(([, row]) => row));
    });
  });
}

document.getElementById("tenant-kind")?.addEventListener("change", (event) => {
  for (const list of document.querySelectorAll(".tenants")) list.hidden = list.dataset.kind !== event.target.value;
});

document.getElementById("metric-filter")?.addEventListener("input", (event) => {
  const wanted = event.target.value.trim().toLowerCase();
  const rows = [...document.querySelectorAll(".metrics tbody tr")];
  for (const row of rows) row.hidden = !row.textContent.toLowerCase().includes(wanted);
  const shown = rows.filter((row) => !row.hidden).length;
  document.getElementById("metric-count").textContent = wanted ? `${shown} of ${rows.length}` : "";
});

/** The section in view is marked in the navigation. */
const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
const inView = new IntersectionObserver((entries) => {
  for (const { target, isIntersecting } of entries) {
    if (!isIntersecting) continue;
    links.forEach((link) => link.removeAttribute("aria-current"));
    links.get(target.id)?.setAttribute("aria-current", "true");
  }
}, { rootMargin: "-20% 0px -70% 0px" });
document.querySelectorAll("main > section").forEach((section) => inView.observe(section));
