// The limits in HostConfig of `inspect`: Docker's names, with the values of a container without limits.

import type { Spec } from '../bundle/spec.wire.js';
import type { Json, JsonObject } from './json.js';

/** Limits that are set through cgroups. */
export function hostConfigLimits(): JsonObject {
  return {
    CpuShares: 0,
    Memory: 0,
    NanoCpus: 0,
    CgroupParent: '',
    BlkioWeight: 0,
    BlkioWeightDevice: [],
    BlkioDeviceReadBps: [],
    BlkioDeviceWriteBps: [],
    BlkioDeviceReadIOps: [],
    BlkioDeviceWriteIOps: [],
    CpuPeriod: 0,
    CpuQuota: 0,
    CpuRealtimePeriod: 0,
    CpuRealtimeRuntime: 0,
    CpusetCpus: '',
    CpusetMems: '',
    DeviceCgroupRules: null,
    DeviceRequests: null,
    MemoryReservation: 0,
    MemorySwap: 0,
    MemorySwappiness: null,
    OomKillDisable: false,
    PidsLimit: null,
    CpuCount: 0,
    CpuPercent: 0,
    IOMaximumIOps: 0,
    IOMaximumBandwidth: 0,
  };
}

/** "RLIMIT_NOFILE" → { Name: "nofile", … }. */
export function ulimitDocuments(spec: Spec): Json[] {
  return (spec.process?.rlimits ?? []).map(({ type, soft, hard }) => ({
    Name: type.replace(/^RLIMIT_/, '').toLowerCase(),
    Hard: limitNumber(hard),
    Soft: limitNumber(soft),
  }));
}

/** Docker writes "unlimited" as -1; the runtime-spec as the largest 64-bit number. */
function limitNumber(limit: number): number {
  return limit > Number.MAX_SAFE_INTEGER ? -1 : limit;
}
