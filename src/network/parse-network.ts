// The grammar of --network, as podman and Docker write it.

import { RrunError } from '../errors.js';

export interface NetworkOption {
  kind: 'slirp4netns' | 'none' | 'host';
  slirp: SlirpSettings;
  /** What was typed, where it is taken as the default. */
  takenAsDefault?: string;
}

/** slirp4netns:KEY=VALUE,… */
export interface SlirpSettings {
  mtu?: number;
  cidr?: string;
  enableIPv6?: boolean;
  allowHostLoopback?: boolean;
  outboundAddress?: string;
  outboundAddress6?: string;
}

/** What Docker and podman call the network that a container has when nothing is said. */
const DEFAULT_WORDS = new Set(['', 'default', 'bridge', 'private']);

const NOW = 'use slirp4netns (the default), none or host';

export function parseNetwork(text: string | undefined): NetworkOption {
  if (text === undefined || DEFAULT_WORDS.has(text)) {
    return { kind: 'slirp4netns', slirp: {}, ...(text === undefined || text === '' ? {} : { takenAsDefault: text }) };
  }
  const colon = text.indexOf(':');
  const word = colon === -1 ? text : text.slice(0, colon);
  const options = colon === -1 ? undefined : text.slice(colon + 1);
  switch (word) {
    case 'slirp4netns':
      return { kind: 'slirp4netns', slirp: parseSlirpSettings(options ?? '') };
    case 'none':
    case 'host':
      if (options !== undefined)
        throw new RrunError('USAGE', `cannot use --network=${text}: "${word}" takes no options`);
      return { kind: word, slirp: {} };
    case 'pasta':
      throw new RrunError('USAGE', `cannot use --network=${text}: pasta is not supported yet`, { hint: NOW });
    case 'container':
    case 'ns':
      throw new RrunError('USAGE', `cannot use --network=${text}: joining a network namespace is not supported yet`, {
        hint: NOW,
      });
    default:
      throw new RrunError('USAGE', `cannot use --network=${text}: user-defined networks are not supported yet`, {
        hint: NOW,
      });
  }
}

function parseSlirpSettings(options: string): SlirpSettings {
  const settings: SlirpSettings = {};
  for (const option of options.split(',').filter((part) => part !== '')) {
    const equals = option.indexOf('=');
    const key = equals === -1 ? option : option.slice(0, equals);
    const value = equals === -1 ? '' : option.slice(equals + 1);
    applySetting(settings, key, value, option);
  }
  return settings;
}

function applySetting(settings: SlirpSettings, key: string, value: string, option: string): void {
  switch (key) {
    case 'mtu':
      if (!/^\d{1,6}$/.test(value)) throw bad(option, 'want a number');
      settings.mtu = Number(value);
      break;
    case 'cidr':
      settings.cidr = value;
      break;
    case 'enable_ipv6':
      settings.enableIPv6 = parseSwitch(value, option);
      break;
    case 'allow_host_loopback':
      settings.allowHostLoopback = parseSwitch(value, option);
      break;
    case 'outbound_addr':
      settings.outboundAddress = value;
      break;
    case 'outbound_addr6':
      settings.outboundAddress6 = value;
      break;
    case 'port_handler':
      // The only one here; podman's other is a program of its own.
      if (value !== 'slirp4netns') throw bad(option, 'the only port handler is slirp4netns');
      break;
    default:
      throw bad(option, 'want mtu=, cidr=, enable_ipv6=, allow_host_loopback=, outbound_addr= or outbound_addr6=');
  }
}

function parseSwitch(value: string, option: string): boolean {
  if (value === 'true') return true;
  if (value === 'false') return false;
  throw bad(option, 'want true or false');
}

function bad(option: string, want: string): RrunError {
  return new RrunError('USAGE', `cannot use --network=slirp4netns with "${option}": ${want}`);
}
