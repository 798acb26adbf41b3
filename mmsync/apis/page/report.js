"use strict";
// Everything is made with textContent and attributes, never with innerHTML: names of clips may hold any text.
const data = JSON.parse(document.getElementById("data").textContent);
const runs = data.runs;
const main = document.querySelector("main");
const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const redraws = []; // functions that draw again after a change of theme or width

function h(tag, attributes = {}, ...children) {
  const svg = ["svg", "g", "line", "path", "circle", "text"].includes(tag);
  const node = svg ? document.createElementNS("http://www.w3.org/2000/svg", tag) : document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (value === true) node.setAttribute(key, "");
    else if (value !== false && value != null) node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child != null));
  return node;
}
const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
const runColor = (i) => color(`run${i % 6}`);
const dot = (background) => h("span", { class: "dot", style: `background:${background}`, "aria-hidden": "true" });
const dark = () => document.documentElement.dataset.theme === "dark";
const classColor = (i, count) =>
  i < 0 ? "#999" : `hsl(${Math.round((360 * i) / count)} 65% ${(dark() ? 58 : 42) + (i % 2 ? 12 : 0)}%)`;
const short = (value) =>
  value == null ? "–" : Math.abs(value) >= 1e4 || (value && Math.abs(value) < 1e-3) ? value.toExponential(2)
    : String(+value.toPrecision(4));
const plural = (n, word) => `${n.toLocaleString("en")} ${word}${n === 1 ? "" : "s"}`;

function section(title, note, ...children) {
  const id = title.toLowerCase().replaceAll(" ", "-");
  document.querySelector("nav ul").append(h("li", {}, h("a", { href: `#${id}` }, title)));
  const node = h("section", { id, "aria-labelledby": `${id}-title` }, h("h2", { id: `${id}-title` }, title),
    note ? h("p", { class: "note" }, note) : null, ...children);
  main.append(node);
  return node;
}

/** A canvas at the resolution of the screen: its context, width and height in CSS pixels, cleared. */
function sheet(canvas) {
  const scale = devicePixelRatio || 1, box = canvas.getBoundingClientRect();
  const [width, height] = [Math.round(box.width * scale), Math.round(box.height * scale)];
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  context.clearRect(0, 0, box.width, box.height);
  return [context, box.width, box.height];
}

