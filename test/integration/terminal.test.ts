// The walk typed by hand on a real terminal (tmux): prompt, resize, Ctrl-C, detaching, and the terminal as it was before.

import assert from 'node:assert/strict';

import { kernelTest } from '../support/requires.js';
import { waitFor } from '../support/run-rrun.js';
import { openServedHome } from '../support/served-images.js';
import { openTerminal, type Terminal } from '../support/tmux.js';
import { rrunProgram } from '../support/paths.js';

const needs = ['userns', 'docker-registry', 'tmux', 'tun'] as const;

kernelTest('a shell on a terminal: progress, size, Ctrl-C, exit, start again', needs, async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const terminal = openTerminal(home);
  terminal.type(`alias rrun=${rrunProgram}; stty -a > before; clear`);
  terminal.type('rrun run -it --name hand alpine /bin/ash');
  await terminal.expect(/[#$]$/);
  await terminalIsRaw(terminal);
  terminal.type('tty; stty size; id -u; echo $((6*7)) marks the line');
  await terminal.expect(/\/dev\/pts\/0\s+30 100\s+0\s+42 marks the line/);
  terminal.resize(90, 20);
  await waitFor('the new size', async () => {
    terminal.type('stty size');
    return /20 90/.test(await terminal.expect(/stty size/)) ? true : undefined;
  });
  terminal.type('echo sleeping; sleep 600');
  await terminal.expect(/^sleeping$/m);
  terminal.press('C-c');
  await terminal.expect(/\^C\s+\S+ #$/);
  terminal.type('echo still here > /note; exit');
  await terminal.expect(/host>$/);
  await terminalIsAsBefore(terminal);
  terminal.type('clear; rrun ps -a');
  await terminal.expect(/hand[\s\S]*host>$/);
  terminal.type('clear; rrun start -ai hand');
  await terminal.expect(/[#$]$/);
  terminal.type('cat /note; exit 5');
  await terminal.expect(/still here[\s\S]*host>$/);
  terminal.type('echo code $?; rrun rm hand');
  await terminal.expect(/code 5[\s\S]*hand/);
});

kernelTest('the terminal is restored when rrun or the container is killed', needs, async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const terminal = openTerminal(home);
  terminal.type(`alias rrun=${rrunProgram}; stty -a > before; clear`);
  terminal.type('rrun run -it --rm --name one alpine sh -c "echo up; sleep 600"');
  await terminal.expect(/^up/m);
  await home.ok(['rm', '-f', 'one']);
  await terminal.expect(/host>$/);
  await terminalIsAsBefore(terminal);
  terminal.type('clear; rrun run -it --name two alpine sh -c "echo up; kill -TERM 1; sleep 600"');
  await terminal.expect(/^up/m);
  const [id = ''] = await home.containers();
  await home.ok(['rm', '-f', id]);
  await terminal.expect(/host>$/);
  await terminalIsAsBefore(terminal);
});

kernelTest('ctrl-p ctrl-q detaches, the container goes on', needs, async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const terminal = openTerminal(home);
  terminal.type(`alias rrun=${rrunProgram}; stty -a > before; clear`);
  terminal.type('rrun run -it --name left alpine sh -c "echo up; sleep 600"');
  await terminal.expect(/^up/m);
  terminal.press('C-p');
  terminal.press('C-q');
  await terminal.expect(/host>$/);
  await terminalIsAsBefore(terminal);
  assert.match(await home.ok(['ps', '--format', '{{.Names}} {{.Status}}']), /^left Up /);
  await home.ok(['rm', '-f', 'left']);
});

kernelTest('-t without a terminal is refused as Docker does with -i', ['docker-registry'], async (t) => {
  const home = await openServedHome(t, ['alpine']);
  const result = await home.run(['run', '-it', '--rm', 'alpine', 'true']);
  assert.equal(result.status, 125);
  assert.match(result.stderr, /^rrun: error: .*terminal/m);
});

/** The terminal around must not echo what the one inside does: Node, which made the plan, gives back its modes when it ends. */
async function terminalIsRaw(terminal: Terminal): Promise<void> {
  await waitFor('raw mode', () => (/-icanon[\s\S]* -echo /.test(terminal.modes()) ? true : undefined), 5000);
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.match(terminal.modes(), /-icanon[\s\S]* -echo /);
}

async function terminalIsAsBefore(terminal: Terminal): Promise<void> {
  terminal.type('clear; stty -a | grep -v rows > after; grep -v rows before | cmp - after && echo as before');
  await terminal.expect(/^as before/m);
}
