// Type-aware rules; a forbidden import or call carries its reason.
import tseslint from 'typescript-eslint';

const koffi = { name: 'koffi', message: 'Only src/sys/ calls libc; add a typed function there.' };
const zx = { name: 'zx', message: 'zx is for scripts/ only.' };
const spawn = ['node:child_process', 'child_process'].map((name) => ({
  name,
  message: 'Programs are started by src/util/spawn.ts, by src/helper/ and by the public wrappers.',
}));
const sockets = ['node:http', 'node:https', 'node:net', 'node:dgram', 'node:tls', 'node:dns', 'undici'].map((name) => ({
  name,
  message: 'Only src/registry/ and src/network/ open sockets.',
}));
const terminal = [
  {
    selector: "MemberExpression[object.name='console']",
    message: 'Only src/cli/ prints.',
  },
  {
    selector: "MemberExpression[object.name='process'][property.name=/^(exit|exitCode)$/]",
    message: 'Only src/cli/ decides the exit code; throw an RrunError.',
  },
];

/** Rules of one folder: what it may import beside the general rules. */
function folder(files, { paths = [koffi, zx, ...spawn, ...sockets], syntax = terminal } = {}) {
  return {
    files,
    rules: {
      'no-restricted-imports': ['error', { paths }],
      'no-restricted-syntax': ['error', ...messageForm, ...syntax],
    },
  };
}

/** style: messages are lower case, without a period at the end, and say what could not be done. */
const messageForm = [
  {
    selector: "NewExpression[callee.name='RrunError'] > Literal.arguments:nth-child(2)[value=/\\.$/]",
    message: 'A message has no period at the end.',
  },
  {
    selector: "NewExpression[callee.name='RrunError'] > Literal.arguments:nth-child(2)[value=/^[A-Z]/]",
    message: 'A message starts in lower case.',
  },
  {
    selector:
      "NewExpression[callee.name='RrunError'] > TemplateLiteral > TemplateElement:last-child[tail=true][value.raw=/\\.$/]",
    message: 'A message has no period at the end.',
  },
];

export default tseslint.config(
  { ignores: ['build*/', 'dist/', 'node_modules/', 'helpers/', 'test/golden/'] },
  {
    files: ['src/**/*.ts', 'test/**/*.ts'],
    extends: [tseslint.configs.base],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/await-thenable': 'error',
      '@typescript-eslint/no-explicit-any': 'error',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [
            { from: 'package', name: ['test', 'suite', 'describe', 'it'], package: 'node:test' },
          ],
        },
      ],
      '@typescript-eslint/no-misused-promises': 'error',
      '@typescript-eslint/no-unsafe-assignment': 'error',
      '@typescript-eslint/no-unsafe-argument': 'error',
      '@typescript-eslint/no-unsafe-call': 'error',
      '@typescript-eslint/no-unsafe-member-access': 'error',
      '@typescript-eslint/no-unsafe-return': 'error',
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', caughtErrors: 'none' },
      ],
      '@typescript-eslint/only-throw-error': 'error',
      '@typescript-eslint/prefer-promise-reject-errors': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: 'error',
      'max-params': ['error', 4],
      'no-var': 'error',
      'prefer-const': 'error',
    },
  },
  folder(['src/**/*.ts']),
  folder(['src/sys/**/*.ts'], { paths: [zx, ...spawn, ...sockets] }),
  // The two public wrappers start what they wrap.
  folder(['src/helper/**/*.ts', 'src/snapshot/fuse-overlayfs.ts', 'src/util/spawn.ts'], {
    paths: [koffi, zx, ...sockets],
  }),
  folder(['src/registry/**/*.ts', 'src/network/**/*.ts'], { paths: [koffi, zx, ...spawn] }),
  folder(['src/cli/**/*.ts'], { syntax: [] }),
  // A system call has as many parameters as it has.
  { files: ['src/sys/**/*.ts'], rules: { 'max-params': 'off' } },
);
