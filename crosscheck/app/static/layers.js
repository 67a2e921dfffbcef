// Shows what each layer made of the drawing: a small picture for each channel, all of a layer on one scale.

const IMAGE = "The image as the network gets it";
const LARGEST_UNIT = 8; // px
const isVector = (layer) => layer.name.startsWith("hidden") && layer.channels === 1 && layer.total > 1;
const number = (value) => (value === 0 ? "0" : Math.abs(value) < 100 ? value.toPrecision(2) : value.toFixed(0));

// A scale of 256 colours as pixels of canvas, each four bytes in one number: far quicker than byte by byte.
const packed = (colours) => new Uint32Array(Uint8Array.from(colours.flatMap((colour) => [...colour, 255])).buffer);
export const GREYS = packed(Array.from({ length: 256 }, (_, level) => [level, level, level]));
export const scaleOf = (colours) => ({ colours, pixels: packed(colours) });

export function showLayers(place, answer, network, scales) {
  if (place.children.length !== answer.layers.length) place.replaceChildren(...answer.layers.map(empty));
  let start = 0;
  answer.layers.forEach((layer, index) => {
    const figure = place.children[index];
    const size = layer.height * layer.width;
    const scale = layer.name === "image" ? null : scales[layer.signed ? "signed" : "positive"];
    figure.querySelector("figcaption").replaceChildren(...caption(layer, scale?.colours));
    const canvases = figure.querySelectorAll("canvas.map");
    if (layer.name === "image" && layer.channels === 3) {
      paintColours(canvases[0], answer.maps.subarray(start, start + 3 * size));
      describe(canvases[0], IMAGE);
    } else {
      canvases.forEach((canvas, channel) => {
        const levels = answer.maps.subarray(start + channel * size, start + (channel + 1) * size);
        paint(canvas, levels, scale?.pixels ?? GREYS);
        const highest = levels.reduce((one, other) => Math.max(one, other)) / 255;
        const most = layer.signed ? 2 * highest - 1 : highest;
        const differs = levels.some((level) => level !== levels[0]);
        const silent = !layer.signed && most === 0;
        const name = layer.name === "classify" ? network.classes[channel] : channel;
        const range = silent ? "all 0" : `to ${number(most * layer.high)}`;
        canvas.nextElementSibling.textContent = label(layer, name, range);
        const text = `${layer.name} ${canvas.nextElementSibling.textContent || range}${differs ? "" : ", even"}`;
        describe(canvas, layer.name === "image" ? IMAGE : text);
      });
    }
    start += layer.channels * size;
  });
}

function label(layer, name, range) {
  if (layer.name === "image") return "";
  return isVector(layer) ? "" : `${name}: ${range}`;
}

function caption(layer, colours) {
  const what = {
    block: `convolution and pooling, ${layer.total} channels of ${layer.height} x ${layer.width}`,
    backbone: `its last maps, ${layer.total} channels of ${layer.height} x ${layer.width}`,
    hidden: `${layer.total.toLocaleString("en")} units, row by row`,
    classify: "a map for each class",
  };
  const kind = layer.name.replace(/\d+$/, "");
  const shown = layer.channels > 1 && layer.channels < layer.total ? `, the first ${layer.channels} shown` : "";
  const text = kind === "image" ? IMAGE : `${layer.name}: ${what[kind]}${shown}`;
  if (!colours) return [text];
  const bar = document.createElement("span");
  bar.className = "scale";
  const stops = [0, 51, 102, 153, 204, 255].map((level) => `rgb(${colours[level].join(",")})`);
  bar.style.background = `linear-gradient(to right, ${stops.join(",")})`;
  const range = document.createElement("span");
  range.className = "bar";
  range.append(String(layer.signed ? number(-layer.high) : 0), bar, number(layer.high));
  return [`${text}. `, range];
}

function empty(layer) {
  const figure = document.createElement("figure");
  const maps = document.createElement("div");
  maps.className = "maps";
  const vector = isVector(layer);
  const count = layer.name === "image" ? 1 : layer.channels;
  for (let channel = 0; channel < count; channel += 1) {
    const [box, canvas, text] = ["div", "canvas", "div"].map((tag) => document.createElement(tag));
    box.classList.toggle("vector", vector);
    canvas.className = vector ? "map wide" : "map";
    Object.assign(canvas, { width: layer.width, height: layer.height });
    if (vector) canvas.style.width = `${LARGEST_UNIT * layer.width}px`;
    canvas.setAttribute("role", "img");
    box.append(canvas, text);
    maps.append(box);
  }
  figure.append(document.createElement("figcaption"), maps);
  return figure;
}

function describe(canvas, text) {
  canvas.setAttribute("aria-label", text);
}

// Bytes (height, width) on a scale.
export function paint(canvas, levels, pixels) {
  const image = new ImageData(canvas.width, canvas.height);
  const out = new Uint32Array(image.data.buffer);
  for (let at = 0; at < out.length; at += 1) out[at] = pixels[levels[at]];
  canvas.getContext("2d").putImageData(image, 0, 0);
}

// Bytes (3, height, width): red, green and blue.
function paintColours(canvas, levels) {
  const image = new ImageData(canvas.width, canvas.height);
  const size = canvas.width * canvas.height;
  for (let at = 0; at < size; at += 1) {
    for (let channel = 0; channel < 3; channel += 1) image.data[4 * at + channel] = levels[channel * size + at];
    image.data[4 * at + 3] = 255;
  }
  canvas.getContext("2d").putImageData(image, 0, 0);
}
