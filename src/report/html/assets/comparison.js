// Comparisons: filters of the table, paired differences, values of all replications.
"use strict";

const SHAPES = { better: "up", worse: "down", equal: "", inconclusive: "ring", none: "ring" };
const VERDICT_INK = { better: "var(--good)", worse: "var(--bad)", equal: "var(--ink)", inconclusive: "var(--soft)", none: "var(--soft)" };
const isDecided = (verdict) => verdict === "better" || verdict === "worse";

function startComparison() {
  const variantFilter = document.getElementById("variant-filter");
  const verdictFilter = document.getElementById("verdict-filter");
  const rows = [...document.querySelectorAll("#comparison tbody tr")];
  const filter = () => {
    for (const row of rows) {
      const { variant, verdict } = row.dataset;
      const wanted = verdictFilter.value;
      const fits = !wanted || verdict === wanted || (wanted === "decided" && isDecided(verdict));
      row.hidden = !(fits && (!variantFilter.value || variant === variantFilter.value));
    }
    document.getElementById("row-count").textContent = `${rows.filter((row) => !row.hidden).length} of ${rows.length} rows`;
  };
  variantFilter.addEventListener("change", filter);
  verdictFilter.addEventListener("change", filter);
  filter();

  const forestFigure = document.querySelector('[data-chart="forest"]');
  const forestChoice = document.getElementById("forest-variant");
  forestChoice.append(...DATA.variants.map((name) => element("option", {}, name)));
  const drawForest = () => forest(forestFigure.querySelector(".plot"), DATA.rows.filter((row) => row.variant === forestChoice.value));
  forestChoice.addEventListener("change", drawForest);
  for (const [text, name, act] of [["+", "Zoom in", () => forest.zoom / 2], ["−", "Zoom out", () => forest.zoom * 2], ["1:1", "Usual axis", () => 1]]) {
    const button = element("button", { type: "button", title: name, "aria-label": `${name}: differences` }, text);
    button.addEventListener("click", () => { forest.zoom = act(); drawForest(); });
    forestChoice.closest(".controls").append(button);
  }
  whenWidthChanges(forestFigure.querySelector(".plot"), drawForest);

  const metricChoice = document.getElementById("metric-choice");
  const metrics = Object.keys(DATA.replications).filter((name) => Object.keys(DATA.replications[name]).length);
  metricChoice.append(...metrics.map((name) => element("option", {}, name)));
  const decided = DATA.rows.find((row) => isDecided(row.verdict) && metrics.includes(row.metric));
  if (decided) metricChoice.value = decided.metric;
  const figure = document.querySelector('[data-chart="replications"]');
  const drawReplications = () => {
    figure.replaceChildren(element("div", { class: "plot" }));
    if (metricChoice.value) replicationsChart(figure, metricChoice.value);
  };
  metricChoice.addEventListener("change", drawReplications);
  drawReplications();

  const axesChoices = ["x", "y"].map((axis) => document.getElementById(`trade-off-${axis}`));
  const preferred = [["waiting_time_s.mean", 0], ["fidelity_true.mean", 1]];
  axesChoices.forEach((choice, axis) => {
    choice.append(...metrics.map((name) => element("option", {}, name)));
    choice.value = metrics.includes(preferred[axis][0]) ? preferred[axis][0] : metrics[Math.min(axis, metrics.length - 1)] ?? "";
  });
  const tradeOffFigure = document.querySelector('[data-chart="trade-off"]');
  const drawTradeOff = () => {
    tradeOffFigure.replaceChildren(element("div", { class: "plot" }));
    if (axesChoices[0].value) tradeOffChart(tradeOffFigure, ...axesChoices.map((choice) => choice.value));
  };
  axesChoices.forEach((choice) => choice.addEventListener("change", drawTradeOff));
  drawTradeOff();
}

