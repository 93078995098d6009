"use strict";
// Words, numbers and elements. Text goes into the page as text, never as markup.
var imgdedup = { groups: [] };

(() => {
  const HIDDEN = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
  const UNITS = ["bytes", "KB", "MB", "GB", "TB", "PB"];
  const SVG = "http://www.w3.org/2000/svg";

  // A name with the signs that hide, break or reverse text as escapes.
  imgdedup.visible = (text) =>
    String(text).replace(HIDDEN, (sign) => "\\u" + sign.codePointAt(0).toString(16).padStart(4, "0"));

  imgdedup.number = (value) => value.toLocaleString("en");

  imgdedup.size = (bytes) => {
    let unit = 0;
    while (bytes >= 1000 && unit < UNITS.length - 1) {
      bytes /= 1000;
      unit += 1;
    }
    return unit ? `${bytes.toFixed(1)} ${UNITS[unit]}` : `${bytes} bytes`;
  };

  imgdedup.plural = (count, one, many) => `${imgdedup.number(count)} ${count === 1 ? one : many}`;

  // An image's pixels, bytes and format, as far as they are known.
  imgdedup.described = (image) =>
    [
      image.width && image.height ? `${image.width} × ${image.height}` : "",
      image.size === undefined ? "" : imgdedup.size(image.size),
      image.format ? imgdedup.visible(image.format) : "",
    ]
      .filter(Boolean)
      .join(" · ");

  const made = (node, attributes, children) => {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== null && value !== undefined) node.setAttribute(name, value);
    }
    node.append(...children);
    return node;
  };

  // An element with attributes; its children are elements and texts.
  imgdedup.element = (tag, attributes = {}, ...children) =>
    made(document.createElement(tag), attributes, children);

  imgdedup.shape = (tag, attributes = {}, ...children) =>
    made(document.createElementNS(SVG, tag), attributes, children);

  imgdedup.byId = (id) => document.getElementById(id);

  imgdedup.thumbnail = (content) => `../thumbnails/${content.slice(0, 2)}/${content}.jpg`;
})();
