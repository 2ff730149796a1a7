// Loads what is needed of undici, and puts it together as its own index.js does.

import api from 'undici/lib/api/index.js';
import Agent from 'undici/lib/dispatcher/agent.js';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import ProxyAgent from 'undici/lib/dispatcher/proxy-agent.js';

// request(), connect() and the like are methods of every dispatcher only from here on.
Object.assign(Dispatcher.prototype, api);

export { Agent, ProxyAgent };