// ---------------------------------------------------------------- header and theme
function theme(wanted) {
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  document.documentElement.dataset.theme = wanted === "auto" ? system : wanted;
  document.getElementById("theme").textContent = `Theme: ${wanted}`;
  document.getElementById("runs").replaceChildren(...runs.map((run, i) => h("li", {}, dot(runColor(i)), run.name)));
  for (const draw of redraws) draw();
}
let wantedTheme = "auto";
document.getElementById("theme").addEventListener("click", () => {
  const order = ["auto", "light", "dark"];
  theme((wantedTheme = order[(order.indexOf(wantedTheme) + 1) % 3]));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme(wantedTheme));
document.querySelector("nav").append(h("ul"));
main.replaceChildren();

// ---------------------------------------------------------------- results
const HEADLINES = ["loss", "knn/top1", "linear/last", "pairs/auc", "phases/mean", "tau/mean", "collapse/std", "collapse/effective_rank"];

function results() {
  const rows = new Map(); // name of the row -> cells by run
  const put = (name, i, ...cell) => rows.set(name, Object.assign(rows.get(name) || {}, { [i]: cell }));
  const note = (text) => h("small", {}, text);
  runs.forEach((run, i) => {
    const find = (end) => Object.entries(run.config).find(([key]) => key === end)?.[1].replaceAll("'", "");
    const models = Object.entries(run.config).filter(([key]) => key.startsWith("model.") && key.endsWith("backbone.type"));
    const length = Math.max(0, ...Object.values(run.curves).map(([x]) => x[x.length - 1] || 0));
    if (find("model.type")) put("method", i, find("model.type"));
    if (models.length) put("backbone", i, [...new Set(models.map(([, name]) => name.replaceAll("'", "")))].join(", "));
    if (length) put("length", i, plural(Math.round(length), run.unit));
    if (run.clips?.top1) {
      const [top1, low, high] = run.clips.top1.map(short);
      put("KNN of this page, %", i, top1, note(`95 % interval ${low} to ${high}`));
    }
    for (const [key, [last, low, high]] of Object.entries(run.final)) {
      if (/time$/.test(key) || (/_(low|high)$/.test(key) && key.replace(/_(low|high)$/, "") in run.final)) continue;
      const ends = [`${key}_low`, `${key}_high`].map((end) => run.final[end]?.[0]);
      const interval = ends.every((end) => end != null) ? `interval ${short(ends[0])} to ${short(ends[1])}; ` : "";
      put(key, i, short(last), note(`${interval}${short(low)} to ${short(high)} in training`));
    }
    for (const row of run.results) {
      const spread = row.low != null ? `${short(row.low)} to ${short(row.high)}` : row.std != null ? `± ${short(row.std)}` : "";
      const seeds = row.seeds?.length > 1 ? `, ${row.seeds.length} seeds` : "";
      put(`${row.what} (${row.of})`, i, short(row.mean), note(spread + seeds));
    }
  });
  const head = h("tr", {}, h("th", {}, ""), ...runs.map((run, i) => h("th", { scope: "col" }, dot(`var(--run${i % 6})`), run.name)));
  const many = [...rows.keys()].filter((name) => name.includes("/")).length > 12; // one for each class, for example
  const folded = many ? [...rows.keys()].filter((name) => name.includes("/") && !HEADLINES.includes(name)) : [];
  const body = [...rows].map(([name, cells]) => h("tr", { hidden: folded.includes(name) }, h("th", { scope: "row" }, name),
    ...runs.map((_, i) => h("td", { class: "number" }, ...(cells[i] || ["–"])))));
  const all = h("button", { type: "button", hidden: !folded.length, onclick: () => {
    body.forEach((row) => { row.hidden = false; });
    all.hidden = true;
  } }, `Show ${plural(folded.length, "more value")}`);
  section("Results", "Last values of the log, and their range during training; results of protocols where there are any.",
    h("div", { class: "scroll" }, h("table", {}, h("thead", {}, head), h("tbody", {}, ...body))),
    h("p", { hidden: !folded.length }, all),
    ...runs.flatMap((run) => run.notes.map((text) => h("p", { class: "note" }, `${run.name}: ${text}`))));
}

// ---------------------------------------------------------------- curves
function curves() {
  const keys = [...new Set(runs.flatMap((run) => Object.keys(run.curves)))];
  if (!keys.length) return;
  const first = HEADLINES.filter((key) => keys.includes(key));
  const chosen = new Set(first.length ? first : keys.slice(0, 4));
  const state = { log: false, smooth: 0 };
  const panels = h("div", { class: "panels" });
  const draw = () => panels.replaceChildren(...keys.filter((key) => chosen.has(key)).map((key) => panel(key, state, panels)));
  const boxes = keys.map((key) => h("label", {}, h("input", {
    type: "checkbox", checked: chosen.has(key),
    onchange: (event) => { event.target.checked ? chosen.add(key) : chosen.delete(key); draw(); },
  }), key));
  const smooth = h("input", { type: "range", min: 0, max: 0.95, step: 0.05, value: 0, id: "smooth",
    oninput: (event) => { state.smooth = +event.target.value; draw(); } });
  const log = h("input", { type: "checkbox", id: "log", onchange: (event) => { state.log = event.target.checked; draw(); } });
  section("Curves", "Point at a curve, or focus it and use the arrow keys, for its values.",
    h("div", { class: "bar" }, h("label", {}, log, "log scale"), h("label", {}, "smoothing", smooth)),
    h("details", {}, h("summary", {}, `Choose from ${plural(keys.length, "scalar")}`), h("fieldset", { "aria-label": "Scalars" }, ...boxes)),
    panels);
  redraws.push(draw);
}

/** Bias-corrected moving average, as of analyze_logs.py --smooth. */
function smoothed(values, weight) {
  let mean = 0, mass = 0;
  return values.map((value) => {
    if (value != null) [mean, mass] = [weight * mean + (1 - weight) * value, weight * mass + 1 - weight];
    return mass ? mean / mass : null;
  });
}

function ticks(low, high, log) {
  if (log) {
    const span = Math.log10(high / low), all = [];
    for (let e = Math.floor(Math.log10(low)); e <= Math.log10(high); e++)
      for (const m of span > 3 ? [1] : span > 1 ? [1, 3] : [1, 2, 3, 4, 5, 7]) all.push(m * 10 ** e);
    const inside = all.filter((v) => v >= low * 0.999 && v <= high * 1.001);
    return inside.length > 1 ? inside : [low, high];
  }
  const raw = (high - low) / 4 || 1, unit = 10 ** Math.floor(Math.log10(raw));
  const step = unit * [1, 2, 5, 10].find((m) => m * unit >= raw);
  const out = [];
  for (let v = Math.ceil(low / step) * step; v <= high + step * 1e-6; v += step) out.push(+v.toPrecision(12));
  return out;
}

function panel(key, { log, smooth }, parent) {
  const lines = runs.flatMap((run, i) => {
    if (!run.curves[key]) return [];
    const [x, raw] = run.curves[key];
    const fine = (v) => v != null && (!log || v > 0);
    const keep = raw.map((v, at) => at).filter((at) => fine(raw[at]));
    const y = keep.map((at) => raw[at]);
    return [{ i, run, x: keep.map((at) => x[at]), raw: y, y: smooth ? smoothed(y, smooth) : y }];
  }).filter((line) => line.x.length);
  const readout = h("div", { class: "readout", "aria-live": "polite" });
  const title = h("h3", {}, key, lines.length ? h("small", {}, ` by ${lines[0].run.unit}`) : null);
  if (!lines.length) return h("div", { class: "panel" }, title, h("div", { class: "readout" }, "no value can be drawn"));
  const width = Math.min(parent.clientWidth, Math.max(320, (parent.clientWidth + 24) / Math.max(1, Math.floor((parent.clientWidth + 24) / 364)) - 24));
  const [left, right, top, bottom, height] = [52, 10, 8, 24, 210];
  const xs = lines.flatMap((line) => line.x), ys = lines.flatMap((line) => line.raw);
  let [x0, x1, y0, y1] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
  if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
  if (y0 === y1) [y0, y1] = log ? [y0 / 2, y1 * 2] : [y0 - (Math.abs(y0) * 0.1 || 1), y1 + (Math.abs(y1) * 0.1 || 1)];
  const f = log ? Math.log : (v) => v;
  const px = (x) => left + ((x - x0) / (x1 - x0)) * (width - left - right);
  const py = (y) => top + (1 - (f(y) - f(y0)) / (f(y1) - f(y0))) * (height - top - bottom);
  const path = (x, y) => x.map((v, n) => `${n ? "L" : "M"}${px(v).toFixed(1)} ${py(y[n]).toFixed(1)}`).join("");
  const grid = h("g", { class: "grid" }, ...ticks(y0, y1, log).flatMap((v) => [
    h("line", { x1: left, x2: width - right, y1: py(v), y2: py(v) }),
    h("text", { x: left - 6, y: py(v) + 4, "text-anchor": "end" }, short(v))]),
    ...ticks(x0, x1, false).filter(Number.isInteger).map((v) => h("text", { x: px(v), y: height - 8, "text-anchor": "middle" }, short(v))));
  const cursor = h("g");
  const label = `${key}: ` + lines.map((line) => `${line.run.name} ends at ${short(line.raw.at(-1))}`).join(", ");
  const show = (x) => {
    const near = lines.map((line) => {
      const at = line.x.reduce((best, v, n) => (Math.abs(v - x) < Math.abs(line.x[best] - x) ? n : best), 0);
      return { line, at };
    });
    cursor.replaceChildren(h("line", { x1: px(x), x2: px(x), y1: top, y2: height - bottom, stroke: color("soft"), "stroke-dasharray": "2 3" }),
      ...near.map(({ line, at }) => h("circle", { cx: px(line.x[at]), cy: py(line.y[at]), r: 4, fill: runColor(line.i) })));
    readout.replaceChildren(`${near[0].line.run.unit} ${short(near[0].line.x[near[0].at])}`, ...near.flatMap(({ line, at }) =>
      [dot(runColor(line.i)), short(line.raw[at]) + (smooth ? ` (${short(line.y[at])} smoothed)` : "")]));
  };
  let at = lines[0].x.length;
  const svg = h("svg", { viewBox: `0 0 ${width} ${height}`, tabindex: 0, role: "img", "aria-label": label,
    onpointermove: (event) => {
      const box = svg.getBoundingClientRect();
      const x = x0 + (((event.clientX - box.left) / box.width) * width - left) / (width - left - right) * (x1 - x0);
      show(Math.min(x1, Math.max(x0, x)));
    },
    onpointerleave: () => { cursor.replaceChildren(); readout.replaceChildren(); },
    onkeydown: (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      at = Math.min(lines[0].x.length - 1, Math.max(0, at + step));
      show(lines[0].x[at]);
    } }, grid,
    ...lines.flatMap((line) => [
      smooth ? h("path", { d: path(line.x, line.raw), fill: "none", stroke: runColor(line.i), opacity: 0.25 }) : null,
      h("path", { d: path(line.x, line.y), fill: "none", stroke: runColor(line.i), "stroke-width": 1.8, "stroke-linejoin": "round" }),
      ...(line.x.length < 30 ? line.x.map((v, n) => h("circle", { cx: px(v), cy: py(line.y[n]), r: line.x.length > 1 ? 2 : 4, fill: runColor(line.i) })) : [])]),
    cursor);
  return h("div", { class: "panel" }, title, svg, readout);
}

// ---------------------------------------------------------------- moving skeletons
const players = new Set(); // {canvas, clip, facts}: all that move at present
const motion = { playing: !calm, turning: true, time: 0, last: 0 };

function decode(clip) {
  if (typeof clip[3] === "string") clip[3] = Uint8Array.from(atob(clip[3]), (letter) => letter.charCodeAt(0));
  return clip;
}

/** A film strip, [number of pictures, WebP in base64]: the picture of the present time, as large as it fits. */
function drawStrip(player, context, width, height) {
  const { clip } = player, [count, code] = clip;
  if (typeof code === "string") clip[1] = Object.assign(new Image(), { src: `data:image/webp;base64,${code}` });
  const strip = clip[1];
  if (!strip.complete) strip.addEventListener("load", () => drawClip(player), { once: true });
  if (!strip.naturalWidth) return;
  const now = Math.min(Math.floor((motion.time / 160) % (count + 2)), count - 1); // a short rest at the end
  const wide = strip.naturalWidth / count, scale = Math.min(width / wide, height / strip.naturalHeight);
  const [w, t] = [wide * scale, strip.naturalHeight * scale];
  context.drawImage(strip, now * wide, 0, wide, strip.naturalHeight, (width - w) / 2, (height - t) / 2, w, t);
}

function drawClip(player) {
  const { canvas, clip, facts } = player, [context, width, height] = sheet(canvas);
  if (!clip) {
    context.fillStyle = color("soft");
    context.font = "12px system-ui, sans-serif";
    context.textAlign = "center";
    return context.fillText("nothing to show", width / 2, height / 2);
  }
  if (facts.strips) return drawStrip(player, context, width, height);
  const [frames, persons, coords, code] = decode(clip), joints = facts.joints;
  const place = ((motion.time / 90) % (frames + 6)); // a short rest at the end
  const now = Math.min(Math.floor(place), frames - 1), next = Math.min(now + 1, frames - 1), share = Math.min(1, place - now);
  const angle = coords < 3 ? 0 : motion.turning ? 0.35 + 0.6 * Math.sin(motion.time / 2600) : 0.35;
  const scale = Math.min(width, height) / 2 / 150; // of 127, with room for the head and the turn
  const point = (person, joint) => {
    const at = (frame) => ((frame * persons + person) * joints + joint) * coords;
    const [a, b] = [at(now), at(next)];
    if (!code[a]) return null;
    const v = [0, 1, 2].map((c) => (c >= coords ? 0 : code[a + c] + (code[b] ? share : 0) * (code[b + c] - code[a + c]) - 128));
    const x = v[0] * Math.cos(angle) + v[2] * Math.sin(angle), z = v[2] * Math.cos(angle) - v[0] * Math.sin(angle);
    return [width / 2 + scale * x, height / 2 - scale * (coords < 3 ? v[1] : v[1] * 0.985 - z * 0.17)];
  };
  context.lineCap = "round";
  context.lineWidth = Math.max(1.5, width / 75);
  for (let person = 0; person < persons; person++) {
    context.globalAlpha = person ? 0.55 : 1;
    for (const [a, b, side] of facts.bones) {
      const [from, to] = [point(person, a), point(person, b)];
      if (!from || !to) continue;
      context.strokeStyle = clipColors[side + 1];
      context.beginPath();
      context.moveTo(...from);
      context.lineTo(...to);
      context.stroke();
    }
    const head = facts.head < 0 ? null : point(person, facts.head);
    if (head) {
      context.fillStyle = clipColors[1];
      context.beginPath();
      context.arc(...head, Math.max(3, width / 32), 0, 7);
      context.fill();
    }
  }
  context.globalAlpha = 1;
}
let clipColors = [];
redraws.push(() => { clipColors = ["left", "middle", "right"].map(color); players.forEach(drawClip); });

function tick(time) {
  if (motion.playing) {
    motion.time += Math.min(100, time - motion.last);
    for (const player of players) player.canvas.isConnected ? drawClip(player) : players.delete(player);
  }
  motion.last = time;
  requestAnimationFrame(tick);
}

/** A moving clip with its name, label and a mark. */
function figure(facts, side, row, extra, mark) {
  const clips = facts[side], name = clips.names[row], label = labelText(facts, clips.labels[row]);
  const canvas = h("canvas", { class: facts.strips ? "clip strip" : "clip", role: "img", "aria-label": `moving picture of ${name}, ${label}` });
  const clip = clips.clips[row], player = { canvas, clip: facts.strips ? facts.strips[clip] : clip, facts };
  const shown = facts.bones || facts.strips;
  if (shown) {
    players.add(player);
    requestAnimationFrame(() => drawClip(player));
  }
  const sign = mark == null ? null : h("span", { class: mark ? "good" : "bad" }, mark ? "✓ " : "✗ ");
  return h("figure", {}, shown ? canvas : null, h("figcaption", {}, sign, h("strong", {}, label), h("small", {}, name), extra ? h("small", {}, extra) : null));
}
const labelText = (facts, label) => (label < 0 ? "unlabeled" : facts.classes[label]);

// ---------------------------------------------------------------- features of one run: map, confusions, neighbors
function clipSections() {
  const known = runs.filter((run) => run.clips);
  if (!known.length) return;
  const state = { run: known[0], query: 0, focus: null };
  const listeners = []; // called after any change
  const change = (values) => { Object.assign(state, values); listeners.forEach((listener) => listener(values)); };
  const choice = known.length > 1 ? h("label", {}, "run", h("select", { id: "run",
    onchange: (event) => change({ run: known[event.target.value], query: 0, focus: null, whole: true }) },
    ...known.map((run, i) => h("option", { value: i }, run.name)))) : null;
  embedding(state, change, listeners, choice);
  if (known.some((run) => run.clips.confusion)) confusion(state, change, listeners);
  neighbors(state, change, listeners);
  requestAnimationFrame(tick);
  redraws.push(() => listeners.forEach((listener) => listener({ whole: true })));
}

function embedding(state, change, listeners, choice) {
  const canvas = h("canvas", { class: "map", tabindex: 0, role: "application", "aria-label": "Test clips in two dimensions; arrow keys go from clip to clip" });
  const readout = h("div", { class: "readout", "aria-live": "polite" });
  const legend = h("div", { class: "legend", role: "group", "aria-label": "Highlight a class" });
  const note = h("p", { class: "note" });
  const side = h("div");
  let spots = [], hovered = null;
  const draw = () => {
    const facts = state.run.clips, [context, width, height] = sheet(canvas);
    const size = Math.max(...facts.points.flat(), 1), w = Math.max(...facts.points.map((p) => p[0]), 1), t = Math.max(...facts.points.map((p) => p[1]), 1);
    const scale = Math.min((width - 32) / w, (height - 32) / t);
    spots = facts.points.map(([x, y]) => [width / 2 + scale * (x - w / 2), height / 2 - scale * (y - t / 2)]);
    spots.forEach(([x, y], i) => {
      const label = facts.query.labels[i];
      context.globalAlpha = state.focus == null || state.focus === label ? 0.9 : 0.12;
      context.fillStyle = classColor(label, facts.classes.length);
      context.beginPath();
      context.arc(x, y, size && width < 480 ? 3.5 : 5, 0, 7);
      context.fill();
    });
    context.globalAlpha = 1;
    for (const i of new Set([state.query, hovered]))
      if (spots[i]) {
        context.strokeStyle = color("ink");
        context.lineWidth = i === state.query ? 2.5 : 1.5;
        context.beginPath();
        context.arc(...spots[i], 8, 0, 7);
        context.stroke();
      }
  };
  const tell = (i) => {
    hovered = i;
    const { query, predicted } = state.run.clips;
    const guess = predicted && predicted[i] !== query.labels[i] ? `, taken for ${labelText(state.run.clips, predicted[i])}` : "";
    readout.replaceChildren(...(i == null ? [] : [`${query.names[i]}: ${labelText(state.run.clips, query.labels[i])}${guess}`]));
    draw();
  };
  const nearest = (event) => {
    const box = canvas.getBoundingClientRect(), [x, y] = [event.clientX - box.left, event.clientY - box.top];
    const far = spots.map((spot) => Math.hypot(spot[0] - x, spot[1] - y));
    const best = far.indexOf(Math.min(...far));
    return far[best] < 20 ? best : null;
  };
  canvas.addEventListener("pointermove", (event) => tell(nearest(event)));
  canvas.addEventListener("pointerleave", () => tell(null));
  canvas.addEventListener("click", (event) => { const i = nearest(event); if (i != null) change({ query: i }); });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const count = spots.length, { labels } = state.run.clips.query;
    let i = state.query;
    do i = (i + step + count) % count; while (state.focus != null && labels[i] !== state.focus && i !== state.query);
    change({ query: i });
    tell(i);
  });
  const names = () => {
    const facts = state.run.clips, present = [...new Set(facts.query.labels)].sort((a, b) => a - b);
    legend.replaceChildren(...present.map((label) => h("button", { type: "button", "aria-pressed": String(state.focus === label),
      onclick: () => { change({ focus: state.focus === label ? null : label, whole: true }); },
    }, dot(classColor(label, facts.classes.length)), labelText(facts, label))));
    note.textContent = `t-SNE of the features. ${facts.note}.`;
  };
  listeners.push((values) => {
    const facts = state.run.clips, i = state.query;
    if (values.whole) names();
    draw();
    if ("query" in values || values.whole) {
      const guess = facts.predicted ? `predicted: ${labelText(facts, facts.predicted[i])}` : null;
      side.replaceChildren(figure(facts, "query", i, guess, facts.predicted ? facts.predicted[i] === facts.query.labels[i] : null));
    }
  });
  const node = section("Embedding", null, choice ? h("div", { class: "bar" }, choice) : null,
    h("div", { class: "split" }, h("div", {}, canvas, readout, legend), h("div", { class: "side" }, side)));
  node.querySelector("h2").after(note);
}

