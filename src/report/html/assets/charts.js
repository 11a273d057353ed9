// Charts as SVG: lines over time, distributions, points. Values under the pointer, zoom by dragging, keys.
"use strict";

const DASHES = ["", "7 3", "2 2", "9 3 2 3", "5 2", "1 3", "12 4", "4 4 1 4"];

/** About `count` round values between two ends. */
function niceTicks(low, high, count) {
  const span = high - low;
  if (!(span > 0)) return [low];
  const raw = span / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((candidate) => candidate >= raw);
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) ticks.push(Math.abs(tick) < step * 1e-9 ? 0 : tick);
  return ticks;
}

const TIME_STEPS = [0.001, 0.01, 0.1, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10800, 21600, 43200, 86400, 172800, 604800, 1209600, 2592000];

/** Ticks of a time axis with their texts; the unit is that of the step. */
function timeTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const step = TIME_STEPS.find((candidate) => candidate >= raw) ?? Math.ceil(raw / 2592000) * 2592000;
  const ticks = [];
  for (let tick = Math.ceil(low / step - 1e-9) * step; tick <= high + step * 1e-9; tick += step) ticks.push([tick, clock(tick, step)]);
  return ticks;
}

/** A moment with as much detail as ticks that stand `step` seconds apart need. */
function clock(seconds, step) {
  if (step >= 86400) return `${Math.round(seconds / 86400)} d`;
  return format.moment(seconds, step < 0.1 ? 0.5 : step < 1 ? 30 : step < 60 ? 100 : Infinity);
}

/** Part of an axis: from values to pixels and back. `bend` makes room for small values. */
function scale(low, high, from, to, bend = (value) => value, straighten = (value) => value) {
  const [a, b] = [bend(low), bend(high)];
  const width = b - a || 1;
  return {
    at: (value) => from + ((bend(value) - a) / width) * (to - from),
    value: (pixel) => straighten(a + ((pixel - from) / (to - from)) * width),
    low, high,
  };
}

/** Logarithmic from about a second on, linear below: waits of 0 have a place. */
const bendTime = [(value) => Math.log10(1 + value), (value) => 10 ** value - 1];

/**
 * A chart of lines. `options`: x and y (see `axes`), series [{ name, xs, ys, low, high, fill, on }], stepped.
 * Axes: { low, high, ticks(low, high, count) -> [[value, text]], show(value), bend, label }.
 */
class LineChart {
  constructor(figure, options) {
    this.options = options;
    this.figure = figure;
    this.plot = figure.querySelector(".plot");
    this.title = figure.querySelector("h3")?.textContent ?? "";
    this.range = [options.x.low, options.x.high];
    this.height = options.height ?? 240;
    this.legend = element("div", { class: "legend" });
    this.svg = element("svg", {
      tabindex: 0, role: "application", "aria-roledescription": "chart",
      "aria-label": `${this.title}: arrow keys read values, plus and minus zoom, 0 shows all`,
    });
    this.plot.append(this.svg);
    figure.append(this.legend);
    this.makeLegend();
    this.listen();
    whenWidthChanges(this.plot, () => this.draw());
  }

  makeLegend() {
    const { series } = this.options;
    const buttons = series.length < 2 ? [] : series.map((one, index) => {
      const sample = element("svg", { viewBox: "0 0 22 10", "aria-hidden": "true" },
        element("line", { x1: 0, x2: 22, y1: 5, y2: 5, stroke: color(index), "stroke-width": 2.5, "stroke-dasharray": DASHES[index % 8] }));
      const button = element("button", { type: "button", "aria-pressed": String(one.on) }, sample, one.name);
      button.addEventListener("click", () => {
        one.on = !one.on;
        button.setAttribute("aria-pressed", String(one.on));
        this.draw();
      });
      return button;
    });
    const tool = (text, name, act) => {
      const button = element("button", { type: "button", "aria-label": `${name}: ${this.title}`, title: name }, text);
      button.addEventListener("click", act);
      return button;
    };
    this.reset = tool("All", "Show all", () => this.zoomTo(this.options.x.low, this.options.x.high));
    this.legend.append(...buttons, element("span", { class: "tools" },
      tool("+", "Zoom in", () => this.zoomBy(0.5)), tool("−", "Zoom out", () => this.zoomBy(2)), this.reset));
  }

