// Devices: the coupling map at a moment, and the schedule of every qubit over time. Both show the same moment.
"use strict";

/** An attempt of a job from its row; see `Row` in devices.rs. */
function jobOf(row) {
  const [id, start, end, qubits, buffer, name, state, project, group, user, attempts, submitted, predicted, actual, attempt] = row;
  const ranges = qubits ? qubits.split(" ").map((range) => range.split("-").map(Number)).map(([first, last]) => [first, last ?? first]) : [];
  return {
    id, start, end: end ?? DATA.until, running: end === null, qubits, ranges, buffer: buffer ?? 0, project, group, user, attempts, attempt, submitted,
    predicted, actual, name: DATA.names[name], nameIndex: name, state: DATA.states[state], stateIndex: state,
  };
}

/** A project (0), a group (1) or a user (2): by its name, or else by its number behind `before`. */
const called = (kind, number, before = "") => DATA.tenants[kind][number] ?? `${before}${number}`;

/** A, B, ..., Z, AA, AB, ... */
const letters = (index) => (index < 26 ? "" : letters(Math.floor(index / 26) - 1)) + String.fromCharCode(65 + (index % 26));

/** The kinds of colour that the schedule can have. */
const COLOURINGS = {
  workload: { of: (job) => job.nameIndex, name: (job) => job.name },
  project: { of: (job) => job.project, name: (job) => called(0, job.project, "project ") },
  "final state": { of: (job) => job.stateIndex, name: (job) => job.state },
};

class DeviceView {
  constructor(root) {
    this.root = root;
    this.colouring = "workload";
    this.device = DATA.devices.reduce((best, device, index) => (device.jobs.length > DATA.devices[best].jobs.length ? index : best), 0);
    this.choice = element("select", { id: "device-choice" },
      ...DATA.devices.map((device, index) => element("option", { value: index, selected: index === this.device }, `${device.name} (${device.ran.toLocaleString("en-US")} jobs)`)));
    this.choice.addEventListener("change", () => this.open(Number(this.choice.value)));
    const colourChoice = element("select", {}, ...Object.keys(COLOURINGS).map((name) => element("option", {}, name)));
    colourChoice.addEventListener("change", () => { this.colouring = colourChoice.value; this.drawGantt(); });
    this.slider = element("input", { type: "range", id: "moment", min: 0, max: 2000, value: 0, "aria-label": "Moment of the simulation" });
    this.slider.addEventListener("input", () => this.show(this.low + ((this.high - this.low) * this.slider.value) / 2000, false));
    this.clock = element("output", { for: "moment" });
    const step = (text, name, act) => {
      const button = element("button", { type: "button", "aria-label": name, title: name }, text);
      button.addEventListener("click", act);
      return button;
    };
    this.status = element("p", { class: "note", "aria-live": "polite" });
    this.map = element("div", { class: "map" });
    this.holders = element("div", { class: "holders", tabindex: 0, role: "region", "aria-label": "Jobs at this moment" });
    this.canvas = element("canvas", { tabindex: 0, role: "application", "aria-roledescription": "schedule" });
    this.ganttKey = element("div", { class: "key" });
    this.all = step("All", "Show all of the schedule", () => this.zoomTo(this.low, this.high));
    root.append(
      element("div", { class: "controls" }, element("label", {}, "Device: ", this.choice)),
      element("div", { class: "device-grid" },
        element("div", {},
          element("h3", {}, "Who holds which qubits"), this.status,
          element("div", { class: "moment" },
            step("◀", "Previous change", () => this.step(-1)), this.slider, step("▶", "Next change", () => this.step(1)), this.clock),
          this.map),
        element("div", {}, element("h3", {}, "Jobs at this moment"), this.holders)),
      element("div", { class: "gantt" },
        element("h3", {}, "Schedule by qubit"),
        element("p", { class: "note" }, "Click to choose the moment above, drag to zoom in, double-click to zoom out."),
        element("div", { class: "controls" }, element("label", {}, "Colour: ", colourChoice),
          element("span", { class: "tools" },
            step("◀", "Earlier", () => this.pan(-0.5)), step("▶", "Later", () => this.pan(0.5)),
            step("+", "Zoom into the schedule", () => this.zoomBy(0.4)), step("−", "Zoom out of the schedule", () => this.zoomBy(2.5)), this.all)),
        this.canvas, this.ganttKey));
    this.listen();
    whenWidthChanges(this.canvas.parentElement, () => this.drawGantt());
    onTheme.push(() => this.drawGantt());
    this.open(this.device);
  }