function confusion(state, change, listeners) {
  const canvas = h("canvas", { class: "matrix", role: "img" });
  const readout = h("div", { class: "readout", "aria-live": "polite" });
  const pairs = h("ol", { class: "pairs" });
  let cell = null; // function from a position on the canvas to [true, predicted]
  const choose = (wanted, guess) => {
    change({ filter: { label: String(wanted), guess }, whole: true });
    document.getElementById("neighbors").scrollIntoView({ behavior: calm ? "auto" : "smooth" });
  };
  const draw = () => {
    const { confusion: counts, classes, top1 } = state.run.clips;
    if (!counts) { pairs.replaceChildren(); return sheet(canvas); }
    const [context, width, height] = sheet(canvas), count = classes.length;
    const font = Math.max(7, Math.min(12, (0.75 * width) / count));
    context.font = `${font}px system-ui, sans-serif`;
    const cut = (name) => (name.length > 18 ? `${name.slice(0, 17)}…` : name);
    const space = Math.min(0.32 * width, Math.max(...classes.map((name) => context.measureText(cut(name)).width)) + 10);
    const size = (Math.min(width, height) - space) / count;
    const ink = dark() ? "120, 169, 255" : "37, 99, 201";
    counts.forEach((row, i) => {
      const total = row.reduce((a, b) => a + b, 0);
      row.forEach((n, j) => {
        context.fillStyle = n ? `rgba(${ink}, ${0.12 + (0.88 * n) / total})` : color("page");
        context.fillRect(space + j * size, i * size, size - (size > 6 ? 1 : 0), size - (size > 6 ? 1 : 0));
        if (!n || size < 22) return;
        context.fillStyle = n / total > 0.5 ? (dark() ? "#14171c" : "#ffffff") : color("ink");
        context.textAlign = "center";
        context.textBaseline = "middle";
        context.fillText(String(n), space + (j + 0.5) * size, (i + 0.5) * size);
      });
      context.fillStyle = color("soft");
      context.textAlign = "right";
      context.textBaseline = "middle";
      if (size >= 7) context.fillText(cut(classes[i]), space - 5, (i + 0.5) * size);
      context.save();
      context.translate(space + (i + 0.5) * size, count * size + 5);
      context.rotate(-Math.PI / 2);
      if (size >= 7) context.fillText(cut(classes[i]), 0, 0);
      context.restore();
    });
    canvas.setAttribute("aria-label", `Confusion matrix of ${count} classes, ${short(top1[0])} % right`);
    cell = (x, y) => [Math.floor(y / size), Math.floor((x - space) / size)].map((v) => (v >= 0 && v < count ? v : null));
    const wrong = counts.flatMap((row, i) => row.map((n, j) => [n, i, j])).filter(([n, i, j]) => n && i !== j)
      .sort((a, b) => b[0] - a[0]).slice(0, 10);
    pairs.replaceChildren(h("li", {}, `${short(top1[0])} % right (95 % interval ${short(top1[1])} to ${short(top1[2])}).`,
      wrong.length ? " Most confused:" : ""),
      ...wrong.map(([n, i, j]) => h("li", {}, h("button", { type: "button", onclick: () => choose(i, j) },
        `${classes[i]} taken for ${classes[j]}: ${n} of ${counts[i].reduce((a, b) => a + b, 0)}`))));
  };
  const at = (event) => {
    const box = canvas.getBoundingClientRect();
    return cell ? cell(event.clientX - box.left, event.clientY - box.top) : [null, null];
  };
  canvas.addEventListener("pointermove", (event) => {
    const [i, j] = at(event), { confusion: counts, classes } = state.run.clips;
    readout.textContent = i == null || j == null ? "" : `true ${classes[i]}, predicted ${classes[j]}: ${plural(counts[i][j], "clip")}`;
  });
  canvas.addEventListener("click", (event) => { const [i, j] = at(event); if (i != null && j != null && state.run.clips.confusion[i][j]) choose(i, j); });
  listeners.push((values) => { if (values.whole) draw(); });
  section("Confusion matrix", "Rows are true classes, columns predictions of the KNN probe. Choose a cell or a pair to see its clips below.",
    h("div", { class: "split" }, h("div", {}, canvas, readout), pairs));
}