/** Differences in percent of the baseline with their intervals, one line per metric. */
function forest(plot, rows) {
  const shown = rows.filter((row) => row.difference !== null && row.baseline);
  const leftOut = rows.length - shown.length;
  const share = (value, row) => (100 * value) / Math.abs(row.baseline);
  const width = Math.max(240, plot.clientWidth);
  const narrow = width < 620;
  const [lineHeight, top] = [narrow ? 40 : 26, 10];
  const height = top + shown.length * lineHeight + 44;
  const box = { left: narrow ? 10 : 250, right: width - (narrow ? 12 : 130), bottom: top + shown.length * lineHeight };
  // Wild intervals of rare events must not flatten all others: what lies beyond the axis gets an arrow.
  const most = reach(shown.flatMap((row) => [row.difference, ...(row.ci95 ?? [])].map((end) => Math.abs(share(end, row))))) * forest.zoom;
  const x = scale(-most, most, box.left, box.right);
  const svg = element("svg", { viewBox: `0 0 ${width} ${height}`, height, role: "img", "aria-label": "Differences from the baseline in percent, with 95 % intervals; the table above holds the same values" });
  for (const tick of niceTicks(-most, most, Math.max(2, Math.floor((box.right - box.left) / 90)))) {
    svg.append(element("line", { class: tick === 0 ? "axis" : "grid", x1: x.at(tick), x2: x.at(tick), y1: top, y2: box.bottom }),
      element("text", { x: x.at(tick), y: box.bottom + 17, "text-anchor": "middle" }, `${+tick.toPrecision(6)} %`));
  }
  svg.append(element("text", { x: (box.left + box.right) / 2, y: height - 8, "text-anchor": "middle" }, "difference, percent of the baseline's mean"));
  shown.forEach((row, index) => {
    const middle = top + (index + 0.5) * lineHeight + (narrow ? 7 : 0);
    const ink = VERDICT_INK[row.verdict];
    const clamp = (value) => Math.min(Math.max(value, -most), most);
    const [low, high] = (row.ci95 ?? [row.difference, row.difference]).map((end) => share(end, row));
    const name = element("text", narrow ? { x: box.left, y: middle - 12 } : { x: box.left - 10, y: middle + 4, "text-anchor": "end" }, `${row.metric} ${row.lower_is_better ? "↓" : "↑"}`);
    const line = element("line", { x1: x.at(clamp(low)), x2: x.at(clamp(high)), y1: middle, y2: middle, stroke: ink, "stroke-width": 2 });
    const group = element("g", {}, element("rect", { x: 0, y: middle - lineHeight / 2, width, height: lineHeight, fill: "transparent" }), name, line);
    for (const [end, sign] of [[low, -1], [high, 1]]) {
      if (Math.abs(end) > most) group.append(element("text", { x: x.at(sign * most) - sign * 2, y: middle + 4, "text-anchor": "middle", style: { fill: ink } }, sign < 0 ? "◂" : "▸"));
    }
    const point = share(row.difference, row);
    if (Math.abs(point) > most) group.append(shapeAt(SHAPES[row.verdict], x.at(Math.sign(point) * most) - Math.sign(point) * 16, middle, 4.5, ink));
    else group.append(shapeAt(SHAPES[row.verdict], x.at(point), middle, 4.5, ink));
    if (!narrow) group.append(element("text", { x: box.right + 12, y: middle + 4, style: { fill: ink } }, row.says));
    group.addEventListener("pointermove", (event) => tip.show(event.clientX, event.clientY, row.metric, [
      ["variant", row.variant], ["baseline", format.number(row.baseline)], ["mean", format.number(row.mean)], ["difference", format.number(row.difference)],
      ["95 % interval", row.ci95 ? row.ci95.map(format.number).join(" to ") : "-"],
      ...(row.bootstrap95 ? [["95 % interval, bootstrap", row.bootstrap95.map(format.number).join(" to ")]] : []), ["better", row.lower_is_better ? "less" : "more"], ["pairs", String(row.pairs)], ["verdict", row.says]]));
    group.addEventListener("pointerleave", () => tip.hide());
    svg.append(group);
  });
  const key = element("p", { class: "note" }, `▲ better, ▼ worse, ● equal, ○ inconclusive or no verdict; ↑ more is better, ↓ less is better.${leftOut ? ` ${leftOut} metrics without values, or with a baseline of 0, are left out.` : ""}`);
  plot.replaceChildren(svg, key);
}

