// The paper: an image of just the size that the network takes, so that what one sees is what it gets. Ink has hard
// edges, as in the training images, and its colour is the opposite of the data set's background.

import { GREYS, paint } from "./layers.js";

const STEPS = 58; // steps of the keyboard's pen across the paper
const PEN = 4 / 116; // width of the pen, as a share of the shorter side
const MOST_UNDONE = 50;

export class Sheet {
  constructor(canvas, cursor, changed) {
    Object.assign(this, { canvas, cursor, changed, width: 4, last: null, down: false, held: new Set() });
    this.state = document.getElementById("pen-state");
    canvas.addEventListener("pointerdown", (event) => this.#pointer(event, true));
    canvas.addEventListener("pointermove", (event) => this.#pointer(event, false));
    for (const name of ["pointerup", "pointercancel"]) canvas.addEventListener(name, (event) => this.#lift(event));
    canvas.addEventListener("keydown", (event) => this.#key(event));
    canvas.addEventListener("keyup", (event) => this.held.delete(event.key));
    canvas.addEventListener("blur", () => {
      this.held.clear();
      this.#lower(false);
    });
  }

  get empty() {
    return this.levels.every((level) => level === this.paper);
  }

  // Takes the size and the background of a network's images; the drawing stays where they are the same.
  fit({ width, height, background }) {
    const paper = background < 128 ? 0 : 255;
    if (this.canvas.width !== width || this.canvas.height !== height || this.paper !== paper) {
      Object.assign(this.canvas, { width, height });
      Object.assign(this, { paper, levels: new Uint8Array(width * height).fill(paper), past: [], at: [width / 2, height / 2] });
      this.canvas.style.background = paper ? "white" : "black";
      this.#paint();
    }
    return Math.max(1, Math.round(2 * PEN * Math.min(width, height)) / 2);
  }

  // At once: toBlob waits until the browser is idle, and while one draws that may take a second.
  png() {
    const content = atob(this.canvas.toDataURL("image/png").split(",")[1]);
    return new Blob([Uint8Array.from(content, (letter) => letter.charCodeAt(0))], { type: "image/png" });
  }

  // Shows an image as the network got it: bytes (channels, height, width), grey or colour.
  show({ channels, height, width }, bytes) {
    this.#remember();
    const size = height * width;
    this.levels = Uint8Array.from({ length: size }, (_, place) => {
      let sum = 0;
      for (let channel = 0; channel < channels; channel += 1) sum += bytes[channel * size + place];
      return Math.round(sum / channels);
    });
    this.#paint();
  }

  undo() {
    if (!this.past.length) return;
    this.levels = this.past.pop();
    this.#paint();
    this.changed(performance.now());
  }

  clear() {
    this.#remember();
    this.levels.fill(this.paper);
    this.#paint();
    this.changed(performance.now());
  }

  #remember() {
    this.past.push(this.levels.slice());
    if (this.past.length > MOST_UNDONE) this.past.shift();
  }

  // One finger draws; a second one would make strokes from one to the other.
  #pointer(event, first) {
    if (first) {
      if (event.button !== 0 || this.last) return;
      event.preventDefault();
      this.finger = event.pointerId;
      this.canvas.focus({ focusVisible: false });
      this.canvas.setPointerCapture(event.pointerId);
      this.#remember();
    } else if (!this.last || event.pointerId !== this.finger) {
      return;
    }
    const began = performance.now();
    const box = this.canvas.getBoundingClientRect();
    for (const each of event.getCoalescedEvents?.().length ? event.getCoalescedEvents() : [event]) {
      const x = ((each.clientX - box.left) * this.canvas.width) / box.width;
      const y = ((each.clientY - box.top) * this.canvas.height) / box.height;
      this.#stroke(this.last ?? [x, y], [x, y]);
      this.last = [x, y];
    }
    this.#paint();
    this.changed(began);
  }

  #lift(event) {
    if (event.pointerId === this.finger) this.last = null;
  }

  #key(event) {
    const arrows = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
    const actions = { " ": () => this.#lower(!this.down), Backspace: () => this.undo(), Delete: () => this.clear() };
    if (event.key in arrows) {
      this.held.add(event.key);
      this.#move([...this.held].map((key) => arrows[key]), event.shiftKey ? 4 : 1);
    } else if (event.key in actions && !event.repeat) {
      actions[event.key]();
    } else {
      return;
    }
    event.preventDefault();
  }

  #move(directions, times) {
    const began = performance.now();
    const { width, height } = this.canvas;
    const step = (times * Math.min(width, height)) / STEPS;
    const sum = (axis) => directions.reduce((total, direction) => total + direction[axis], 0);
    const keep = (value, most) => Math.min(most, Math.max(0, value));
    const next = [keep(this.at[0] + step * sum(0), width), keep(this.at[1] + step * sum(1), height)];
    if (this.down) this.#stroke(this.at, next);
    this.at = next;
    this.#paint();
    if (this.down) this.changed(began);
  }

  #lower(down) {
    if (down === this.down) return;
    this.down = down;
    if (down) this.#remember();
    this.state.textContent = down ? "The pen is down." : "The pen is up.";
    this.#paint();
  }

  // Ink for every pixel whose centre is within half the pen's width of the segment, and for the one under its end.
  #stroke([x0, y0], [x1, y1]) {
    const { width, height } = this.canvas;
    const [dx, dy, radius] = [x1 - x0, y1 - y0, this.width / 2];
    const squared = dx * dx + dy * dy || 1;
    const [left, right] = [Math.floor(Math.min(x0, x1) - radius), Math.ceil(Math.max(x0, x1) + radius)];
    const [top, bottom] = [Math.floor(Math.min(y0, y1) - radius), Math.ceil(Math.max(y0, y1) + radius)];
    for (let y = Math.max(0, top); y < Math.min(height, bottom); y += 1) {
      for (let x = Math.max(0, left); x < Math.min(width, right); x += 1) {
        const [px, py] = [x + 0.5 - x0, y + 0.5 - y0];
        const along = Math.min(1, Math.max(0, (px * dx + py * dy) / squared));
        const near = Math.hypot(px - along * dx, py - along * dy) <= radius;
        if (near || (x === Math.floor(x1) && y === Math.floor(y1))) this.levels[y * width + x] = 255 - this.paper;
      }
    }
  }

  #paint() {
    const { width, height } = this.canvas;
    paint(this.canvas, this.levels, GREYS);
    this.cursor.style.left = `${(100 * this.at[0]) / width}%`;
    this.cursor.style.top = `${(100 * this.at[1]) / height}%`;
    this.cursor.classList.toggle("down", this.down);
  }
}
