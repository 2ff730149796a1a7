// `rrun explain`: the plan as text for people, or as JSON for programs, with the reason for each decision.

import type { Phase, Plan } from '../helper/plan.js';
import type { Decision } from '../util/decision.js';

export interface Explained {
  plan: Plan;
  decisions: readonly Decision[];
}

const PHASES: readonly { phase: Phase; title: string }[] = [
  { phase: 'monitor', title: 'monitor: what stays outside' },
  { phase: 'keeper', title: 'keeper: first process of the new namespaces' },
  { phase: 'init', title: 'init: becomes the command' },
  { phase: 'cleanup', title: 'cleanup: after the command has ended' },
];

export function explainText({ plan, decisions }: Explained): string {
  const width = Math.max(...decisions.map(({ topic }) => topic.length), 0);
  const lines = [
    'Decisions',
    ...decisions.map(({ topic, choice, why }) => `  ${topic.padEnd(width)}  ${choice} (${why})`),
  ];
  for (const { phase, title } of PHASES) {
    const steps = plan[phase];
    if (steps.length === 0) continue;
    lines.push(
      '',
      `Phase ${title}`,
      ...steps.map(({ op, args }) => `  ${op.padEnd(15)} ${args.map(quote).join(' ')}`.trimEnd()),
    );
  }
  return `${lines.join('\n')}\n`;
}

export function explainJson({ plan, decisions }: Explained): string {
  return `${JSON.stringify({ decisions, plan }, undefined, 2)}\n`;
}

/** As a shell would want it, so that an argument with spaces is seen to be one. */
function quote(text: string): string {
  if (text !== '' && /^[\w@%+=:,./{}-]+$/.test(text)) return text;
  return JSON.stringify(text);
}
