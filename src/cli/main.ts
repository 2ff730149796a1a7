// The file that Node is started on: one command line, one exit code. What it does is in dispatch.ts, which tests can import.

import { dispatch, processOutside } from './dispatch.js';

// Everything was written synchronously; waiting for idle sockets and timers would only cost time.
void dispatch(process.argv.slice(2), processOutside()).then((code) => process.exit(code));
