// Container names: the grammar of --name, and random ones in the style adjective_surname.

import { randomBytes, randomInt } from 'node:crypto';

import { RrunError } from '../errors.js';
import type { ContainerId } from '../util/brand.js';

const NAME_REGEXP = /^[a-zA-Z0-9][a-zA-Z0-9_.-]+$/;
/** A name is a file under names/, so NAME_MAX of the kernel bounds it. */
const NAME_LENGTH_MAX = 255;

const ADJECTIVES = (
  'able agile amber ample apt astute balanced bold brave breezy bright brisk calm candid careful cheerful clear clever ' +
  'cordial cosy curious daring deft eager earnest easy even exact fair fearless festive fine firm fluent fond frank ' +
  'free fresh gallant generous gentle glad golden graceful handy hardy hearty honest hopeful humble ideal jolly keen ' +
  'kind lively loyal lucid lucky mellow merry mild modest neat nimble noble open patient placid playful polite proud ' +
  'quick quiet radiant ready robust serene sharp silent sincere smart snug sober solid steady subtle sunny swift ' +
  'tender tidy tranquil upbeat vivid warm wise witty zesty'
).split(' ');

const SURNAMES = (
  'abel alhazen ampere anning archimedes avogadro babbage banneker becquerel bernoulli bessel boltzmann bose boyle ' +
  'brahe brahmagupta burnell cannon cantor carson cauchy celsius chandrasekhar chatelet clausius copernicus coulomb ' +
  'curie dalton darwin dirac eratosthenes euclid euler faraday fermat fermi feynman fleming fourier franklin galileo ' +
  'galois gauss germain gibbs goodall hamilton hawking heisenberg herschel hertz hilbert hodgkin hooke hopper humboldt ' +
  'hypatia joule kelvin kepler khayyam kovalevskaya lagrange lamarr laplace leavitt leibniz linnaeus lovelace ' +
  'maxwell mcclintock meitner mendel mendeleev mirzakhani nernst newton noether ohm pascal pasteur pauli planck ' +
  'poincare ramanujan riemann rubin sagan somerville tesla torricelli turing volta wu yukawa zermelo'
).split(' ');

/** Checks a name that a user chose; the words are Docker's. */
export function validateName(name: string): void {
  if (NAME_REGEXP.test(name) && name.length <= NAME_LENGTH_MAX) return;
  const why =
    name.length > NAME_LENGTH_MAX
      ? `it has ${name.length} characters, at most ${NAME_LENGTH_MAX} are allowed`
      : 'only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed, two characters or more';
  throw new RrunError('USAGE', `cannot name a container "${name}": ${why}`);
}

/** A random adjective_surname; from the fourth `attempt` on a digit more follows each time, so that a full store still gets one. */
export function randomName(attempt: number): string {
  const adjective = ADJECTIVES[randomInt(ADJECTIVES.length)] ?? 'calm';
  const surname = SURNAMES[randomInt(SURNAMES.length)] ?? 'noether';
  const digits = Math.min(Math.max(attempt - 2, 0), 12);
  return `${adjective}_${surname}${digits === 0 ? '' : String(randomInt(10 ** digits)).padStart(digits, '0')}`;
}

/** 64 random hex digits whose first 12 are not all decimal: such a short id could be taken for a number (Docker does the same). */
export function newContainerId(): ContainerId {
  for (;;) {
    const id = randomBytes(32).toString('hex');
    if (!/^\d{12}/.test(id)) return id as ContainerId;
  }
}
