// Directions, as everywhere in seldsynth: azimuth 0 is the front, +90 left; elevation +90 is up.
// A vector is [front, left, up].

export const RADIANS = Math.PI / 180;

export function direction(azimuth, elevation) {
  const level = Math.cos(elevation * RADIANS);
  return [
    level * Math.cos(azimuth * RADIANS),
    level * Math.sin(azimuth * RADIANS),
    Math.sin(elevation * RADIANS),
  ];
}

// The viewer's own front, left and up, as rows: a matrix from the room to the view.
export function viewMatrix(yaw, pitch) {
  const [ca, sa] = [Math.cos(yaw * RADIANS), Math.sin(yaw * RADIANS)];
  const [ce, se] = [Math.cos(pitch * RADIANS), Math.sin(pitch * RADIANS)];
  return [
    [ce * ca, ce * sa, se],
    [-sa, ca, 0],
    [-se * ca, -se * sa, ce],
  ];
}

export function turned(matrix, vector) {
  return matrix.map((row) => row[0] * vector[0] + row[1] * vector[1] + row[2] * vector[2]);
}

// Corners of a picture: a rectangle tangent to the sphere, angles in degrees.
export function billboard(azimuth, elevation, width, height) {
  const forward = direction(azimuth, elevation);
  const left = [-Math.sin(azimuth * RADIANS), Math.cos(azimuth * RADIANS), 0];
  const up = direction(azimuth, elevation + 90);
  const [a, b] = [Math.tan((width / 2) * RADIANS), Math.tan((height / 2) * RADIANS)];
  return [[a, b], [-a, b], [-a, -b], [a, -b]].map(([x, y]) =>
    forward.map((value, axis) => value + x * left[axis] + y * up[axis]));
}

// A closed way along the edges between corners, in small steps.
export function outline(corners, steps = 12) {
  const points = [];
  corners.forEach((corner, index) => {
    const next = corners[(index + 1) % corners.length];
    for (let step = 0; step < steps; step++) {
      points.push(corner.map((value, axis) => value + ((next[axis] - value) * step) / steps));
    }
  });
  points.push(points[0]);
  return points;
}
