// The video on the sphere: one triangle, one shader.

import { RADIANS, viewMatrix } from "./sphere.js";

const VERTEX = `#version 300 es
out vec2 place;
void main() {
  vec2 corner = vec2(gl_VertexID == 1 ? 3.0 : -1.0, gl_VertexID == 2 ? 3.0 : -1.0);
  place = corner;
  gl_Position = vec4(corner, 0.0, 1.0);
}`;

// ray: front, left, up in the view; turn brings it into the room.
const FRAGMENT = `#version 300 es
precision highp float;
in vec2 place;
out vec4 colour;
uniform sampler2D frame;
uniform mat3 turn;
uniform vec2 reach;
uniform bool flat_view;
const float PI = 3.14159265358979;
void main() {
  vec2 where;
  if (flat_view) {
    vec2 inside = place * reach;
    if (max(abs(inside.x), abs(inside.y)) > 1.0) { colour = vec4(0.0, 0.0, 0.0, 1.0); return; }
    where = vec2(0.5 + 0.5 * inside.x, 0.5 - 0.5 * inside.y);
  } else {
    vec3 ray = normalize(turn * vec3(1.0, -place.x * reach.x, place.y * reach.y));
    where = vec2(0.5 - atan(ray.y, ray.x) / (2.0 * PI), 0.5 - asin(clamp(ray.z, -1.0, 1.0)) / PI);
  }
  colour = vec4(textureLod(frame, where, 0.0).rgb, 1.0);
}`;

export class Picture {
  constructor(canvas) {
    this.canvas = canvas;
    const gl = canvas.getContext("webgl2", { antialias: false, preserveDrawingBuffer: true });
    if (!gl) throw new Error("this browser has no WebGL 2");
    this.gl = gl;
    const program = gl.createProgram();
    for (const [kind, text] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, text);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
    gl.useProgram(program);
    this.uniform = (name) => gl.getUniformLocation(program, name);
    gl.bindTexture(gl.TEXTURE_2D, gl.createTexture());
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_S, gl.REPEAT);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_WRAP_T, gl.CLAMP_TO_EDGE);
    gl.texParameteri(gl.TEXTURE_2D, gl.TEXTURE_MIN_FILTER, gl.LINEAR);
  }

  draw(video, view) {
    const { gl, canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth * ratio, canvas.clientHeight * ratio].map(Math.round);
    if (canvas.width !== width || canvas.height !== height) [canvas.width, canvas.height] = [width, height];
    gl.viewport(0, 0, width, height);
    if (Math.max(video.videoWidth, video.videoHeight) > gl.getParameter(gl.MAX_TEXTURE_SIZE)) {
      throw new Error("the video is larger than this browser's textures may be");
    }
    if (video.readyState >= 2) {
      gl.texImage2D(gl.TEXTURE_2D, 0, gl.RGBA, gl.RGBA, gl.UNSIGNED_BYTE, video);
    }
    const rows = viewMatrix(view.yaw, view.pitch); // room to view: its transpose goes back
    gl.uniformMatrix3fv(this.uniform("turn"), false, rows.flat());
    gl.uniform2fv(this.uniform("reach"), view.flat ? flatReach(width, height) : reach(view.zoom, width, height));
    gl.uniform1i(this.uniform("flat_view"), view.flat ? 1 : 0);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
  }
}

// Tangents of half the angles of view; zoom: degrees of the longer side.
export function reach(zoom, width, height) {
  const longer = Math.tan((zoom / 2) * RADIANS);
  return width >= height ? [longer, (longer * height) / width] : [(longer * width) / height, longer];
}

// How much larger the stage is than the flat picture, which is twice as wide as high.
export function flatReach(width, height) {
  return width > 2 * height ? [width / (2 * height), 1] : [1, (2 * height) / width];
}
