"use strict";
// Maps between the frames of two images, (3, 3) row by row, in shares of the frames' sides.

(() => {
  const CORNERS = [[0, 0], [1, 0], [1, 1], [0, 1]];
  const WHOLE = 0.97; // of the area: from here on, a copy shows all
  const UPRIGHT = 2; // degrees

  const applied = (map, [x, y]) => {
    const depth = map[6] * x + map[7] * y + map[8];
    return [
      (map[0] * x + map[1] * y + map[2]) / depth,
      (map[3] * x + map[4] * y + map[5]) / depth,
    ];
  };

  const inverse = (m) => {
    const found = [
      m[4] * m[8] - m[5] * m[7], m[2] * m[7] - m[1] * m[8], m[1] * m[5] - m[2] * m[4],
      m[5] * m[6] - m[3] * m[8], m[0] * m[8] - m[2] * m[6], m[2] * m[3] - m[0] * m[5],
      m[3] * m[7] - m[4] * m[6], m[1] * m[6] - m[0] * m[7], m[0] * m[4] - m[1] * m[3],
    ];
    const scale = m[0] * found[0] + m[1] * found[3] + m[2] * found[6];
    return scale ? found.map((value) => value / scale) : null;
  };

  // The map of the other frame into a crop of the wider one, for lakes without exact maps.
  const fromCrop = (pair) => {
    if (!pair.crop || Math.abs(pair.rotation || 0) > UPRIGHT) return null;
    const [left, top, right, bottom] = pair.crop;
    const width = right - left;
    return pair.mirrored
      ? [-width, 0, right, 0, bottom - top, top, 0, 0, 1]
      : [width, 0, left, 0, bottom - top, top, 0, 0, 1];
  };

  // Whether the keeper is the wider image; equal images count as such.
  imgdedup.keeperIsWider = (pair) => pair.wider !== 0;

  // How the frame of the other image lies in that of the wider one; null: it is not known.
  imgdedup.intoWider = (pair) => {
    if (pair.kind !== "near") return [1, 0, 0, 0, 1, 0, 0, 0, 1];
    if (!pair.map) return fromCrop(pair);
    const isFromWider = Boolean(pair.from_keeper) === imgdedup.keeperIsWider(pair);
    return isFromWider ? inverse(pair.map) : pair.map;
  };

  // The corners of the part of the wider image that the other shows; null: all, or not known.
  imgdedup.shownPart = (pair) => {
    const map = imgdedup.intoWider(pair);
    if (!map && !pair.crop) return null;
    const [left, top, right, bottom] = pair.crop || [];
    const corners = map
      ? CORNERS.map((corner) => applied(map, corner))
      : [[left, top], [right, top], [right, bottom], [left, bottom]];
    const area = corners.reduce((sum, [x, y], place) => {
      const [nextX, nextY] = corners[(place + 1) % 4];
      return sum + (x * nextY - nextX * y) / 2;
    }, 0);
    return Math.abs(area) < WHOLE ? corners : null;
  };

  // The same map for boxes of so many pixels, as CSS knows it.
  imgdedup.matrix3d = (m, width, height) => {
    const scaled = [
      m[0], (m[1] * width) / height, m[2] * width,
      (m[3] * height) / width, m[4], m[5] * height,
      m[6] / width, m[7] / height, m[8],
    ];
    const [a, b, c, d, e, f, g, h, i] = scaled;
    return `matrix3d(${[a, d, 0, g, b, e, 0, h, 0, 0, 1, 0, c, f, 0, i].join(",")})`;
  };
})();
