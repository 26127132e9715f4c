/** Settings of the flow cache that hold for all datapaths of the switch. */

/** Settings of the Open_vSwitch table that bound the flow cache. */
export const FLOW_SETTINGS = {
  flowLimit: 200_000,
  maxIdleMs: 10_000,
  maxRevalidatorMs: 500,
  minRevalidatePps: 5,
};

/** `upcall/disable-megaflows`: match packets exactly, for debugging. */
export const DEBUG = { megaflows: true, ufid: true };
