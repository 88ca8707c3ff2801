// The player: a view that is turned, a video on it, its sound and its labels turned with it.

import { Labels } from "./labels.js";
import { Picture } from "./picture.js";
import { AmbisonicSound, PlainSound } from "./sound.js";

const element = (id) => document.getElementById(id);
const name = new URLSearchParams(location.search).get("name") || "";
const video = element("video");
const stage = element("stage");
const view = { yaw: 0, pitch: 0, zoom: 90, flat: false, labels: true };
const player = { view, video, ready: false, sound: null, context: null, set, play, draw };
window.seldsynth = player; // for tests, and for the curious

let picture = null;
let labels = null;
let truth = null;
let seeking = false;

function address(path) {
  return path.split("/").map(encodeURIComponent).join("/");
}

function say(text) {
  element("message").textContent = text;
}

function set(changes) {
  Object.assign(view, changes);
  view.yaw = ((((view.yaw + 180) % 360) + 360) % 360) - 180;
  view.pitch = Math.max(-90, Math.min(90, view.pitch));
  view.zoom = Math.max(30, Math.min(130, view.zoom));
  element("flat").checked = view.flat;
  element("show-labels").checked = view.labels;
  element("direction").value = view.flat ? "" : `${view.yaw.toFixed(0)}°, ${view.pitch.toFixed(0)}°`;
  // The flat view faces the front, whatever the sphere was turned to.
  if (player.sound) player.sound.turn(view.flat ? 0 : view.yaw, view.flat ? 0 : view.pitch);
}

// All is there before somebody presses play: the browser needs a while for its head-related filters.
// Until then the context waits, as browsers want it.
function prepareSound() {
  if (!truth.channels) return;
  player.context = new AudioContext();
  const source = player.context.createMediaElementSource(video);
  player.sound = truth.foa
    ? new AmbisonicSound(player.context, source)
    : new PlainSound(player.context, source);
  player.sound.output.gain.value = Number(element("volume").value);
}

async function play() {
  if (player.context) await player.context.resume();
  await video.play();
}

function toggle() {
  if (video.paused) play().catch((error) => say(error.message));
  else video.pause();
}

function draw() {
  picture.draw(video, view);
  labels.draw(video.currentTime, view);
  element("time").value = `${video.currentTime.toFixed(1)} of ${truth.seconds.toFixed(1)} s`;
  if (!seeking) element("seek").value = video.currentTime;
  element("play").textContent = video.paused ? "play" : "pause";
}

function everyFrame() {
  requestAnimationFrame(everyFrame);
  try {
    draw();
  } catch (error) {
    say(error.message);
  }
}

function turnByDragging() {
  let last = null;
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    last = [event.clientX, event.clientY];
  });
  stage.addEventListener("pointermove", (event) => {
    if (!last || view.flat) return;
    const degrees = view.zoom / Math.max(stage.clientWidth, stage.clientHeight);
    const [x, y] = [event.clientX - last[0], event.clientY - last[1]];
    last = [event.clientX, event.clientY];
    set({ yaw: view.yaw + x * degrees, pitch: view.pitch + y * degrees });
  });
  for (const end of ["pointerup", "pointercancel"]) stage.addEventListener(end, () => (last = null));
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    set({ zoom: view.zoom * (event.deltaY > 0 ? 1.06 : 1 / 1.06) });
  }, { passive: false });
}

const KEYS = {
  ArrowLeft: () => set({ yaw: view.yaw + 5 }),
  ArrowRight: () => set({ yaw: view.yaw - 5 }),
  ArrowUp: () => set({ pitch: view.pitch + 5 }),
  ArrowDown: () => set({ pitch: view.pitch - 5 }),
  "+": () => set({ zoom: view.zoom / 1.1 }),
  "-": () => set({ zoom: view.zoom * 1.1 }),
  Home: () => set({ yaw: 0, pitch: 0, zoom: 90 }),
  " ": toggle,
  l: () => set({ labels: !view.labels }),
  f: () => set({ flat: !view.flat }),
};

function listen() {
  turnByDragging();
  window.addEventListener("keydown", (event) => {
    const key = KEYS[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    if (!key || event.ctrlKey || event.metaKey || event.altKey) return;
    // A control keeps the keys that it knows itself.
    const own = event.target.matches("input[type=range]") ? /^(Arrow|Home)/ : /^ $/;
    if (event.target.matches("input, button, a") && own.test(event.key)) return;
    event.preventDefault();
    key();
  });
  element("play").addEventListener("click", toggle);
  element("flat").addEventListener("change", (event) => set({ flat: event.target.checked }));
  element("show-labels").addEventListener("change", (event) => set({ labels: event.target.checked }));
  element("seek").addEventListener("input", (event) => {
    seeking = true;
    video.currentTime = Number(event.target.value);
  });
  video.addEventListener("seeked", () => (seeking = false));
  element("volume").addEventListener("input", (event) => {
    if (player.sound) player.sound.output.gain.value = Number(event.target.value);
  });
  video.addEventListener("error", () => say("this browser cannot play the video"));
}

async function start() {
  const answer = await fetch(`truth/${address(name)}`);
  if (!answer.ok) throw new Error(`no recording ${name} here, or no ground truth beside it`);
  truth = await answer.json();
  document.title = `${name} – seldsynth`;
  element("name").textContent = `${name} · ${truth.foa ? "first-order ambisonics" : truth.channels ? `${truth.channels} channels, not turned` : "no sound"}`;
  element("seek").max = truth.seconds;
  picture = new Picture(element("view"));
  labels = new Labels(element("labels"), truth);
  video.src = `../${address(name)}.mp4`;
  prepareSound();
  listen();
  set({});
  if (!truth.rows) say("no labels: there are no tracks beside the video");
  everyFrame();
  player.ready = true;
}

start().catch((error) => say(error.message));
