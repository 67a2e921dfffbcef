// The slider through the training, and the button that moves it: from the first snapshot to the trained network.

const PACE = 500; // ms for a state

export class Playing {
  // `changed` is called for each new state.
  constructor(slider, shown, button, changed) {
    Object.assign(this, { slider, shown, button, changed, epochs: [], timer: 0 });
    slider.addEventListener("input", () => {
      this.stop();
      this.#move();
    });
    button.addEventListener("click", () => (this.timer ? this.stop() : this.#start()));
  }

  // After which epoch the chosen state was kept; null for the trained network.
  get epoch() {
    return this.epochs[Number(this.slider.value)] ?? null;
  }

  // Takes the epochs of another network, and shows its trained state.
  fit(epochs) {
    this.stop();
    this.epochs = epochs;
    this.slider.max = epochs.length;
    this.slider.value = epochs.length;
    this.#say();
  }

  stop() {
    clearInterval(this.timer);
    this.timer = 0;
    this.button.textContent = "Play";
  }

  #start() {
    this.button.textContent = "Stop";
    if (this.epoch === null) this.slider.value = 0;
    else this.slider.value = Number(this.slider.value) + 1;
    this.timer = setInterval(() => {
      this.slider.value = Number(this.slider.value) + 1;
      this.#move();
      if (this.epoch === null) this.stop();
    }, PACE);
    this.#move();
  }

  #move() {
    this.#say();
    this.changed();
  }

  #say() {
    const said = this.epoch === null ? "trained" : `after epoch ${this.epoch}`;
    this.shown.textContent = said;
    this.slider.setAttribute("aria-valuetext", said);
  }
}
