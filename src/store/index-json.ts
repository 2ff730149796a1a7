// index.json as the image-spec wants it (image-layout.md), for other programs only: `skopeo inspect oci:DATA:REFERENCE`.
// It is made anew from the references after each change; rrun itself never reads it.

import type { ReferenceRecord } from './refs.js';

export const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}\n';

export function encodeIndexJson(records: readonly ReferenceRecord[]): string {
  const manifests = records.map(({ reference, descriptor, layout }) => ({
    ...(layout ?? descriptor),
    // A record under a bare digest is an image without a name.
    ...(reference === descriptor.digest ? {} : { annotations: { 'org.opencontainers.image.ref.name': reference } }),
  }));
  return `${JSON.stringify({ schemaVersion: 2, mediaType: 'application/vnd.oci.image.index.v1+json', manifests })}\n`;
}
