#!/usr/bin/env node
// Pushes an OCI layout to a plain-HTTP registry: push-image.mjs FOLDER HOST:PORT NAME TAG.
import { pushLayout } from './lib/oci.mjs';

const [dir, registry, name, tag] = process.argv.slice(2);
if (tag === undefined) throw new Error('usage: push-image.mjs FOLDER HOST:PORT NAME TAG');
await pushLayout(dir, registry, name, tag);