  zoomTo(low, high) {
    const { x } = this.options;
    const least = (x.high - x.low) / 2000;
    const middle = (low + high) / 2;
    if (high - low < least) [low, high] = [middle - least / 2, middle + least / 2];
    this.range = [Math.max(x.low, low), Math.min(x.high, high)];
    this.draw();
  }

  zoomBy(factor, around = this.cursor) {
    const [low, high] = this.range;
    const centre = around !== undefined && around >= low && around <= high ? around : (low + high) / 2;
    const width = Math.min((high - low) * factor, this.options.x.high - this.options.x.low);
    let from = centre - ((centre - low) / (high - low)) * width;
    from = Math.max(this.options.x.low, Math.min(from, this.options.x.high - width));
    this.zoomTo(from, from + width);
  }

  draw() {
    const { x, y, series } = this.options;
    const width = Math.max(240, this.plot.clientWidth);
    const box = { left: 52, right: width - 12, top: 10, bottom: this.height - 30 };
    this.box = box;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    const bend = x.bend ?? [];
    this.x = scale(this.range[0], this.range[1], box.left, box.right, ...bend);
    const shown = series.filter((one) => one.on);
    let top = y.high;
    if (top === undefined) {
      top = 0;
      for (const one of shown) {
        one.xs.forEach((at, index) => {
          if (at >= this.range[0] && at <= this.range[1]) top = Math.max(top, (one.high?.[index] ?? one.ys[index]) || 0);
        });
      }
      const ticks = niceTicks(0, top || 1, 4);
      top = ticks.at(-1) < top ? ticks.at(-1) + (ticks[1] - ticks[0] || 1) : ticks.at(-1) || 1;
    }
    this.y = scale(y.low ?? 0, top, box.bottom, box.top);
    const parts = [];
    for (const tick of niceTicks(y.low ?? 0, top, 4)) {
      const at = this.y.at(tick);
      parts.push(element("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }));
      parts.push(element("text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, y.show(tick)));
    }
    for (const [tick, text] of x.ticks(this.range[0], this.range[1], Math.max(2, Math.floor((box.right - box.left) / 92)))) {
      const at = this.x.at(tick);
      parts.push(element("line", { class: "grid", x1: at, x2: at, y1: box.top, y2: box.bottom }));
      const anchor = at > box.right - 16 ? "end" : at < box.left + 12 ? "start" : "middle";
      parts.push(element("text", { x: at, y: box.bottom + 17, "text-anchor": anchor }, text));
    }
    parts.push(element("line", { class: "axis", x1: box.left, x2: box.right, y1: box.bottom, y2: box.bottom }));
    series.forEach((one, index) => {
      if (!one.on) return;
      const ink = color(index);
      const { line, band } = this.paths(one);
      if (band) parts.push(element("path", { class: "band", d: band, style: { fill: ink } }));
      parts.push(element("path", { class: "curve", d: line, "stroke-dasharray": DASHES[index % 8], style: { stroke: ink } }));
    });
    this.overlay = element("g");
    this.svg.replaceChildren(...parts, this.overlay);
    this.reset.disabled = this.range[0] <= x.low && this.range[1] >= x.high;
  }

  /** The visible part of a series, with one point beyond either end. */
  paths(one) {
    const [low, high] = this.range;
    const inside = one.xs.map((at, index) => index).filter((index) =>
      (one.xs[index + 1] ?? Infinity) >= low && (one.xs[index - 1] ?? -Infinity) <= high);
    const clip = (pixel) => Math.min(Math.max(pixel, this.box.left), this.box.right).toFixed(1);
    let line = "";
    let pen = false;
    let before = null;
    const above = [];
    const below = [];
    for (const index of inside) {
      const value = one.ys[index];
      if (value === null) { pen = false; continue; }
      const [px, py] = [this.x.at(one.xs[index]), this.y.at(value)];
      if (pen && (px < this.box.left || before < this.box.left || px > this.box.right)) {
        // Cut the piece where it leaves the frame.
        const edge = px > this.box.right ? this.box.right : this.box.left;
        const previous = this.y.at(one.ys[index - 1]);
        const cut = previous + ((py - previous) * (edge - before)) / (px - before || 1);
        line += before < this.box.left && px >= this.box.left ? `M${edge} ${cut.toFixed(1)}L${clip(px)} ${py.toFixed(1)}` : px > this.box.right && before <= this.box.right ? `L${edge} ${cut.toFixed(1)}` : "";
      } else if (pen && this.options.stepped) line += `H${clip(px)}V${py.toFixed(1)}`;
      else if (px >= this.box.left && px <= this.box.right) line += `${pen && line ? "L" : "M"}${px.toFixed(1)} ${py.toFixed(1)}`;
      pen = true;
      before = px;
      if (one.low && px >= this.box.left && px <= this.box.right) {
        above.push(`${px.toFixed(1)} ${this.y.at(one.high[index]).toFixed(1)}`);
        below.unshift(`${px.toFixed(1)} ${this.y.at(one.low[index]).toFixed(1)}`);
      }
    }
    return { line: line || "M0 0", band: above.length > 1 ? `M${above.join("L")}L${below.join("L")}Z` : null };
  }

  listen() {
    const position = (event) => {
      const frame = this.svg.getBoundingClientRect();
      return ((event.clientX - frame.left) / frame.width) * this.svg.viewBox.baseVal.width;
    };
    let start = null;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      start = position(event);
      if (event.pointerType === "mouse") this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      const at = Math.min(Math.max(position(event), this.box.left), this.box.right);
      this.read(this.x.value(at), event.clientX, event.clientY);
      if (start !== null && Math.abs(at - start) > 4) {
        this.overlay.append(element("rect", {
          class: "select", x: Math.min(at, start), width: Math.abs(at - start), y: this.box.top, height: this.box.bottom - this.box.top,
        }));
      }
    });
    this.svg.addEventListener("pointerup", (event) => {
      const end = Math.min(Math.max(position(event), this.box.left), this.box.right);
      if (start !== null && Math.abs(end - start) > 8) {
        const ends = [start, end].map((pixel) => this.x.value(Math.min(Math.max(pixel, this.box.left), this.box.right))).sort((a, b) => a - b);
        this.zoomTo(...ends);
        tip.hide();
      }
      start = null;
    });
    this.svg.addEventListener("pointercancel", () => { start = null; });
    this.svg.addEventListener("pointerleave", () => { this.overlay.replaceChildren(); tip.hide(); });
    this.svg.addEventListener("dblclick", () => this.zoomTo(this.options.x.low, this.options.x.high));
    this.svg.addEventListener("blur", () => { this.overlay.replaceChildren(); tip.hide(); });
    this.svg.addEventListener("wheel", (event) => {
      // Plain scrolling belongs to the page.
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoomBy(event.deltaY > 0 ? 1.25 : 0.8, this.x.value(position(event)));
    }, { passive: false });
    this.svg.addEventListener("keydown", (event) => {
      const [low, high] = this.range;
      const step = (high - low) / (event.shiftKey ? 10 : 60);
      const from = this.cursor === undefined || this.cursor < low || this.cursor > high ? (low + high) / 2 : this.cursor;
      const moves = { ArrowLeft: -step, ArrowRight: step };
      if (event.key in moves) this.cursor = Math.min(high, Math.max(low, from + moves[event.key]));
      else if (event.key === "+" || event.key === "=") this.zoomBy(0.5);
      else if (event.key === "-") this.zoomBy(2);
      else if (event.key === "0" || event.key === "Home") this.zoomTo(this.options.x.low, this.options.x.high);
      else return;
      event.preventDefault();
      const frame = this.svg.getBoundingClientRect();
      const x = frame.left + (this.x.at(this.cursor ?? from) / this.svg.viewBox.baseVal.width) * frame.width;
      this.read(this.cursor ?? from, x, frame.top + frame.height / 3);
    });
  }

  /** Shows the values at a place on the horizontal axis. */
  read(value, clientX, clientY) {
    const { x, y, series } = this.options;
    this.cursor = value;
    const rows = [];
    const marks = [];
    let place = value;
    series.forEach((one, index) => {
      if (!one.on) return;
      const nearest = nearestIndex(one.xs, value);
      if (nearest < 0 || one.ys[nearest] === null) return;
      if (!rows.length) place = one.xs[nearest];
      const range = one.low && one.high[nearest] > one.low[nearest] ? ` (${y.show(one.low[nearest])} to ${y.show(one.high[nearest])})` : "";
      rows.push([one.name, y.show(one.ys[nearest]) + range, color(index)]);
      const [px, py] = [this.x.at(one.xs[nearest]), this.y.at(one.ys[nearest])];
      if (px >= this.box.left && px <= this.box.right) marks.push(element("circle", { class: "mark", cx: px, cy: py, r: 4, style: { fill: color(index) } }));
    });
    const at = this.x.at(value);
    this.overlay.replaceChildren(element("line", { class: "cursor", x1: at, x2: at, y1: this.box.top, y2: this.box.bottom }), ...marks);
    tip.show(clientX, clientY, x.show(place, this.range[1] - this.range[0]), rows.length ? rows : [["no value here", ""]]);
  }
}

/** The index of the value nearest to `wanted` in an ascending list; -1 for an empty one. */
function nearestIndex(values, wanted) {
  let [low, high] = [0, values.length - 1];
  if (high < 0) return -1;
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if (values[middle] < wanted) low = middle;
    else high = middle;
  }
  return Math.abs(values[low] - wanted) <= Math.abs(values[high] - wanted) ? low : high;
}

/**
 * A chart of points. Points are { x, y, title, rows, ink, shape }; `lines` are pairs of places. Axes as above, without
 * zoom when `fixed`.
 */
class PointChart {
  constructor(figure, options) {
    this.plot = figure.querySelector(".plot");
    this.options = options;
    this.height = options.height ?? 300;
    this.all = { x: [options.x.low, options.x.high], y: [options.y.low, options.y.high] };
    this.view = { ...this.all };
    this.title = figure.querySelector("h3")?.textContent ?? "";
    this.svg = element("svg", { tabindex: 0, role: "application", "aria-roledescription": "chart", "aria-label": `${this.title || options.name}: arrow keys go from point to point, 0 shows all` });
    this.plot.append(this.svg);
    this.reset = element("button", { type: "button", "aria-label": `Show all: ${this.title || options.name}` }, "All");
    this.reset.addEventListener("click", () => this.zoomTo(this.all));
    figure.append(element("div", { class: "legend" }, options.legend ?? "", options.fixed ? "" : element("span", { class: "tools" }, this.reset)));
    this.listen();
    whenWidthChanges(this.plot, () => this.draw());
  }