function neighbors(state, change, listeners) {
  const row = h("div", { class: "clips" });
  const counter = h("span", { class: "readout", "aria-live": "polite" });
  const label = h("select", { id: "class", onchange: () => { guess = null; refilter(); } });
  const wrong = h("input", { type: "checkbox", id: "wrong", onchange: () => { guess = null; refilter(); } });
  const search = h("input", { type: "search", id: "name", placeholder: "name of a clip", "aria-label": "Name of a clip", oninput: () => refilter() });
  const button = (text, name, action) => h("button", { type: "button", "aria-label": name, onclick: action }, text);
  const play = button(motion.playing ? "Pause" : "Play", "Play or pause", () => {
    motion.playing = !motion.playing;
    play.textContent = motion.playing ? "Pause" : "Play";
  });
  const turn = h("input", { type: "checkbox", id: "turn", checked: true, onchange: (event) => { motion.turning = event.target.checked; players.forEach(drawClip); } });
  const turnLabel = h("label", {}, turn, "turn");
  let list = [], guess = null;
  const go = (step) => list.length && change({ query: list[(list.indexOf(state.query) + step + list.length) % list.length] });
  const refilter = (keep = false) => {
    const facts = state.run.clips, { names, labels } = facts.query, word = search.value.toLowerCase();
    list = names.map((_, i) => i).filter((i) => (label.value === "" || labels[i] === +label.value)
      && (!wrong.checked || facts.predicted?.[i] !== labels[i]) && (guess == null || facts.predicted[i] === guess)
      && names[i].toLowerCase().includes(word));
    if (facts.margin) list.sort((a, b) => facts.margin[a] - facts.margin[b] || a - b); // the hardest first
    if (list.length && !(keep && list.includes(state.query))) change({ query: list[0] });
    else show();
  };
  const show = () => {
    const facts = state.run.clips, i = state.query, own = facts.query.labels[i];
    const place = list.indexOf(i), among = guess == null ? "" : `, taken for ${labelText(facts, guess)}`;
    const of = runs.length > 1 ? ` (${state.run.name})` : ""; // the menu of runs is further above
    counter.textContent = list.length ? `${place < 0 ? "chosen above" : `${place + 1} of ${list.length}`}${among}${of}` : "no clip matches";
    if (!list.length) return row.replaceChildren();
    const said = facts.predicted ? `predicted: ${labelText(facts, facts.predicted[i])}` : null;
    row.replaceChildren(figure(facts, "query", i, said, facts.predicted ? facts.predicted[i] === own : null),
      ...facts.near[i].map((j, n) => figure(facts, "bank", j, `cosine ${facts.cosine[i][n].toFixed(2)}`, own < 0 || facts.bank.labels[j] < 0 ? null : facts.bank.labels[j] === own)));
  };
  let shown = null; // run whose classes the menu lists
  listeners.push((values) => {
    const facts = state.run.clips;
    if (shown !== state.run) {
      shown = state.run;
      const present = [...new Set(facts.query.labels)].sort((a, b) => a - b);
      label.replaceChildren(h("option", { value: "" }, "all classes"), ...present.map((one) => h("option", { value: one }, labelText(facts, one))));
      wrong.disabled = !facts.predicted;
      play.hidden = !facts.bones && !facts.strips;
      turnLabel.hidden = !facts.bones;
      guess = null;
      return refilter();
    }
    if (values.filter) {
      const { filter } = values;
      [label.value, guess, wrong.checked, search.value] = [filter.label, filter.guess, false, ""];
      return refilter();
    }
    if (values.whole || "query" in values) show();
  });
  section("Neighbors", "A test clip (framed) and the training clips nearest to it, ✓ of the same class, ✗ of another. The hardest clips come first.",
    h("div", { class: "bar" }, h("label", {}, "class", label), h("label", {}, wrong, "wrong only"), search,
      button("‹ Previous", "Previous clip", () => go(-1)), button("Next ›", "Next clip", () => go(1)), counter, play, turnLabel),
    row);
}

