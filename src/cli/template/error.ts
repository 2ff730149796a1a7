// What is wrong with a template, in the words of Go's text/template, which users of Docker know.

/** A template that cannot be parsed (`at` absent) or that failed on the data (`at`: the words that failed). */
export class TemplateError extends Error {
  constructor(source: string, pos: number, problem: string, at?: string) {
    const before = source.slice(0, pos);
    const line = before.split('\n').length;
    if (at === undefined) super(`template: :${String(line)}: ${problem}`);
    else
      super(
        `template: :${String(line)}:${String(pos - before.lastIndexOf('\n') - 1)}: executing "" at <${at}>: ${problem}`,
      );
    this.name = 'TemplateError';
  }
}
