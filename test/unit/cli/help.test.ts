import assert from 'node:assert/strict';
import { test } from 'node:test';

import type { AnyCommand } from '../../../src/cli/command.js';
import {
  COMMAND_NAMES,
  LAUNCH_COMMANDS,
  NON_LAUNCH_COMMANDS,
  isReservedName,
  tryLoadCommand,
} from '../../../src/cli/commands.js';
import { commandHelp, mainHelp } from '../../../src/cli/help.js';
import { assertGolden } from '../../support/golden.js';

const COMMANDS = (await Promise.all(COMMAND_NAMES.map((name) => tryLoadCommand(name)))) as AnyCommand[];

test('mainHelp() is as in test/golden/help', () => {
  assertGolden('help/rrun.txt', mainHelp(COMMANDS));
});

for (const command of COMMANDS) {
  test(`commandHelp() of ${command.name} is as in test/golden/help`, () => {
    const text = commandHelp(command);
    assertGolden(`help/${command.name}.txt`, text);
    const wide = text.split('\n').filter((line) => line.length > 120);
    assert.deepEqual(wide, []);
  });

  test(`the table of flags of ${command.name} is sound`, () => {
    const shorts = new Set<string>();
    const longs = new Set<string>();
    for (const [name, spec] of Object.entries(command.flags)) {
      for (const long of [name, ...(spec.aliases ?? [])]) {
        assert.match(long, /^[a-z0-9]+(-[a-z0-9]+)*$/);
        assert.ok(!longs.has(long), `--${long} twice`);
        longs.add(long);
      }
      if (spec.short !== undefined) {
        assert.match(spec.short, /^[a-zA-Z]$/);
        assert.ok(!shorts.has(spec.short), `-${spec.short} twice`);
        shorts.add(spec.short);
      }
      assert.ok(spec.help !== '' && !spec.help.endsWith('.'), `help of --${name}`);
      if (typeof spec.default === 'string' && spec.choices !== undefined)
        assert.ok(spec.choices.includes(spec.default));
    }
    assert.ok(!longs.has('help'));
    assert.ok(!command.summary.endsWith('.'));
    assert.ok(command.args.min <= command.args.max);
  });
}

test('every name of the table is the name of its command', () => {
  assert.deepEqual(
    COMMANDS.map((command) => command.name),
    COMMAND_NAMES,
  );
});

test('launch, other and reserved names do not overlap', () => {
  for (const name of NON_LAUNCH_COMMANDS) {
    assert.ok(!(LAUNCH_COMMANDS as readonly string[]).includes(name), name);
    assert.ok(!isReservedName(name), name);
  }
});

test('tryLoadCommand() knows no names of Object.prototype', async () => {
  assert.equal(await tryLoadCommand('constructor'), undefined);
  assert.equal(await tryLoadCommand('__proto__'), undefined);
});