  zoomTo(view) {
    this.view = { ...view };
    this.draw();
  }

  draw() {
    const { x, y, points, lines = [] } = this.options;
    const width = Math.max(240, this.plot.clientWidth);
    const box = { left: this.options.left ?? 52, right: width - 14, top: 10, bottom: this.height - 44 };
    this.box = box;
    this.svg.setAttribute("viewBox", `0 0 ${width} ${this.height}`);
    this.svg.setAttribute("height", this.height);
    this.x = scale(...this.view.x, box.left, box.right);
    this.y = scale(...this.view.y, box.bottom, box.top);
    const parts = [];
    const yTicks = y.ticks ? y.ticks(...this.view.y) : niceTicks(...this.view.y, 5).map((tick) => [tick, y.show(tick)]);
    for (const [tick, text] of yTicks) {
      const at = this.y.at(tick);
      parts.push(element("line", { class: "grid", x1: box.left, x2: box.right, y1: at, y2: at }));
      parts.push(element("text", { x: box.left - 7, y: at + 4, "text-anchor": "end" }, text));
    }
    const xTicks = x.ticks ? x.ticks(...this.view.x) : niceTicks(...this.view.x, Math.max(2, Math.floor((box.right - box.left) / 80))).map((tick) => [tick, x.show(tick)]);
    for (const [tick, text] of xTicks) {
      const at = this.x.at(tick);
      parts.push(element("line", { class: "grid", x1: at, x2: at, y1: box.top, y2: box.bottom }));
      parts.push(element("text", { x: at, y: box.bottom + 16, "text-anchor": "middle" }, text));
    }
    if (x.label) parts.push(element("text", { x: (box.left + box.right) / 2, y: this.height - 8, "text-anchor": "middle" }, x.label));
    if (y.label) parts.push(element("text", { x: 12, y: (box.top + box.bottom) / 2, "text-anchor": "middle", transform: `rotate(-90 12 ${(box.top + box.bottom) / 2})` }, y.label));
    const within = (px, py) => px >= box.left - 1 && px <= box.right + 1 && py >= box.top - 1 && py <= box.bottom + 1;
    for (const [from, to, dashed] of lines) {
      // Both ends outside: a zoomed view may still be crossed, so the line is clipped to the frame.
      const cut = clipLine([this.x.at(from[0]), this.y.at(from[1])], [this.x.at(to[0]), this.y.at(to[1])], box);
      if (cut) parts.push(element("line", { x1: cut[0], y1: cut[1], x2: cut[2], y2: cut[3], stroke: "var(--soft)", "stroke-width": 1, "stroke-dasharray": dashed ? "5 4" : "", opacity: dashed ? 1 : 0.4 }));
    }
    this.placed = [];
    for (const point of points) {
      const [px, py] = [this.x.at(point.x), this.y.at(point.y)];
      if (!within(px, py)) continue;
      this.placed.push([px, py, point]);
      parts.push(shapeAt(point.shape, px, py, point.size ?? 3.2, point.ink ?? color(0), point.opacity ?? 0.55));
    }
    this.overlay = element("g");
    this.svg.replaceChildren(...parts, this.overlay);
    this.reset.disabled = this.view.x === this.all.x && this.view.y === this.all.y;
  }