/** How many times the usual reach the axis has. */
forest.zoom = 1;

/** The end of an axis on which most of some lengths have room. */
function reach(lengths) {
  const sorted = lengths.toSorted((a, b) => a - b);
  return Math.max(0.1, 1.25 * (sorted[Math.floor(sorted.length * 0.85)] ?? 1));
}

/** One column of points per variant, lines between points of one replication. */
function replicationsChart(figure, metric) {
  const values = DATA.replications[metric];
  const names = [DATA.baseline, ...DATA.variants];
  const points = [];
  const lines = [];
  names.forEach((name, column) => {
    const own = values[column] ?? [];
    own.forEach((value, replication) => {
      if (value === null) return;
      points.push({ x: column, y: value, title: name, rows: [["replication", String(replication)], [metric, format.number(value)]], ink: color(column), shape: ["", "up", "down", "ring"][column % 4], size: 4, opacity: 0.9 });
      const before = values[column - 1]?.[replication];
      if (column && before !== null && before !== undefined) lines.push([[column - 1, before], [column, value], false]);
    });
  });
  if (!points.length) {
    figure.querySelector(".plot").append(element("p", { class: "note" }, "No replication has a value."));
    return;
  }
  // Names where they have room, numbers explained below where they have not.
  const nameRoom = (figure.clientWidth - 110) / names.length;
  const named = names.every((name) => name.length * 6.2 < nameRoom);
  new PointChart(figure, {
    name: metric, points, lines, fixed: true, left: 70,
    x: { low: -0.6, high: names.length - 0.4, ticks: () => names.map((name, index) => [index, named ? name : String(index)]), show: String },
    y: around(points.map((point) => point.y)),
    legend: named ? "" : names.map((name, index) => `${index}: ${name}`).join("; "),
  });
}

/** The ends of an axis on which all values have room. */
function around(values) {
  const [least, most] = [Math.min(...values), Math.max(...values)];
  const room = (most - least) * 0.12 || Math.abs(most) * 0.1 || 1;
  return { low: least - room, high: most + room, show: format.number };
}

/** The means of two metrics, one point per variant. */
function tradeOffChart(figure, x, y) {
  const mean = (metric, column) => {
    const known = (DATA.replications[metric][column] ?? []).filter((value) => value !== null);
    return known.length ? known.reduce((sum, value) => sum + value, 0) / known.length : null;
  };
  const points = [DATA.baseline, ...DATA.variants].map((name, column) => ({
    x: mean(x, column), y: mean(y, column), title: column ? name : `${name} (baseline)`, ink: color(column),
    shape: ["", "up", "down", "ring"][column % 4], size: 6, opacity: 0.95, name,
  })).filter((point) => point.x !== null && point.y !== null);
  if (!points.length) {
    figure.querySelector(".plot").append(element("p", { class: "note" }, "No variant has both values."));
    return;
  }
  for (const point of points) point.rows = [[x, format.number(point.x)], [y, format.number(point.y)]];
  const sample = (point) => element("span", { class: "sample" },
    element("svg", { viewBox: "0 0 16 12", "aria-hidden": "true" }, shapeAt(point.shape, 8, 6, 4.5, point.ink)), point.name);
  new PointChart(figure, {
    name: `${y} against ${x}`, points, left: 70, height: 340,
    x: { ...around(points.map((point) => point.x)), label: x }, y: { ...around(points.map((point) => point.y)), label: y },
    legend: element("span", { class: "samples" }, ...points.slice(0, 24).map(sample)),
  });
}

if (DATA.kind === "comparison") startComparison();
