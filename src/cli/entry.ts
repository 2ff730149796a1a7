// The file that Node is started on: main() with this process's arguments. Kept apart so that tests can import main().

import { main, processOutside } from './main.js';

// Everything was written synchronously; waiting for idle sockets and timers would only cost time.
process.exit(await main(process.argv.slice(2), processOutside()));