  mark(index, clientX, clientY) {
    const found = this.placed[index];
    if (!found) return;
    this.current = index;
    const [px, py, point] = found;
    this.overlay.replaceChildren(element("circle", { cx: px, cy: py, r: 7, fill: "none", stroke: "var(--ink)", "stroke-width": 1.5 }));
    const frame = this.svg.getBoundingClientRect();
    const unit = frame.width / this.svg.viewBox.baseVal.width;
    tip.show(clientX ?? frame.left + px * unit, clientY ?? frame.top + py * unit, point.title, point.rows);
  }

  listen() {
    const position = (event) => {
      const frame = this.svg.getBoundingClientRect();
      const unit = this.svg.viewBox.baseVal.width / frame.width;
      return [(event.clientX - frame.left) * unit, (event.clientY - frame.top) * unit];
    };
    let start = null;
    this.svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType !== "mouse" || this.options.fixed) return;
      start = position(event);
      this.svg.setPointerCapture(event.pointerId);
    });
    this.svg.addEventListener("pointermove", (event) => {
      const [mx, my] = position(event);
      let best = [-1, 24 ** 2];
      this.placed.forEach(([px, py], index) => {
        const distance = (px - mx) ** 2 + (py - my) ** 2;
        if (distance < best[1]) best = [index, distance];
      });
      if (best[0] >= 0) this.mark(best[0], event.clientX, event.clientY);
      else { this.overlay.replaceChildren(); tip.hide(); }
      if (start) {
        this.overlay.append(element("rect", { class: "select", x: Math.min(mx, start[0]), y: Math.min(my, start[1]), width: Math.abs(mx - start[0]), height: Math.abs(my - start[1]) }));
      }
    });
    this.svg.addEventListener("pointerup", (event) => {
      const end = position(event);
      if (start && Math.abs(end[0] - start[0]) > 8 && Math.abs(end[1] - start[1]) > 8) {
        const sort = (a, b, low, high) => [Math.max(low, Math.min(a, b)), Math.min(high, Math.max(a, b))];
        this.zoomTo({
          x: sort(this.x.value(start[0]), this.x.value(end[0]), ...this.view.x),
          y: sort(this.y.value(start[1]), this.y.value(end[1]), ...this.view.y),
        });
        tip.hide();
      }
      start = null;
    });
    this.svg.addEventListener("pointerleave", () => { this.overlay.replaceChildren(); tip.hide(); });
    this.svg.addEventListener("blur", () => { this.overlay.replaceChildren(); tip.hide(); });
    this.svg.addEventListener("dblclick", () => this.zoomTo(this.all));
    this.svg.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 };
      if (event.key in moves) {
        event.preventDefault();
        this.mark(((this.current ?? -1) + moves[event.key] + this.placed.length) % this.placed.length);
      } else if (event.key === "0") this.zoomTo(this.all);
    });
  }
}

