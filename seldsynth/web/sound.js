// First-order ambisonics for two ears: the channels are turned with the view, decoded to eight
// loudspeakers at the corners of a cube, and heard through the browser's own head-related filters.
// ACN order W, Y, Z, X, SN3D: see seldsynth/sphere.py.

import { viewMatrix } from "./sphere.js";

const CORNERS = [-1, 1].flatMap((x) => [-1, 1].flatMap((y) => [-1, 1].map((z) => [x, y, z])));

export class AmbisonicSound {
  constructor(context, source) {
    this.context = context;
    this.turns = [];
    this.loudspeakers = []; // each a direction in the view (front, left, up) and what it plays
    const splitter = new ChannelSplitterNode(context, { numberOfOutputs: 4 });
    source.connect(splitter);
    const room = [3, 1, 2]; // which channels are X, Y, Z: front, left, up
    const axes = [0, 1, 2].map(() => new GainNode(context));
    for (let to = 0; to < 3; to++) {
      for (let from = 0; from < 3; from++) {
        const gain = new GainNode(context, { gain: to === from ? 1 : 0 });
        splitter.connect(gain, room[from]);
        gain.connect(axes[to]);
        this.turns.push({ gain: gain.gain, to, from });
      }
    }
    this.output = new GainNode(context);
    for (const corner of CORNERS) this.#addLoudspeaker(splitter, axes, corner);
    this.output.connect(context.destination);
  }

  // A basic decoder: each loudspeaker gets what comes from its direction.
  #addLoudspeaker(splitter, axes, corner) {
    const unit = corner.map((value) => value / Math.sqrt(3));
    const feed = new GainNode(this.context);
    const omni = new GainNode(this.context, { gain: 1 / CORNERS.length });
    splitter.connect(omni, 0);
    omni.connect(feed);
    axes.forEach((axis, index) => {
      const part = new GainNode(this.context, { gain: (3 * unit[index]) / CORNERS.length });
      axis.connect(part);
      part.connect(feed);
    });
    // Web Audio: +x is right, +y is up, -z is the front.
    const panner = new PannerNode(this.context, {
      panningModel: "HRTF", distanceModel: "linear", rolloffFactor: 0,
      positionX: -unit[1], positionY: unit[2], positionZ: -unit[0],
    });
    this.loudspeakers.push({ direction: unit, feed });
    feed.connect(panner);
    panner.connect(this.output);
  }

  turn(yaw, pitch) {
    const matrix = viewMatrix(yaw, pitch);
    const now = this.context.currentTime;
    for (const { gain, to, from } of this.turns) gain.setTargetAtTime(matrix[to][from], now, 0.015);
  }
}

export class PlainSound {
  constructor(context, source) {
    this.output = new GainNode(context);
    source.connect(this.output);
    this.output.connect(context.destination);
  }

  turn() {}
}
