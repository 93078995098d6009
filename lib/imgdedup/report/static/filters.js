"use strict";
// Which groups are shown, and in which order.

(() => {
  const MEGAPIXEL = 1e6;

  const folded = (text) => String(text).toLocaleLowerCase();

  // What the form asks for; empty fields ask for nothing.
  imgdedup.asked = (form) => {
    const asked = {};
    for (const field of form.elements) {
      if (!field.name) continue;
      const value = field.type === "checkbox" ? (field.checked ? "1" : "") : field.value.trim();
      if (value) asked[field.name] = value;
    }
    return asked;
  };

  // Put what a link asks for into the form.
  imgdedup.ask = (form, text) => {
    for (const [name, value] of new URLSearchParams(text)) {
      const field = form.elements.namedItem(name);
      if (!field || !("value" in field)) continue;
      if (field.type === "checkbox") field.checked = value === "1";
      else field.value = value;
      // A list without the value gets it: else a link to a day without copies would show all days.
      if (field.tagName === "SELECT" && field.value !== value) {
        field.append(imgdedup.element("option", { value }, imgdedup.visible(value)));
        field.value = value;
      }
    }
  };

  const tests = {
    search: (value) => {
      const text = folded(value);
      return (pair) => pair.names.includes(text);
    },
    edit: (value) => (pair) => pair.parts.includes(value),
    kind: (value) => (pair) => pair.kind === value,
    day: (value) => (pair) => pair.keeper.days.includes(value) || pair.copy.days.includes(value),
    source: (value) => (pair) => pair.keeper.source === value || pair.copy.source === value,
    size: (value) => {
      const [least, most] = value.split("-").map((text) => Number(text || Infinity) * MEGAPIXEL);
      return ({ copy }) => copy.width * copy.height >= least && copy.width * copy.height < most;
    },
    mark: (value) => (pair) => {
      const mark = imgdedup.markOf(pair);
      return value === "open" ? !mark : Boolean(mark) && mark.verdict === value;
    },
    least: (value) => (pair) => pair.margin >= Number(value),
    most: (value) => (pair) => pair.margin <= Number(value),
    across: () => (pair) => Boolean(pair.across),
  };

  const bytes = (group) => group.pairs.reduce((sum, { copy }) => sum + (copy.size || 0), 0);

  const orders = {
    large: (a, b) => b.members - a.members,
    bytes: (a, b) => bytes(b) - bytes(a),
    name: (a, b) => (a.id < b.id ? -1 : Number(a.id > b.id)),
  };

  // The groups that have a pair as asked, each with those pairs.
  imgdedup.found = (asked) => {
    const chosen = Object.entries(asked)
      .filter(([name]) => name in tests)
      .map(([name, value]) => tests[name](value));
    const shown = [];
    for (const group of imgdedup.groups) {
      const pairs = group.pairs.filter((pair) => chosen.every((test) => test(pair)));
      if (pairs.length) shown.push({ group, pairs });
    }
    const order = orders[asked.sort];
    return order ? shown.sort((a, b) => order(a.group, b.group)) : shown;
  };

  // Fill the lists of edits, days and sources from the data.
  imgdedup.offer = (form) => {
    const found = { edit: new Set(), day: new Set(), source: new Set() };
    for (const { pairs } of imgdedup.groups) {
      for (const pair of pairs) {
        for (const part of pair.parts) found.edit.add(part);
        for (const image of [pair.keeper, pair.copy]) {
          for (const day of image.days) found.day.add(day);
          if (image.source) found.source.add(image.source);
        }
      }
    }
    for (const [name, values] of Object.entries(found)) {
      const options = [...values]
        .filter(Boolean)
        .sort()
        .map((value) => imgdedup.element("option", { value }, imgdedup.visible(value)));
      form.elements.namedItem(name).append(...options);
    }
  };

  // Make the data of a file ready: pairs refer to their images and their group.
  imgdedup.add = (groups) => {
    for (const group of groups) {
      for (const image of group.images) image.days ||= [];
      for (const pair of group.pairs) {
        pair.group = group;
        pair.keeper = group.images[pair.keeper];
        pair.copy = group.images[pair.copy];
        pair.names = folded(`${group.id}\n${pair.keeper.name}\n${pair.copy.name}`);
      }
      imgdedup.groups.push(group);
    }
    imgdedup.arrived();
  };
})();
