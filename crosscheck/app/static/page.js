// Draws, asks the server what the chosen network makes of the drawing, and shows its answer layer by layer.

import { scaleOf, showLayers } from "./layers.js";
import { Playing } from "./playing.js";
import { Sheet } from "./sheet.js";
import { inShort, showClasses, showNoVerdict, showVerdict } from "./verdict.js";
import { Why } from "./why.js";

const REST = 250; // ms without a stroke after which the other networks are asked as well
const LONGER_REST = 400; // ms more after which the answer is explained
const SLOW = 400; // ms after which the page says that it waits for the explanation
const GONE = "The server does not answer. Start it again: make demo";
const element = (id) => document.getElementById(id);

let networks = [];
let scales = {};
let chosen = 0;
let source = null; // the user's file, as { file, shown, before }; null where the drawing is looked at
let answered = null; // the newest answer, with its image
let busy = false;
let waiting = null; // when the first of the strokes came that came while it was busy
let round = 0; // counts what was asked: an answer to an older question is not shown
let resting = 0;

const drawn = (moved) => {
  source = null;
  look(moved);
};
const sheet = new Sheet(element("drawing"), element("pen"), drawn);
const playing = new Playing(element("epoch"), element("epoch-shown"), element("play"), () => look());
const why = new Why(element);

// The server's answer, or null where it has stopped because of another question.
async function ask(what, image, network, epoch) {
  const where = new URLSearchParams({ network, ...(epoch === null ? {} : { epoch }) });
  const request = { method: "POST", headers: { "Content-Type": image.type || "image/unknown" }, body: image };
  const answer = await fetch(`${what}?${where}`, request).catch(() => {
    throw new Error(GONE);
  });
  if (answer.status === 204) return null;
  if (!answer.ok) {
    const reason = await answer.json().catch(() => ({}));
    throw new Error(typeof reason.detail === "string" ? reason.detail : `the server answered ${answer.status}`);
  }
  const bytes = new Uint8Array(await answer.arrayBuffer());
  const end = bytes.indexOf(10);
  return { ...JSON.parse(new TextDecoder().decode(bytes.subarray(0, end))), maps: bytes.subarray(end + 1), image };
}

// One question at a time, and always about the newest drawing.
async function look(began = performance.now()) {
  clearTimeout(resting);
  round += 1;
  why.hide();
  if (busy) {
    waiting ??= began;
    return;
  }
  waiting = null;
  element("problem").textContent = "";
  if (!source && sheet.empty) {
    showNothing();
    return;
  }
  busy = true;
  const [asked, from] = [chosen, source];
  try {
    const answer = await ask("look", from?.file ?? sheet.png(), asked, playing.epoch);
    if (from && from === source && !from.shown) {
      sheet.show(answer.layers[0], answer.maps);
      from.shown = true;
    }
    if (asked === chosen) show(answer, began);
  } catch (error) {
    element("problem").textContent = error.message === GONE ? GONE : `${from ? from.file.name : "No answer"}: ${error.message}.`;
    if (from && from === source) source = from.before;
  }
  busy = false;
  if (waiting === null) resting = setTimeout(compare, REST);
  else look(waiting);
}

function show(answer, began) {
  answered = answer;
  document.body.classList.remove("empty");
  element("play").disabled = false;
  networks.forEach((_, index) => (element(`answer-${index}`).textContent = ""));
  showVerdict(answer, networks[chosen].classes);
  element("drawing").setAttribute("aria-label", `Drawing. ${element("verdict").textContent}`);
  showLayers(element("layers"), answer, networks[chosen], scales);
  const took = performance.now() - began;
  element("time").textContent = `Answered in ${took.toFixed(0)} ms.`;
  document.body.dataset.answers = Number(document.body.dataset.answers ?? 0) + 1;
  document.body.dataset.milliseconds = took.toFixed(1);
}

