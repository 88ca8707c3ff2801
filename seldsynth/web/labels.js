// The ground truth over the view: outlines and names, in the colours of the classes.

import { billboard, direction, outline, turned, viewMatrix } from "./sphere.js";
import { flatReach, reach } from "./picture.js";

const NEAR = 0.05;

export class Labels {
  constructor(canvas, truth) {
    this.canvas = canvas;
    this.truth = truth;
    // Without a GPU: with one, Chromium 156 may go on showing what was cleared if nothing follows.
    this.context = canvas.getContext("2d", { willReadFrequently: true });
  }

  // Rows of a moment: [event, azimuth, elevation, width, height, visible].
  at(seconds) {
    // Browsers' clocks are cut off after microseconds: a frame's own time must not be the one before.
    const frame = Math.min(Math.floor(seconds * this.truth.rate + 1e-3), this.truth.frames - 1);
    return (this.truth.rows && this.truth.rows[frame]) || [];
  }

  draw(seconds, view) {
    const { canvas, context } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    context.clearRect(0, 0, width, height);
    if (!view.labels) return;
    const place = view.flat ? flatPlace(width, height) : spherePlace(view, width, height);
    context.lineWidth = 2 * ratio;
    context.font = `${13 * ratio}px system-ui, sans-serif`;
    const taken = [];
    for (const [event, azimuth, elevation, wide, high, visible] of this.at(seconds)) {
      const one = this.truth.events[event];
      context.strokeStyle = one.colour;
      context.setLineDash(visible > 0 ? [] : [5 * ratio, 4 * ratio]);
      const edge = wide ? outline(billboard(azimuth, elevation, wide, high)).map(place) : [];
      this.#line(edge, view.flat ? width / flatReach(width, height)[0] : width);
      const middle = place(direction(azimuth, elevation));
      const inside = ([x, y]) => x >= 0 && x <= width && y >= 0 && y <= height;
      if (!middle || ![middle, ...edge.filter(Boolean)].some(inside)) continue;
      context.setLineDash([]);
      this.#cross(middle, 6 * ratio);
      const foot = [middle[0], Math.min(middle[1], ...edge.filter(Boolean).map((point) => point[1])) - 12 * ratio];
      const seen = wide ? ` ${Math.round(100 * visible)} %` : "";
      const flags = one.flags ? ` (${one.flags})` : "";
      this.#name(`${one.name} ${azimuth.toFixed(0)}°, ${elevation.toFixed(0)}°${seen}${flags}`, foot, one.colour, ratio, taken);
    }
  }

  #line(points, width) {
    const { context } = this;
    context.beginPath();
    let before = null;
    for (const point of points) {
      const joined = point && before && Math.abs(point[0] - before[0]) < width / 2;
      if (point) joined ? context.lineTo(...point) : context.moveTo(...point);
      before = point;
    }
    context.stroke();
  }

  #cross([x, y], size) {
    const { context } = this;
    context.beginPath();
    context.moveTo(x - size, y);
    context.lineTo(x + size, y);
    context.moveTo(x, y - size);
    context.lineTo(x, y + size);
    context.stroke();
  }

  #name(text, [x, y], colour, ratio, taken) {
    const { context } = this;
    const high = 18 * ratio;
    const wide = context.measureText(text).width + 8 * ratio;
    const left = Math.max(0, Math.min(x - wide / 2, this.canvas.width - wide));
    let top = Math.max(0, Math.min(y - high / 2, this.canvas.height - high));
    while (taken.some((one) => left < one[0] + one[2] && one[0] < left + wide && Math.abs(top - one[1]) < high)) top += high;
    taken.push([left, top, wide]);
    context.fillStyle = "#000b";
    context.fillRect(left, top, wide, high);
    context.fillStyle = colour;
    context.fillText(text, left + 4 * ratio, top + 13 * ratio);
  }
}

// Where a vector of the room is on the stage; null if it is behind.
function spherePlace(view, width, height) {
  const matrix = viewMatrix(view.yaw, view.pitch);
  const [across, down] = reach(view.zoom, width, height);
  return (vector) => {
    const [front, left, up] = turned(matrix, vector);
    if (front < NEAR) return null;
    return [(0.5 - left / front / across / 2) * width, (0.5 - up / front / down / 2) * height];
  };
}

function flatPlace(width, height) {
  const [across, down] = flatReach(width, height);
  return ([front, left, up]) => {
    const azimuth = Math.atan2(left, front);
    const elevation = Math.atan2(up, Math.hypot(front, left));
    return [(0.5 - azimuth / Math.PI / 2 / across) * width, (0.5 - elevation / Math.PI / down) * height];
  };
}
