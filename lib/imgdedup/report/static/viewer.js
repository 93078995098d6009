"use strict";
// One pair, large: side by side, or one laid on the other in alignment.

(() => {
  const { byId, element, visible } = imgdedup;
  const TURN = 700; // milliseconds between the two pictures when they blink
  const dialog = byId("viewer");
  const overlay = byId("overlay");
  const buttons = [...dialog.querySelectorAll("[data-mode]")];
  let pair = null;
  let mode = "beside";
  let layers = null; // of the overlay: the upper one, and the map that lays it there
  let timer = 0;

  const rows = () => [
    ["Name", (image) => visible(image.name)],
    ["Pixels", ({ width, height }) => (width && height ? `${width} × ${height}` : "-")],
    ["File", (image) => (image.size === undefined ? "-" : imgdedup.size(image.size))],
    ["Format", (image) => visible(image.format || "-")],
    ["Days", ({ days }) => days.slice(0, 3).join(", ") + (days.length > 3 ? ` and ${days.length - 3} more` : "")],
    ["Place", (image) => visible(image.uri || "-")],
  ];

  const evidence = () => {
    const figures = [
      ["edit", imgdedup.edit(pair)],
      ["correlation", pair.correlation],
      ["margin", pair.margin],
      ["similarity", pair.similarity],
      ["overlap", pair.overlap],
      ["features that agree", pair.inliers],
      ["originals", pair.originals && visible([pair.originals, pair.originals_detail].filter(Boolean).join(": "))],
      ["review", pair.review && visible(pair.review)],
      ["reason", pair.reason && visible(pair.reason)],
    ];
    return figures
      .filter(([, value]) => value !== undefined && value !== null && value !== "")
      .map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value))));
  };

  const showFacts = () => {
    const head = ["", "Keeper", "Copy"].map((text) => element("th", { scope: "col" }, text));
    const body = rows().map(([name, tell]) =>
      element(
        "tr",
        {},
        element("th", { scope: "row" }, name),
        ...[pair.keeper, pair.copy].map((image) => element("td", { class: "name" }, tell(image))),
      ),
    );
    byId("facts").replaceChildren(
      element("dl", { class: "pairs" }, ...evidence()),
      element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...body)),
    );
  };

  const figure = (picture, words) => element("figure", {}, picture, element("figcaption", {}, words));

  const showBeside = () => {
    const [keeper, copy] = imgdedup.pictures(pair, ["The keeper", "The copy"]);
    byId("beside").replaceChildren(
      figure(keeper, `Keeper · ${imgdedup.described(pair.keeper)}`),
      figure(copy, `Copy · ${imgdedup.described(pair.copy)}`),
    );
  };

  const sides = () => {
    const isKeeper = imgdedup.keeperIsWider(pair);
    return isKeeper
      ? { base: pair.keeper, upper: pair.copy, names: ["keeper", "copy"] }
      : { base: pair.copy, upper: pair.keeper, names: ["copy", "keeper"] };
  };

  const showOverlay = () => {
    const { base, upper, names } = sides();
    const box = imgdedup.picture(base, null, `The ${names[0]}`);
    const layer = element("span", { class: "layer" }, imgdedup.picture(upper, null, `The ${names[1]}, laid on it`));
    box.append(layer, element("span", { class: "edge", "aria-hidden": "true" }));
    overlay.replaceChildren(box);
    layers = { box, layer, inner: layer.firstChild, map: imgdedup.intoWider(pair), names };
  };

  const lay = () => {
    if (!layers || !layers.map || mode === "beside") return;
    const { clientWidth: width, clientHeight: height } = layers.box;
    if (width && height) layers.inner.style.transform = imgdedup.matrix3d(layers.map, width, height);
  };

  const slide = () => {
    const value = Number(byId("slide").querySelector("input").value);
    layers.layer.style.clipPath = mode === "slider" ? `inset(0 0 0 ${value}%)` : "";
    layers.box.style.setProperty("--edge", `${value}%`);
    const [left, right] = layers.names;
    byId("seen").textContent = mode === "slider" ? `${left} on the left, ${right} on the right` : "";
  };

  const blink = (isOn) => {
    window.clearInterval(timer);
    layers.layer.hidden = false;
    if (!isOn) return;
    const say = () => {
      byId("seen").textContent = `now: ${layers.names[layers.layer.hidden ? 0 : 1]}`;
    };
    say();
    timer = window.setInterval(() => {
      layers.layer.hidden = !layers.layer.hidden;
      say();
    }, TURN);
  };

  const setMode = (wanted) => {
    const mayLay = Boolean(imgdedup.intoWider(pair)) && Boolean(pair.keeper.seen && pair.copy.seen);
    mode = mayLay ? wanted : "beside";
    for (const button of buttons) {
      button.setAttribute("aria-pressed", String(button.dataset.mode === mode));
      button.disabled = !mayLay && button.dataset.mode !== "beside";
    }
    byId("unmapped").hidden = mayLay;
    byId("beside").hidden = mode !== "beside";
    overlay.hidden = mode === "beside";
    overlay.dataset.mode = mode;
    byId("slide").hidden = mode !== "slider";
    byId("seen").textContent = "";
    lay();
    slide();
    blink(mode === "blink");
    if (mode === "difference") byId("seen").textContent = "black: no difference";
  };

  const showMark = () => {
    const mark = imgdedup.markOf(pair);
    const may = imgdedup.mayMark(pair);
    for (const verdict of ["same", "different"]) {
      byId(verdict).setAttribute("aria-pressed", String(Boolean(mark) && mark.verdict === verdict));
      byId(verdict).disabled = !may;
    }
    byId("undo").disabled = !mark;
    byId("reason").disabled = !may;
    byId("reason").value = mark ? mark.reason : "";
    byId("reason").placeholder = may ? "Reason, if you like" : "These two need no verdict";
  };

  // Show a pair; `words` say which one of how many it is.
  imgdedup.view = (shown, words) => {
    pair = shown;
    byId("viewer-title").textContent = imgdedup.edit(pair);
    byId("viewer-place").textContent = words;
    showBeside();
    showOverlay();
    showFacts();
    showMark();
    if (!dialog.open) dialog.showModal();
    setMode(mode);
  };

  imgdedup.viewed = () => (dialog.open ? pair : null);
  imgdedup.reason = () => (dialog.open ? byId("reason").value.trim() : undefined);
  imgdedup.showViewedMark = showMark;

  for (const button of buttons) button.addEventListener("click", () => setMode(button.dataset.mode));
  byId("slide").addEventListener("input", slide);
  byId("close").addEventListener("click", () => dialog.close());
  byId("reason").addEventListener("change", () => {
    const mark = imgdedup.markOf(pair);
    if (mark) imgdedup.mark(pair, mark.verdict, imgdedup.reason());
  });
  dialog.addEventListener("close", () => window.clearInterval(timer));
  new ResizeObserver(lay).observe(overlay);
})();