// On empty paper there is nothing to say.
function showNothing() {
  answered = null;
  playing.stop();
  document.body.classList.add("empty");
  element("play").disabled = true;
  networks.forEach((_, index) => (element(`answer-${index}`).textContent = ""));
  showNoVerdict();
  why.invite();
  for (const id of ["time", "spoken"]) element(id).textContent = "";
  element("layers").replaceChildren();
  element("drawing").setAttribute("aria-label", "Drawing, empty");
}

// When the pen rests, every network says what it makes of the drawing.
async function compare() {
  if (!answered) return;
  const mine = round;
  const { image } = answered;
  element("spoken").textContent = `${element("verdict").textContent} ${element("distance").textContent}`;
  for (const [index, { classes }] of networks.entries()) {
    const said = await ask("look", image, index, null).then((answer) => inShort(answer, classes), () => "no answer");
    if (mine !== round) return;
    element(`answer-${index}`).textContent = said;
  }
  resting = setTimeout(explain, LONGER_REST);
}

// When it rests longer, the chosen network's answer is explained. Where it gives none, there is nothing to explain.
async function explain() {
  if (!answered?.in_distribution || !element("explain").checked) return;
  const mine = round;
  const slow = setTimeout(() => why.wait(), SLOW);
  try {
    const found = await ask("explain", answered.image, chosen, playing.epoch);
    if (found && mine === round) why.show(found, found.maps, networks[chosen].classes[found.label], scales.signed.colours);
  } catch (error) {
    if (mine === round) element("problem").textContent = `No explanation: ${error.message}.`;
  } finally {
    clearTimeout(slow);
  }
}

function choose(index) {
  chosen = index;
  answered = null;
  const network = networks[index];
  element("about").textContent = `${network.name}: ${network.about}.`;
  showClasses(network.classes);
  element("layers").replaceChildren();
  element("animation").hidden = !network.epochs.length;
  playing.fit(network.epochs);
  const width = sheet.fit(network);
  if (source) source.shown = false;
  element("width").max = 3 * width;
  element("width").value = width;
  showWidth();
  look();
}

function showWidth() {
  sheet.width = Number(element("width").value);
  element("width-shown").textContent = `${sheet.width} px`;
}

function takeFile(file) {
  if (!file) return;
  if (file.type && !file.type.startsWith("image/")) {
    element("problem").textContent = `${file.name} is not an image.`;
    return;
  }
  source = { file, shown: false, before: source };
  look();
}

function listNetworks() {
  networks.forEach((network, index) => {
    const label = document.createElement("label");
    const [radio, name, answer] = ["input", "span", "output"].map((tag) => document.createElement(tag));
    Object.assign(radio, { type: "radio", name: "network", value: index, checked: index === 0 });
    radio.addEventListener("change", () => choose(index));
    name.textContent = network.name;
    answer.id = `answer-${index}`;
    label.append(radio, name, answer);
    element("networks").append(label);
  });
}

function listen() {
  element("undo").addEventListener("click", () => sheet.undo());
  element("clear").addEventListener("click", () => sheet.clear());
  element("width").addEventListener("input", showWidth);
  element("explain").addEventListener("change", () => {
    why.hide();
    explain();
  });
  element("file").addEventListener("change", (event) => {
    takeFile(event.target.files[0]);
    event.target.value = "";
  });
  const over = (yes) => element("sheet").classList.toggle("over", yes);
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    over(true);
  });
  document.addEventListener("dragleave", () => over(false));
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    over(false);
    takeFile(event.dataTransfer.files[0]);
  });
}

async function start() {
  try {
    const found = await (await fetch("networks")).json();
    ({ networks } = found);
    scales = Object.fromEntries(Object.entries(found.palettes).map(([name, colours]) => [name, scaleOf(colours)]));
  } catch {
    element("problem").textContent = GONE;
    return;
  }
  listNetworks();
  listen();
  choose(0);
  document.body.dataset.ready = "yes";
}

start();
