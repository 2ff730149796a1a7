// Collects what a check finds, prints it, and sets the exit code.
export class Problems {
  #name;
  #found = [];

  constructor(name) {
    this.#name = name;
  }

  add(where, text) {
    this.#found.push(`${where}: ${text}`);
  }

  finish() {
    for (const problem of this.#found) console.error(problem);
    if (this.#found.length === 0) return;
    console.error(`${this.#name}: ${this.#found.length} problem${this.#found.length === 1 ? '' : 's'}`);
    process.exitCode = 1;
  }
}
