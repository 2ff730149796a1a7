// How the rootfs gets where init can pivot into it, by storage driver.

import type { RootfsMount } from '../snapshot/prepare-rootfs.js';
import { step, type InitOp, type KeeperOp, type PlanStep } from '../helper/plan.js';

export interface RootfsSteps {
  keeper: PlanStep<KeeperOp>[];
  init: PlanStep<InitOp>[];
}

export function rootfsSteps(rootfs: RootfsMount): RootfsSteps {
  const { driver, target } = rootfs;
  switch (driver) {
    case 'overlay':
      return {
        keeper: [],
        init: [
          step(
            'overlay',
            target,
            rootfs.upper ?? '',
            rootfs.work ?? '',
            rootfs.volatile ? 'volatile' : '',
            ...rootfs.lower,
          ),
          step('rootfs', target, 'mounted'),
        ],
      };
    case 'fuse-overlayfs':
      // Mounted by the keeper, in a mount namespace that init gets a copy of: the file system then outlives no container, and sees the host's paths.
      return {
        keeper: [
          step('unshare', 'mount'),
          step('run', 'fuse-overlayfs', rootfs.fuseOverlayfs ?? '', 'fuse-overlayfs', ...(rootfs.fuseArgs ?? [])),
        ],
        init: [step('rootfs', target, 'mounted')],
      };
    case 'vfs':
    case 'rootfs':
      return { keeper: [], init: [step('rootfs', target, 'bind')] };
  }
}
