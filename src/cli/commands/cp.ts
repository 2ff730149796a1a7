// rrun cp: copies files between a container and the host.

import { RrunError } from '../../errors.js';
import { defineCommand } from '../command.js';

export const command = defineCommand({
  name: 'cp',
  summary: 'Copy files between a container and the host',
  usage: '[OPTIONS] CONTAINER:PATH PATH|-\n       rrun cp [OPTIONS] PATH|- CONTAINER:PATH',
  flags: {},
  args: { min: 2, max: 2 },
  run() {
    return Promise.reject(new RrunError('USAGE', 'cannot copy: this version of rrun has no "cp" yet'));
  },
});