/** The part of a line inside a frame (Liang and Barsky); null when there is none. */
function clipLine([x0, y0], [x1, y1], box) {
  const [dx, dy] = [x1 - x0, y1 - y0];
  let [from, to] = [0, 1];
  for (const [p, q] of [[-dx, x0 - box.left], [dx, box.right - x0], [-dy, y0 - box.top], [dy, box.bottom - y0]]) {
    if (p === 0) { if (q < 0) return null; continue; }
    const share = q / p;
    if (p < 0) from = Math.max(from, share);
    else to = Math.min(to, share);
  }
  return from <= to ? [x0 + from * dx, y0 + from * dy, x0 + to * dx, y0 + to * dy] : null;
}

/** A filled mark; the shape tells it from others without colour. */
function shapeAt(shape, x, y, size, ink, opacity = 1) {
  const style = { fill: ink, opacity };
  if (shape === "up") return element("polygon", { points: `${x},${y - 1.3 * size} ${x + 1.2 * size},${y + size} ${x - 1.2 * size},${y + size}`, style });
  if (shape === "down") return element("polygon", { points: `${x},${y + 1.3 * size} ${x + 1.2 * size},${y - size} ${x - 1.2 * size},${y - size}`, style });
  if (shape === "ring") return element("circle", { cx: x, cy: y, r: size, style: { fill: "var(--card)", stroke: ink, strokeWidth: 1.8 } });
  return element("circle", { cx: x, cy: y, r: size, style });
}