  open(index) {
    this.device = index;
    const device = DATA.devices[index];
    this.spec = device;
    this.jobs = device.jobs.map(jobOf);
    // What was running when the wanted time began, or still ran when it ended, is cut to it.
    const [from, until] = DATA.window ?? [0, DATA.until];
    this.low = Math.max(from, this.jobs.length ? this.jobs[0].start : from);
    this.high = Math.min(Math.max(until, this.low), this.jobs.reduce((high, job) => Math.max(high, job.end), this.low));
    if (!(this.high > this.low)) this.high = this.low + 1;
    // All starts and ends, for stepping from change to change.
    const inside = (time) => time >= this.low && time <= this.high;
    this.changes = [...new Set(this.jobs.flatMap((job) => [job.start, job.end]))].filter(inside).sort((a, b) => a - b);
    this.neighbours = Array.from({ length: device.qubits }, () => []);
    for (let at = 0; at < device.couplers.length; at += 2) {
      const [a, b] = [device.couplers[at], device.couplers[at + 1]];
      this.neighbours[a].push(b);
      this.neighbours[b].push(a);
    }
    this.range = this.firstRange();
    this.buildMap();
    this.show(this.busiest(), true);
  }

  /** Few enough jobs to be told apart: around the busiest moment, unless all fit. */
  firstRange() {
    const wanted = 240;
    if (this.jobs.length <= wanted) return [this.low, this.high];
    const share = wanted / this.jobs.length;
    const width = (this.high - this.low) * share;
    const centre = this.busiest();
    const from = Math.max(this.low, Math.min(centre - width / 2, this.high - width));
    return [from, from + width];
  }

