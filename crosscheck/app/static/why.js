// Shows on the drawing which places speak for the answer, and says it in a sentence: by occlusion, from the server.

const FAINT = 0.1; // nats: less than that does not matter
const LONGEST = 24; // letters of a class in the sentence
const MOST_INK = 0.7; // of the colours over the drawing
const [ROWS, COLUMNS] = [["upper ", "", "lower "], ["left", "", "right"]];

export class Why {
  constructor(element) {
    Object.assign(this, {
      canvas: element("reasons"),
      text: element("why"),
      marks: { 1: element("most-for"), "-1": element("most-against") },
    });
    this.invitation = this.text.textContent;
  }

  hide() {
    this.canvas.hidden = true;
    for (const mark of Object.values(this.marks)) mark.hidden = true;
    this.text.textContent = "";
  }

  invite() {
    this.hide();
    this.text.textContent = this.invitation;
  }

  wait() {
    this.text.textContent = "Looking for the places that matter …";
  }

  // `map`: bytes (height, width), 255 for `high` nats of log odds and 0 for -high; positive where a place speaks for
  // the class `name`.
  show({ height, width, high }, map, label, colours) {
    const name = label.length <= LONGEST ? label : `${label.slice(0, LONGEST - 1)}…`;
    const value = (level) => (2 * level) / 255 - 1;
    if (high < FAINT) {
      this.text.textContent = `No single place matters: covered, it changes the log odds of ${name} by less than ${FAINT}.`;
      return;
    }
    this.#paint(map, width, height, colours, value);
    this.canvas.hidden = false;
    const places = { 1: this.#mark(map, width, height, 1, high), "-1": this.#mark(map, width, height, -1, high) };
    const parts = [
      places[1] && `Red (+) speaks for ${name}, most ${places[1]}`,
      places[-1] && (places[1] ? "blue (−) against it" : `Blue (−) speaks against ${name}`) + `, most ${places[-1]}`,
    ];
    this.text.textContent =
      `${parts.filter(Boolean).join("; ")}. Covered, a place changes the log odds by up to ${high.toPrecision(2)}.`;
  }

  // The ends of the scale that layers with signs have, more or less of them, so that the drawing shows through.
  #paint(map, width, height, colours, value) {
    Object.assign(this.canvas, { width, height });
    const image = new ImageData(width, height);
    map.forEach((level, at) => {
      const share = value(level);
      image.data.set(colours[share > 0 ? 230 : 25], 4 * at);
      image.data[4 * at + 3] = 255 * MOST_INK * Math.abs(share);
    });
    this.canvas.getContext("2d").putImageData(image, 0, 0);
  }

  // Marks where the map is most for (1) or against (-1), and says where that is; "" where it is too little to matter.
  #mark(map, width, height, sign, high) {
    let most = 0;
    for (let at = 1; at < map.length; at += 1) if (sign * (map[at] - map[most]) > 0) most = at;
    const strongest = sign * ((2 * map[most]) / 255 - 1);
    if (strongest * high < FAINT || strongest < 0.1) return "";
    // Squares were covered, so values are the same for several pixels: their middle.
    const [column, row] = [most % width, Math.floor(most / width)];
    let [wide, tall] = [1, 1];
    while (column + wide < width && map[most + wide] === map[most]) wide += 1;
    while (row + tall < height && map[most + tall * width] === map[most]) tall += 1;
    const [x, y] = [(column + wide / 2) / width, (row + tall / 2) / height];
    const mark = this.marks[sign];
    mark.style.left = `${100 * x}%`;
    mark.style.top = `${100 * y}%`;
    mark.hidden = false;
    return placeName(x, y);
  }
}

function placeName(x, y) {
  const [row, column] = [ROWS[Math.min(2, Math.floor(3 * y))], COLUMNS[Math.min(2, Math.floor(3 * x))]];
  if (!row && !column) return "in the middle";
  if (!column) return row === "upper " ? "at the top" : "at the bottom";
  return `at the ${row}${column}`;
}
