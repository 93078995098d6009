"use strict";
// The cards of the groups: each copy beside its keeper.

(() => {
  const { element, shape, visible } = imgdedup;
  const FIRST = 4; // pairs shown of a group at first
  const STANDARD = 4 / 3; // the shape of an image whose size is not known

  const frame = (corners) =>
    shape(
      "svg",
      { class: "frame", viewBox: "0 0 1 1", preserveAspectRatio: "none", "aria-hidden": "true" },
      ...["under", "over"].map((name) =>
        shape("polygon", { class: name, points: corners.map((point) => point.join(",")).join(" ") }),
      ),
    );

  // An image in its own shape, with a frame around a part of it.
  imgdedup.picture = (image, corners, alt) => {
    const inside = image.seen
      ? element("img", { src: imgdedup.thumbnail(image.content), alt, loading: "lazy", decoding: "async" })
      : element("span", { class: "lost" }, "no thumbnail");
    const box = element("span", { class: "picture" }, inside);
    const ratio = image.width && image.height ? image.width / image.height : STANDARD;
    box.style.setProperty("--ratio", String(ratio));
    if (corners) box.append(frame(corners));
    return box;
  };

  // Both pictures of a pair, the wider one with the part that the other shows.
  imgdedup.pictures = (pair, alts) => {
    const corners = imgdedup.shownPart(pair);
    const isKeeper = imgdedup.keeperIsWider(pair);
    return [
      imgdedup.picture(pair.keeper, isKeeper ? corners : null, alts[0]),
      imgdedup.picture(pair.copy, isKeeper ? null : corners, alts[1]),
    ];
  };

  imgdedup.edit = (pair) => visible(pair.edit || (pair.kind || "copy").replace("_", " "));

  // The words of a mark, readable without colour.
  imgdedup.markWords = (pair) => {
    const mark = imgdedup.markOf(pair);
    return mark ? (mark.verdict === "same" ? "✓ same" : "≠ different") : "";
  };

  imgdedup.showMark = (tile) => {
    const words = imgdedup.markWords(tile.pair);
    tile.querySelector(".mark").textContent = words;
    tile.classList.toggle("marked", Boolean(words));
  };

  const evidence = (pair) =>
    [
      pair.correlation === undefined ? "" : `correlation ${pair.correlation.toFixed(3)}`,
      pair.across ? "across days" : "",
      pair.originals === "unconfirmed" ? "originals unconfirmed" : "",
      pair.review ? `${visible(pair.review)}, by review` : "",
    ]
      .filter(Boolean)
      .join(" · ");

  // `keeper` is the one that the card names; another one is named by the tile.
  const tileOf = (pair, keeper) => {
    const facts = evidence(pair);
    const other = pair.keeper === keeper ? "" : `beside ${visible(pair.keeper.name)}`;
    const tile = element(
      "button",
      { type: "button", class: "tile" },
      element("span", { class: "two" }, ...imgdedup.pictures(pair, ["keeper", "copy"])),
      element("span", { class: "edit" }, imgdedup.edit(pair)),
      element("span", { class: "name" }, visible(pair.copy.name)),
      element("span", { class: "note" }, imgdedup.described(pair.copy)),
      element("span", { class: "note" }, facts),
      element("span", { class: "name note" }, other),
      element("span", { class: "mark" }),
    );
    tile.pair = pair;
    imgdedup.showMark(tile);
    return tile;
  };

  // The card of a group, with the pairs that were asked for.
  imgdedup.card = ({ group, pairs }) => {
    const keeper = pairs[0].keeper;
    const tile = (pair) => tileOf(pair, keeper);
    const hidden = group.copies - group.pairs.length;
    const tiles = element("div", { class: "tiles-of" }, ...pairs.slice(0, FIRST).map(tile));
    const card = element(
      "article",
      { class: "card", "aria-label": `Group ${visible(group.id)}` },
      element(
        "header",
        {},
        element("h2", { class: "name" }, visible(keeper.name)),
        element(
          "p",
          { class: "note" },
          [
            imgdedup.described(keeper),
            imgdedup.plural(group.copies, "copy", "copies"),
            pairs.length < group.pairs.length ? `${pairs.length} as asked` : "",
            hidden > 0 ? `${imgdedup.number(hidden)} not shown` : "",
          ]
            .filter(Boolean)
            .join(" · "),
        ),
      ),
      tiles,
    );
    if (pairs.length > FIRST) {
      const more = element("button", { type: "button", class: "button" }, `Show all ${pairs.length}`);
      more.addEventListener("click", () => {
        const rest = pairs.slice(FIRST).map(tile);
        tiles.append(...rest);
        more.remove();
        rest[0].focus();
      });
      card.append(more);
    }
    return card;
  };
})();
