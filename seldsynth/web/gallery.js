// The gallery: cards and charts from window.SELDSYNTH, which gallery/data.js sets. It opens from a
// file. Names of files are only ever set as text.
"use strict";

const data = window.SELDSYNTH;
const PER_PAGE = 48;
const NOTHING = "–";

function make(tag, properties = {}, ...children) {
  const element = Object.assign(document.createElement(tag), properties);
  element.append(...children);
  return element;
}

function address(name, ending) {
  return name.split("/").map(encodeURIComponent).join("/") + ending;
}

function counted(number, what) {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}

function duration(seconds) {
  if (seconds < 60) return `${seconds.toFixed(1)} s`;
  if (seconds < 3600) return `${(seconds / 60).toFixed(1)} min`;
  return `${(seconds / 3600).toFixed(2)} h`;
}

// ---- canvases: drawn at the screen's own resolution, again when they change size

function drawn(element, height, draw) {
  const canvas = make("canvas");
  canvas.style.height = `${height}px`;
  element.append(canvas);
  const redraw = () => {
    const ratio = window.devicePixelRatio || 1;
    const width = canvas.clientWidth;
    if (!width) return;
    canvas.width = width * ratio;
    canvas.height = height * ratio;
    const context = canvas.getContext("2d");
    context.scale(ratio, ratio);
    draw(context, width, height);
  };
  new ResizeObserver(redraw).observe(canvas);
  return canvas;
}

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

// ---- charts

function chart(title, wide = false) {
  const element = make("div", { className: wide ? "chart wide" : "chart" });
  element.append(make("h2", { textContent: title }));
  document.getElementById("charts").append(element);
  return element;
}

function bars(element, rows) {
  const most = Math.max(...rows.map((row) => row.value), 1e-9);
  const list = make("div", { className: "bars" });
  for (const row of rows) {
    const bar = make("div", { className: "bar" });
    bar.style.width = `${(100 * row.value) / most}%`;
    if (row.colour) bar.style.background = row.colour;
    list.append(
      make("span", { className: "name", textContent: row.name, title: row.title || row.name }),
      make("div", { className: "track" }, bar),
      make("span", { className: "value", textContent: row.text }),
    );
  }
  element.append(list);
}

function eventsChart() {
  const totals = data.totals;
  bars(
    chart("Events by class"),
    data.classes.map((one, index) => ({
      name: one.name,
      value: totals.by_class[index],
      text: totals.by_class[index] ? `${totals.by_class[index]} · ${duration(totals.seconds[index])}` : NOTHING,
      colour: one.colour,
    })),
  );
}

function placesChart() {
  const places = data.totals.places;
  const most = Math.max(1, ...places.flat());
  const element = chart("Where sounds are: azimuth × elevation", true);
  drawn(element, 250, (context, width, height) => {
    const left = 34, bottom = 22, wide = width - left, high = height - bottom;
    const across = wide / places[0].length, down = high / places.length;
    context.fillStyle = colour("--stage");
    context.fillRect(left, 0, wide, high);
    places.forEach((row, r) => row.forEach((value, c) => {
      if (!value) return;
      const part = Math.log1p(value) / Math.log1p(most);
      context.fillStyle = `hsl(${250 - 200 * part} 85% ${25 + 45 * part}%)`;
      context.fillRect(left + c * across, r * down, across + 0.5, down + 0.5);
    }));
    context.fillStyle = colour("--soft");
    context.font = "11px system-ui, sans-serif";
    context.textAlign = "center";
    for (const azimuth of [180, 90, 0, -90, -180]) {
      const x = left + ((180 - azimuth) / 360) * wide;
      context.textAlign = azimuth === 180 ? "left" : azimuth === -180 ? "right" : "center";
      context.fillText(`${azimuth}°`, x, height - 6);
    }
    context.textAlign = "right";
    for (const elevation of [90, 45, 0, -45, -90]) {
      const y = ((90 - elevation) / 180) * high;
      context.fillText(`${elevation}°`, left - 5, Math.min(high, Math.max(9, y + 4)));
    }
  });
}

function percent(value, total) {
  return total ? `${((100 * value) / total).toFixed(value && value < total / 100 ? 1 : 0)} %` : NOTHING;
}

function shareRows(values, names) {
  const total = values.reduce((sum, value) => sum + value, 0);
  return values.map((value, index) => ({ name: names[index], value, text: percent(value, total) }));
}

function otherCharts() {
  const totals = data.totals;
  const step = totals.distance_step_m;
  const last = totals.distances.length - 1;
  const farthest = totals.distances.reduce((found, value, index) => (value ? index : found), 0);
  const rows = shareRows(totals.distances, totals.distances.map((_, index) =>
    index === last ? `${(index * step).toFixed(1)} m and more` : `${(index * step).toFixed(1)}–${((index + 1) * step).toFixed(1)} m`,
  ));
  const distances = make("div", { className: "scroll" });
  chart("Distances of sounds").append(distances);
  bars(distances, rows.slice(0, farthest + 1));
  bars(chart("How many sounds at a time"), shareRows(
    totals.polyphony.map(([, value]) => value),
    totals.polyphony.map(([count]) => String(count)),
  ));
  const steps = totals.visible.length;
  bars(chart("How much of pictures can be seen"), shareRows(
    totals.visible,
    totals.visible.map((_, index) => `${(100 * index) / steps}–${(100 * (index + 1)) / steps} %`),
  ));
  const element = chart(`Pictures and clips used: ${totals.num_assets}`);
  const list = make("div", { className: "scroll" });
  element.append(list);
  bars(list, totals.assets.map(([path, value]) => ({
    name: path.split("/").slice(-2).join("/"), title: path, value, text: String(value),
  })));
}

