// Gives the plan to the `rrun` that started this Node, which carries it out. Nothing of the launch is Node's from then on.

import { closeSync, writeSync } from 'node:fs';

import { RrunError } from '../errors.js';
import { encodePlan, type Plan } from '../helper/plan.js';

/** Writes the plan to the pipe that RRUN_PLAN_FD names. */
export function handOver(plan: Plan): void {
  const fd = Number(process.env['RRUN_PLAN_FD'] ?? NaN);
  if (!Number.isInteger(fd) || fd < 3) {
    throw new RrunError('HELPER_FAILED', 'cannot start a container: node was not started by rrun', {
      hint: 'use the program "rrun" instead of its JavaScript part',
    });
  }
  const bytes = encodePlan(plan);
  for (let at = 0; at < bytes.length;) at += writeSync(fd, bytes, at);
  closeSync(fd);
}