const showTime = (seconds, span) => format.moment(seconds, span);
const axes = {
  time: (until) => ({ low: 0, high: until, ticks: timeTicks, show: showTime }),
  share: { low: 0, high: 1, show: (value) => `${+(value * 100).toFixed(1)} %` },
  count: { low: 0, show: (value) => format.number(value) },
};

function startRunCharts() {
  const figures = new Map([...document.querySelectorAll("[data-chart]")].map((figure) => [figure.dataset.chart, figure]));
  for (const [name, y] of [["utilization", axes.share], ["effective", axes.share], ["running", axes.count], ["waiting", axes.count], ["fragmentation", axes.share]]) {
    const figure = figures.get(name);
    if (!figure) continue;
    const series = DATA.timeline
      .map((one, index) => ({ name: one.name, xs: one.t, ys: one[name].mean, low: one[name].low, high: one[name].high, on: index === 0 }))
      .filter((one, index) => index === 0 || one.ys.some((value) => value !== null && (name !== "waiting" || value > 0)));
    new LineChart(figure, { x: axes.time(DATA.until), y, series });
  }
  if (figures.has("violations")) {
    const points = [[0, 0], ...DATA.violations, [DATA.until, DATA.violations.at(-1)[1]]];
    new LineChart(figures.get("violations"), {
      x: axes.time(DATA.until), y: axes.count, stepped: true,
      series: [{ name: "violations", xs: points.map((point) => point[0]), ys: points.map((point) => point[1]), on: true }],
    });
  }
  if (figures.has("waits")) {
    const { levels, series } = DATA.waits;
    const longest = Math.max(1, ...series.map((one) => one.values.at(-1)));
    const round = [0, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 7200, 21600, 43200, 86400, 172800, 604800, 2592000];
    const ticks = (low, high, count) => {
      const inside = round.filter((value) => value >= low && value <= high);
      if (inside.length < 3) return niceTicks(low, high, count).map((value) => [value, format.duration(value)]);
      // Round times, as many as have room: neighbours on a logarithmic axis may be close.
      const kept = [];
      const room = (Math.log10(1 + high) - Math.log10(1 + low)) / Math.max(2, count * 1.4);
      for (const value of inside) if (!kept.length || Math.log10(1 + value) - Math.log10(1 + kept.at(-1)) >= room) kept.push(value);
      const plain = (value) => (value >= 86400 ? `${value / 86400} d` : value >= 3600 ? `${value / 3600} h` : value >= 60 ? `${value / 60} min` : `${value} s`);
      return kept.map((value) => [value, plain(value)]);
    };
    new LineChart(figures.get("waits"), {
      x: { low: 0, high: longest, ticks, bend: bendTime, show: (value) => `at most ${format.duration(value)}` },
      y: axes.share, height: 300, stepped: true,
      series: series.map((one, index) => ({ name: `${one.name} (mean ${format.duration(one.mean)})`, xs: one.values, ys: levels, on: index === 0 })),
    });
  }
  if (figures.has("fidelity")) {
    const points = DATA.fidelity.points.map(([time, predicted, actual]) => ({
      x: predicted, y: actual, title: `ended ${format.moment(time)}`,
      rows: [["predicted", format.number(predicted)], ["true", format.number(actual)], ["gap", format.number(+(predicted - actual).toFixed(4))]],
    }));
    const share = { low: 0, high: 1, show: (value) => String(+value.toFixed(3)) };
    new PointChart(figures.get("fidelity"), {
      x: { ...share, label: "predicted" }, y: { ...share, label: "true" }, points, lines: [[[0, 0], [1, 1], true]],
      legend: `${points.length.toLocaleString("en-US")} of ${DATA.fidelity.count.toLocaleString("en-US")} jobs; dashed: prediction kept`, name: "Fidelity",
    });
  }
}
if (DATA.kind === "run") startRunCharts();