// ---- cards

function timeline(context, width, height, recording) {
  const x = (seconds) => (seconds / recording.seconds) * width;
  const y = (azimuth) => ((180 - azimuth) / 360) * height;
  context.strokeStyle = "#ffffff22";
  context.fillStyle = "#ffffff77";
  context.font = "9px system-ui, sans-serif";
  for (const azimuth of [90, 0, -90]) {
    context.beginPath();
    context.moveTo(0, y(azimuth));
    context.lineTo(width, y(azimuth));
    context.stroke();
    context.fillText(`${azimuth}°`, 2, y(azimuth) - 2);
  }
  for (const event of recording.events) {
    context.strokeStyle = data.classes[event.class].colour;
    context.lineWidth = 2.5;
    context.setLineDash(event.kind === "seen" ? [] : event.kind === "silent" ? [1, 4] : [6, 4]);
    context.beginPath();
    const way = event.way.concat([[event.end, ...event.way[event.way.length - 1].slice(1)]]);
    let before = null;
    for (const [seconds, azimuth] of way) {
      const wrapped = azimuth > 180 ? azimuth - 360 : azimuth;
      if (before === null || Math.abs(wrapped - before) > 180) context.moveTo(x(seconds), y(wrapped));
      else context.lineTo(x(seconds), y(wrapped));
      before = wrapped;
    }
    context.stroke();
  }
  context.setLineDash([]);
}

function card(recording) {
  const served = location.protocol !== "file:";
  const video = address(recording.name, ".mp4");
  const watch = served ? `-/player?name=${encodeURIComponent(recording.name)}` : video;
  const poster = make("img", {
    src: "gallery/posters/" + address(recording.name, ".jpg"), alt: "", loading: "lazy",
  });
  const classes = [...new Set(recording.events.map((event) => event.class))].sort((a, b) => a - b);
  const names = make("div", { className: "names" });
  for (const index of classes) {
    const dot = make("span", { className: "dot" });
    dot.style.background = data.classes[index].colour;
    names.append(make("span", {}, dot, data.classes[index].name + "  "));
  }
  const text = make("div", { className: "text" },
    make("div", { className: "name", textContent: recording.name }),
    make("div", { className: "facts", textContent: [
      duration(recording.seconds), `${recording.width}×${recording.height}`, `${recording.rate}/s`,
      recording.sound || "no sound", counted(recording.events.length, "event"),
    ].join(" · ") }),
  );
  const element = make("article", { className: "card" },
    make("a", { className: "poster", href: watch }, poster), text);
  const canvas = drawn(text, 92, (context, width, height) => timeline(context, width, height, recording));
  canvas.title = "events over time (across) and azimuth (180° at the top, −180° below)";
  const links = make("div", { className: "links" });
  if (served) links.append(make("a", { href: watch, textContent: "look around" }));
  links.append(make("a", { href: video, textContent: "video" }));
  links.append(make("a", { href: address(recording.name, ".plan.json"), textContent: "plan" }));
  text.append(names, links);
  return element;
}

const chosen = new Set();
let found = [];
let shown = 0;

function matches(recording, words) {
  const has = new Set(recording.events.map((event) => event.class));
  for (const index of chosen) if (!has.has(index)) return false;
  const text = [recording.name, recording.canvas, ...recording.events.map((event) => event.asset)]
    .join("\n").toLowerCase();
  return words.every((word) => text.includes(word));
}

function showMore() {
  const next = found.slice(shown, shown + PER_PAGE);
  document.getElementById("cards").append(...next.map(card));
  shown += next.length;
}

function filter() {
  const words = document.getElementById("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  found = data.recordings.filter((recording) => matches(recording, words));
  document.getElementById("cards").replaceChildren();
  shown = 0;
  showMore();
  if (!found.length) {
    document.getElementById("cards").append(make("p", { textContent: "nothing found" }));
  }
  document.getElementById("count").value = `${found.length} of ${data.recordings.length}`;
}

function chips() {
  data.classes.forEach((one, index) => {
    if (!data.recordings.some((recording) => recording.events.some((event) => event.class === index))) return;
    const dot = make("span", { className: "dot" });
    dot.style.background = one.colour;
    const chip = make("button", { type: "button", className: "chip" }, dot, one.name);
    chip.setAttribute("aria-pressed", "false");
    chip.addEventListener("click", () => {
      if (!chosen.delete(index)) chosen.add(index);
      chip.setAttribute("aria-pressed", String(chosen.has(index)));
      filter();
    });
    document.getElementById("classes").append(chip);
  });
}

function start() {
  const seconds = data.recordings.reduce((sum, recording) => sum + recording.seconds, 0);
  const events = data.totals.by_class.reduce((sum, value) => sum + value, 0);
  document.title = `${data.title} – seldsynth`;
  document.getElementById("title").textContent = data.title;
  document.getElementById("summary").textContent =
    `${counted(data.recordings.length, "recording")}, ${duration(seconds)}, ${counted(events, "sound event")}`;
  document.getElementById("footer").textContent =
    `Made by seldsynth ${data.version}. Below each recording: time goes to the right, azimuth from 180° at the top to −180°. Solid lines are seen, dashed ones are heard only, dotted ones are silent pictures.`;
  eventsChart();
  placesChart();
  otherCharts();
  chips();
  document.getElementById("search").addEventListener("input", filter);
  document.getElementById("filters").addEventListener("submit", (event) => event.preventDefault());
  filter();
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting)) showMore();
  }, { rootMargin: "600px" }).observe(document.getElementById("end"));
}

start();