  /** When most qubits are held. */
  busiest() {
    const steps = this.jobs.flatMap((job) => {
      const size = job.ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0);
      return [[Math.max(job.start, this.low), size], [job.end, -size]];
    }).filter(([time]) => time < this.high).sort((a, b) => a[0] - b[0] || a[1] - b[1]);
    let [held, most, when] = [0, -1, this.low];
    for (const [time, size] of steps) {
      held += size;
      if (held > most) [most, when] = [held, time];
    }
    return when;
  }

  /** The jobs that run at a moment, and what each qubit is. */
  at(moment) {
    const running = this.jobs.filter((job) => job.start <= moment && (moment < job.end || (job.running && moment <= job.end)));
    const holder = new Array(this.spec.qubits).fill(null);
    const buffer = new Array(this.spec.qubits).fill(null);
    for (const job of running) for (const [first, last] of job.ranges) for (let q = first; q <= last; q++) holder[q] = job;
    for (const job of running) {
      if (job.buffer < 1) continue;
      let frontier = [];
      const seen = new Set();
      for (const [first, last] of job.ranges) for (let q = first; q <= last; q++) { frontier.push(q); seen.add(q); }
      if (this.spec.complete) {
        for (let q = 0; q < this.spec.qubits; q++) if (!holder[q]) buffer[q] ??= job;
        continue;
      }
      for (let distance = 0; distance < job.buffer; distance++) {
        const next = [];
        for (const q of frontier) for (const other of this.neighbours[q]) if (!seen.has(other)) {
          seen.add(other);
          next.push(other);
          if (!holder[other]) buffer[other] ??= job;
        }
        frontier = next;
      }
    }
    return { running, holder, buffer };
  }

  step(direction) {
    const next = direction > 0
      ? this.changes.find((time) => time > this.moment + 1e-9)
      : this.changes.findLast((time) => time < this.moment - 1e-9);
    if (next !== undefined) this.show(next, true);
  }

  show(moment, moveSlider) {
    this.moment = moment;
    if (moveSlider) this.slider.value = ((moment - this.low) / (this.high - this.low)) * 2000;
    this.clock.textContent = format.moment(moment, 100);
    this.slider.setAttribute("aria-valuetext", format.moment(moment, 100));
    const state = this.at(moment);
    this.state = state;
    const dead = new Set(this.spec.dead);
    const held = state.holder.filter(Boolean).length;
    const kept = state.buffer.filter((job, q) => job && !dead.has(q)).length;
    this.status.textContent = `${this.spec.name} at ${format.moment(moment, 100)}: ${state.running.length} job${state.running.length === 1 ? "" : "s"} hold ${held} of ${this.spec.qubits} qubits, ${kept} kept idle as buffer${dead.size ? `, ${dead.size} dead` : ""}.`;
    const letterOf = new Map(state.running.map((job, index) => [job, letters(index)]));
    this.letterOf = letterOf;
    this.paintMap();
    const rows = state.running.map((job, index) => element("tr", {},
      element("td", {}, element("span", { class: "letter", style: { background: color(index) } }, letterOf.get(job))),
      element("td", { class: "text" }, String(job.id)), element("td", { class: "text" }, job.name),
      element("td", {}, called(0, job.project)), element("td", { class: "text" }, job.qubits), element("td", {}, job.running ? "-" : format.duration(job.end - moment))));
    this.holders.replaceChildren(rows.length
      ? element("table", {}, element("thead", {}, element("tr", {}, ...["", "job", "workload", "project", "qubits", "ends in"].map((name, index) => element("th", { scope: "col", class: index && index < 5 && index !== 3 ? "text" : null }, name)))), element("tbody", {}, ...rows))
      : element("p", { class: "note" }, "No job runs at this moment."));
    this.drawGantt();
  }

  buildMap() {
    const { x, y, couplers, qubits, complete, dead } = this.spec;
    this.circles = [];
    if (!x.length) {
      this.map.replaceChildren(element("p", { class: "note" }, "The manifest has no coupling map of this device to draw; the schedule below shows its qubits."));
      return;
    }
    const margin = 0.8;
    const [left, right] = [Math.min(...x) - margin, Math.max(...x) + margin];
    const [top, bottom] = [Math.min(...y) - margin, Math.max(...y) + margin];
    const svg = element("svg", { viewBox: `${left} ${top} ${right - left} ${bottom - top}`, role: "img", "aria-label": `Coupling map of ${this.spec.name}` });
    // Small devices are not blown up beyond what looks like a map.
    svg.style.maxWidth = `${Math.max(300, (right - left) * 64)}px`;
    svg.style.marginInline = "auto";
    this.lines = [];
    for (let at = 0; at < couplers.length; at += 2) {
      const [a, b] = [couplers[at], couplers[at + 1]];
      const line = element("line", { class: "coupler", x1: x[a], y1: y[a], x2: x[b], y2: y[b] });
      this.lines.push([line, a, b]);
      svg.append(line);
    }
    const crossed = new Set(dead);
    for (let q = 0; q < qubits; q++) {
      const circle = element("circle", { class: "qubit", cx: x[q], cy: y[q], r: 0.36, "data-qubit": q });
      const text = element("text", { x: x[q], y: y[q] }, String(q));
      svg.append(circle, text);
      this.circles.push([circle, text]);
      if (crossed.has(q)) for (const sign of [1, -1]) svg.append(element("line", { class: "cross", x1: x[q] - 0.25, y1: y[q] - 0.25 * sign, x2: x[q] + 0.25, y2: y[q] + 0.25 * sign }));
    }
    svg.addEventListener("pointermove", (event) => {
      const q = event.target.dataset?.qubit;
      if (q === undefined) return tip.hide();
      tip.show(event.clientX, event.clientY, `Qubit ${q}`, this.describe(Number(q)));
    });
    svg.addEventListener("pointerleave", () => tip.hide());
    const sample = (className, text, extra) => element("span", {}, element("svg", { viewBox: "-0.5 -0.5 1 1", "aria-hidden": "true" }, element("circle", { class: className, r: 0.4, ...extra }), text === "dead" ? element("line", { class: "cross", x1: -0.25, y1: -0.25, x2: 0.25, y2: 0.25 }) : ""), text);
    const held = element("span", {}, element("span", { class: "letter", style: { background: color(0) } }, "A"), "held by job A");
    const key = element("div", { class: "key map" }, held, sample("qubit buffer", "buffer"), sample("qubit", "free"), dead.length ? sample("qubit", "dead") : "", complete ? "every qubit is coupled with every other" : "");
    this.map.replaceChildren(svg, key);
  }

  paintMap() {
    if (!this.circles.length) return;
    const order = new Map(this.state.running.map((job, index) => [job, index]));
    this.circles.forEach(([circle, text], q) => {
      const job = this.state.holder[q];
      const idle = !job && this.state.buffer[q];
      circle.setAttribute("class", idle ? "qubit buffer" : "qubit");
      circle.style.fill = job ? color(order.get(job)) : "";
      circle.style.stroke = job ? color(order.get(job)) : "";
      text.textContent = job ? this.letterOf.get(job) : String(q);
      text.setAttribute("class", job ? "job" : "");
    });
    for (const [line, a, b] of this.lines) {
      const job = this.state.holder[a];
      const used = job && job === this.state.holder[b];
      line.setAttribute("class", used ? "coupler used" : "coupler");
      line.style.stroke = used ? color(order.get(job)) : "";
    }
  }

  /** What a qubit does at the moment, as rows of the tip. */
  describe(q) {
    const job = this.state.holder[q];
    if (job) return jobRows(job);
    const idle = this.state.buffer[q];
    const dead = this.spec.dead.includes(q);
    return [[dead ? "dead" : idle ? "buffer of job" : "free", idle ? `${idle.id} (${this.letterOf.get(idle)})` : ""]];
  }

  zoomTo(low, high) {
    const least = (this.high - this.low) / 20000;
    if (high - low < least) high = low + least;
    this.range = [Math.max(this.low, low), Math.min(this.high, high)];
    this.drawGantt();
  }

  zoomBy(factor) {
    const [low, high] = this.range;
    const centre = this.moment >= low && this.moment <= high ? this.moment : (low + high) / 2;
    const width = Math.min((high - low) * factor, this.high - this.low);
    const from = Math.max(this.low, Math.min(centre - ((centre - low) / (high - low)) * width, this.high - width));
    this.zoomTo(from, from + width);
  }

  pan(share) {
    const width = this.range[1] - this.range[0];
    const from = Math.max(this.low, Math.min(this.range[0] + share * width, this.high - width));
    this.zoomTo(from, from + width);
  }

  drawGantt() {
    const width = Math.floor(this.canvas.parentElement.clientWidth - 30);
    if (width < 50 || !this.range) return;
    const { qubits } = this.spec;
    const rowHeight = Math.max(2, Math.min(18, 500 / qubits));
    const box = { left: 44, right: width - 6, top: 6, bottom: 6 + rowHeight * qubits };
    const height = Math.ceil(box.bottom + 26);
    const ratio = devicePixelRatio || 1;
    this.canvas.width = width * ratio;
    this.canvas.height = height * ratio;
    this.canvas.style.height = `${height}px`;
    this.box = { ...box, rowHeight };
    const pen = this.canvas.getContext("2d");
    pen.scale(ratio, ratio);
    const ink = Array.from({ length: 8 }, (_, index) => cssValue(`--c${index}`));
    const [soft, line, card, dark] = ["--soft", "--line", "--card", "--ink"].map(cssValue);
    pen.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    pen.clearRect(0, 0, width, height);
    const [low, high] = this.range;
    const x = scale(low, high, box.left, box.right);
    this.ganttX = x;
    pen.strokeStyle = line;
    pen.fillStyle = soft;
    pen.lineWidth = 1;
    pen.textAlign = "center";
    for (const [tick, text] of timeTicks(low, high, Math.max(2, Math.floor(width / 100)))) {
      const at = Math.round(x.at(tick)) + 0.5;
      pen.beginPath();
      pen.moveTo(at, box.top);
      pen.lineTo(at, box.bottom);
      pen.stroke();
      pen.textAlign = at > box.right - 20 ? "right" : at < box.left + 16 ? "left" : "center";
      pen.fillText(text, at, box.bottom + 16);
    }
    pen.textAlign = "right";
    const every = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find((step) => step * rowHeight >= 13) ?? 2000;
    for (let q = 0; q < qubits; q += every) pen.fillText(String(q), box.left - 6, box.top + (q + 0.5) * rowHeight + 4);
    const { of, name } = COLOURINGS[this.colouring];
    const key = new Map();
    const gap = rowHeight > 5 ? 1 : 0;
    for (const job of this.jobs) {
      if (job.end < low || job.start > high) continue;
      const kind = of(job);
      key.set(kind, name(job));
      const from = Math.max(box.left, x.at(job.start));
      const to = Math.min(box.right, x.at(job.end));
      const wide = Math.max(to - from, 0.6);
      for (const [first, last] of job.ranges) {
        const top = box.top + first * rowHeight;
        const tall = (last - first + 1) * rowHeight - gap;
        pen.fillStyle = ink[kind % 8];
        pen.globalAlpha = 0.85;
        pen.fillRect(from, top, wide, tall);
        pen.globalAlpha = 1;
        if (wide > 3) {
          pen.fillStyle = card;
          pen.fillRect(from, top, 1, tall);
        }
        const text = String(job.id);
        if (tall >= 12 && wide > text.length * 6.5 + 6) {
          pen.fillStyle = card;
          pen.textAlign = "left";
          pen.fillText(text, from + 4, top + Math.min(tall / 2 + 4, 14));
        }
      }
    }
    if (this.moment >= low && this.moment <= high) {
      const at = Math.round(x.at(this.moment)) + 0.5;
      pen.strokeStyle = dark;
      pen.setLineDash([4, 3]);
      pen.beginPath();
      pen.moveTo(at, box.top);
      pen.lineTo(at, box.bottom);
      pen.stroke();
      pen.setLineDash([]);
    }
    if (this.selection) {
      const [a, b] = this.selection;
      pen.fillStyle = cssValue("--accent");
      pen.globalAlpha = 0.2;
      pen.fillRect(Math.min(a, b), box.top, Math.abs(b - a), box.bottom - box.top);
      pen.globalAlpha = 1;
    }
    this.canvas.setAttribute("aria-label", `Schedule of ${this.spec.name} from ${format.moment(low, 100)} to ${format.moment(high, 100)}: arrow keys move the moment, plus and minus zoom, 0 shows all`);
    const kinds = [...key].sort((a, b) => a[0] - b[0]);
    this.ganttKey.replaceChildren(...kinds.slice(0, 16).map(([kind, text]) => element("span", {}, element("span", { class: "swatch", style: { background: color(kind) } }), text)),
      kinds.length > 16 ? `and ${kinds.length - 16} more` : "");
    this.all.disabled = low <= this.low && high >= this.high;
  }

  /** The job at a place of the schedule; null where there is none. */
  hit(px, py) {
    const { left, right, top, bottom, rowHeight } = this.box;
    if (px < left || px > right || py < top || py > bottom) return null;
    const time = this.ganttX.value(px);
    const q = Math.min(this.spec.qubits - 1, Math.floor((py - top) / rowHeight));
    const slack = (this.range[1] - this.range[0]) / (right - left);
    const found = this.jobs.find((job) => job.start - slack <= time && time <= job.end + slack && job.ranges.some(([first, last]) => first <= q && q <= last));
    return { time, qubit: q, job: found ?? null };
  }

  listen() {
    const { canvas } = this;
    const place = (event) => {
      const frame = canvas.getBoundingClientRect();
      return [event.clientX - frame.left, event.clientY - frame.top];
    };
    let start = null;
    canvas.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      [start] = place(event);
      if (event.pointerType === "mouse") canvas.setPointerCapture(event.pointerId);
    });
    canvas.addEventListener("pointermove", (event) => {
      const [px, py] = place(event);
      const inside = Math.min(Math.max(px, this.box.left), this.box.right);
      if (start !== null && Math.abs(inside - start) > 4) {
        this.selection = [start, inside];
        this.drawGantt();
      }
      const found = this.hit(px, py);
      if (!found) return tip.hide();
      const rows = found.job ? jobRows(found.job) : [["no job", ""]];
      tip.show(event.clientX, event.clientY, `Qubit ${found.qubit} at ${format.moment(found.time, 100)}`, rows);
    });
    canvas.addEventListener("pointerup", (event) => {
      const [px, py] = place(event);
      this.selection = null;
      if (start !== null) {
        const ends = [start, px].map((at) => this.ganttX.value(Math.min(Math.max(at, this.box.left), this.box.right))).sort((a, b) => a - b);
        if (Math.abs(px - start) > 8) this.zoomTo(...ends);
        else {
          const found = this.hit(px, py);
          if (found) this.show(found.time, true);
        }
      }
      start = null;
    });
    canvas.addEventListener("pointercancel", () => { start = null; this.selection = null; });
    canvas.addEventListener("pointerleave", () => tip.hide());
    canvas.addEventListener("dblclick", () => this.zoomTo(this.low, this.high));
    canvas.addEventListener("wheel", (event) => {
      if (!event.ctrlKey) return;
      event.preventDefault();
      this.zoomBy(event.deltaY > 0 ? 1.25 : 0.8);
    }, { passive: false });
    canvas.addEventListener("keydown", (event) => {
      const step = (this.range[1] - this.range[0]) / 50;
      if (event.key === "ArrowLeft") this.show(Math.max(this.low, this.moment - step), true);
      else if (event.key === "ArrowRight") this.show(Math.min(this.high, this.moment + step), true);
      else if (event.key === "+" || event.key === "=") this.zoomBy(0.4);
      else if (event.key === "-") this.zoomBy(2.5);
      else if (event.key === "0") this.zoomTo(this.low, this.high);
      else return;
      if (this.moment < this.range[0] || this.moment > this.range[1]) this.pan(event.key === "ArrowLeft" ? -0.5 : 0.5);
      event.preventDefault();
    });
  }
}

function jobRows(job) {
  const rows = [
    ["job", String(job.id)], ["workload", job.name], ["project, user", `${called(0, job.project)}, ${called(2, job.user)}`], ["state", job.state],
    ["started", format.moment(job.start, 100)], ["ran", job.running ? "still runs" : format.duration(job.end - job.start)],
    ["submitted", format.moment(job.submitted, 100)], ["qubits", job.qubits], ["buffer distance", String(job.buffer)],
  ];
  if (job.attempts > 1) rows.push(["attempt", `${job.attempt} of ${job.attempts}`]);
  if (job.predicted !== null) rows.push(["fidelity predicted, true", `${format.number(job.predicted)}, ${format.number(job.actual)}`]);
  return rows;
}

if (DATA.kind === "run" && DATA.devices.length) new DeviceView(document.getElementById("device-view"));