// ---------------------------------------------------------------- pictures and configs
function pictures() {
  const all = runs.flatMap((run) => run.pictures.map((one) => [run.name, one]));
  if (!all.length) return;
  section("Pictures", null, h("div", { class: "pictures" }, ...all.map(([run, { name, source }]) => {
    const film = source.startsWith("data:video");
    const text = runs.length > 1 ? `${run}: ${name}` : name;
    return h("figure", {}, film ? h("video", { src: source, controls: true, "aria-label": text }) : h("img", { src: source, alt: text }), h("figcaption", {}, text));
  })));
}

function configs() {
  const known = runs.filter((run) => Object.keys(run.config).length);
  if (!known.length) return;
  const keys = [...new Set(known.flatMap((run) => Object.keys(run.config)))];
  const differs = (key) => known.some((run) => run.config[key] !== known[0].config[key]);
  keys.sort((a, b) => differs(b) - differs(a)); // these first, else in order of the file
  const count = keys.filter(differs).length;
  const search = h("input", { type: "search", id: "config-search", placeholder: "search, e.g. optimizer lr", "aria-label": "Search the configs" });
  const only = h("input", { type: "checkbox", id: "differences" });
  const found = h("span", { class: "readout", "aria-live": "polite" });
  const rows = keys.map((key) => [key, h("tr", { class: differs(key) ? "differs" : null }, h("th", { scope: "row" }, key),
    ...known.map((run) => h("td", {}, run.config[key] ?? "–")))]);
  const filter = () => {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const [key, node] of rows) {
      const text = [key, ...known.map((run) => run.config[key] ?? "")].join(" ").toLowerCase();
      node.hidden = !words.every((word) => text.includes(word)) || (only.checked && !differs(key));
      left += !node.hidden;
    }
    found.textContent = plural(left, "value");
  };
  search.addEventListener("input", filter);
  only.addEventListener("change", filter);
  const head = h("tr", {}, h("th", {}, "key"), ...known.map((run) => h("th", { scope: "col" }, run.name)));
  section("Config", known.length > 1 ? `${plural(count, "value")} that differ between the runs are marked, and come first.` : "The resolved config.",
    h("div", { class: "bar" }, search, known.length > 1 ? h("label", {}, only, "differences only") : null, found),
    h("div", { class: "config", tabindex: 0, role: "region", "aria-label": "Values of the configs" },
      h("table", {}, h("thead", {}, head), h("tbody", {}, ...rows.map(([, node]) => node)))));
  filter();
}

results();
curves();
clipSections();
pictures();
configs();
document.title = `${runs.map((run) => run.name).join(", ")} – mmsync report`;
document.querySelector("footer").textContent = `Written by mmsync ${data.version}. Everything is in this file.`;
theme("auto");
let lastWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth !== lastWidth) { lastWidth = innerWidth; redraws.forEach((draw) => draw()); }
});
